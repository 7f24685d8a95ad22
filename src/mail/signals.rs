//! Marks of mail that no person wrote by hand: automatic answers, lists, bounces, loops (RFC 3834, RFC 2919, RFC 5321
//! section 4.5.5). A mark says "do not answer"; it never says what the mail means, and never "drop".

use serde::{Deserialize, Serialize};

use super::message::Mail;

/// One mark, with what it was seen on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// `Auto-Submitted` other than `no`.
    AutoSubmitted(String),
    /// `Precedence: bulk | junk | list | auto_reply`.
    Precedence(String),
    /// `List-Id` or another `List-*` field.
    List(String),
    /// `X-Auto-Response-Suppress`.
    SuppressResponse(String),
    /// `X-RT-Loop-Prevention`, `X-Loop`, `X-Autoreply`, `X-Autorespond` and their kin: the field's name.
    LoopField(String),
    /// `Return-Path: <>`.
    NullSender,
    /// mailer-daemon, postmaster and their kin as author.
    DaemonAuthor(String),
    /// `multipart/report`.
    Report,
    /// An out-of-office subject in one of the languages that helpdesks use.
    OutOfOffice(String),
}

/// All marks of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signals {
    /// Every mark found.
    pub marks: Vec<Mark>,
    /// Value of our own loop header (`X-GGUS-Loop`), where present: the instance that sent it.
    pub own_loop: Option<String>,
    /// The mail reports a delivery failure in a form that [`report`](super::report) can read.
    pub bounce: bool,
}

impl Signals {
    /// Whether any mark forbids an automatic answer.
    pub fn automatic(&self) -> bool {
        !self.marks.is_empty() || self.own_loop.is_some() || self.bounce
    }
}

/// Collects the marks of a mail. `loop_header` is the desk's own (`X-GGUS-Loop`).
pub fn signals(mail: &Mail, loop_header: &str) -> Signals {
    let _ = (mail, loop_header);
    todo!("reader")
}

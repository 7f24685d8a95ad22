//! Marks of mail that no person wrote by hand: automatic answers, lists, bounces, loops (RFC 3834, RFC 2919, RFC 5321
//! section 4.5.5). A mark says "do not answer"; it never says what the mail means, and never "drop".

use serde::{Deserialize, Serialize};

use super::absence;
use super::message::Mail;
use super::report::report;

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
    /// Its text says that its author is away; a person may have written it all the same.
    SaysAway,
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

/// Fields whose mere presence says that a program wrote the mail.
const LOOP_FIELDS: [&str; 11] = [
    "X-RT-Loop-Prevention",
    "X-Loop",
    "X-OTRS-Loop",
    "X-Roundup-Loop",
    "X-Libredesk-Loop-Prevention",
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Mail-Autoreply",
    "X-FC-Machinegenerated",
    "X-JIRA-FingerPrint",
];

/// Local parts of addresses behind which nobody sits.
const DAEMONS: [&str; 6] = ["mailer-daemon", "mail-daemon", "postmaster", "mdaemon", "mmdf", "bounces"];

/// Collects the marks of a mail. `loop_header` is the desk's own (`X-GGUS-Loop`).
pub fn signals(mail: &Mail, loop_header: &str) -> Signals {
    let mut marks = Vec::new();
    headers(mail, &mut marks);
    if mail.headers_named("Return-Path").next().is_some_and(|value| value.replace(' ', "") == "<>") {
        marks.push(Mark::NullSender);
    }
    if let Some(sender) = mail.sender().filter(|sender| is_daemon(sender.local())) {
        marks.push(Mark::DaemonAuthor(sender.to_string()));
    }
    if mail.content_type.starts_with("multipart/report") {
        marks.push(Mark::Report);
    }
    if let Some(words) = absence::in_subject(&mail.subject) {
        marks.push(Mark::OutOfOffice(words.to_owned()));
    }
    let bounce = report(mail).is_some();
    Signals { marks, own_loop: mail.header(loop_header).map(str::to_owned), bounce }
}

fn headers(mail: &Mail, marks: &mut Vec<Mark>) {
    // RFC 3834 section 5: a value may carry parameters and comments behind the keyword.
    let keyword = |value: &str| value.split([';', '(', ' ']).next().unwrap_or_default().trim().to_lowercase();
    let first = |name: &str| mail.header(name).map(keyword).filter(|word| !word.is_empty());
    marks.extend(first("Auto-Submitted").filter(|word| word != "no").map(Mark::AutoSubmitted));
    let bulk = |word: &String| ["bulk", "junk", "list", "auto_reply"].contains(&word.as_str());
    marks.extend(first("Precedence").filter(bulk).map(Mark::Precedence));
    let is_list =
        |name: &str| name.to_ascii_lowercase().starts_with("list-") || name.eq_ignore_ascii_case("mailing-list");
    if let Some(field) = mail.headers.iter().find(|field| is_list(&field.name)) {
        marks.push(Mark::List(field.name.clone()));
    }
    if let Some(value) = mail.header("X-Auto-Response-Suppress").filter(|value| !value.eq_ignore_ascii_case("none")) {
        marks.push(Mark::SuppressResponse(value.to_owned()));
    }
    let present =
        LOOP_FIELDS.iter().filter(|name| mail.header(name).is_some_and(|value| !value.eq_ignore_ascii_case("no")));
    marks.extend(present.map(|name| Mark::LoopField((*name).to_owned())));
}

fn is_daemon(local: &str) -> bool {
    let local = local.to_lowercase();
    DAEMONS.contains(&local.as_str()) || local.starts_with("mailer-daemon")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::parse::{ReadLimits, parse};

    fn of(head: &str) -> Signals {
        signals(&parse(format!("{head}\r\n\r\nhello\r\n").as_bytes(), &ReadLimits::default()), "X-GGUS-Loop")
    }

    #[test]
    fn a_persons_mail_has_no_mark() {
        for head in [
            "From: a@x.example\r\nSubject: CE down",
            "Auto-Submitted: no",
            "Precedence: first-class",
            "X-Auto-Response-Suppress: None",
        ] {
            assert_eq!(of(head), Signals::default(), "{head}");
        }
    }

    #[test]
    fn every_mark_is_seen() {
        for head in [
            "Auto-Submitted: auto-replied (vacation)",
            "Precedence: bulk",
            "List-Id: <users.x.example>",
            "X-Auto-Response-Suppress: All",
            "X-RT-Loop-Prevention: rt.x.example",
            "Return-Path: <>",
            "From: MAILER-DAEMON@x.example",
            "Content-Type: multipart/report; boundary=x",
            "Subject: Abwesenheit: bis Montag",
            "Subject: AW: Out of Office",
            "Subject: [GGUS:57890] Automatic reply: CE down",
            "Subject: Автоответ: в отпуске",
        ] {
            assert!(of(head).automatic(), "{head}");
        }
        assert_eq!(of("X-GGUS-Loop: ggus.example").own_loop.as_deref(), Some("ggus.example"));
    }
}

//! Dialects: how each helpdesk system writes and reads mail. One TOML file each; this engine is all the code there is.
//!
//! A dialect only says what a mail *means*; whether its sender may say so is decided elsewhere. An automatic mark alone
//! never decides the meaning, and a missing acknowledgement is a normal state.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::mail::Mail;

/// What a helpdesk's mail means for the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Accepted,
    /// The helpdesk has made its local ticket; usually carries the foreign id.
    Acknowledgement,
    Comment,
    HandedOver,
    /// Nothing to the desk: a survey, an account mail.
    Ignore,
    Question,
    Refused,
    Reopened,
    Solved,
    Unsolved,
}

/// What a dialect read in one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What it means; `None` where no sign of the dialect is in it: then it is a plain reply.
    pub kind: Option<Kind>,
    /// The rule of the dialect file that said so.
    pub rule: String,
    /// The helpdesk's own id.
    pub foreign_id: Option<String>,
    /// The dialect marks it as the helpdesk's internal comment.
    pub internal: bool,
    /// The solution's text, where the mail carries it apart from the newest text.
    pub solution: Option<String>,
    /// The newest text without this system's boilerplate and own tags.
    pub text: String,
    /// The dialect says that its helpdesk strips subjects and headers, so a desk tag in the body counts.
    pub tag_in_body: bool,
}

/// Values that the unit gives for its dialect: `tag = "rt.infn.example"`.
pub type Parameters = BTreeMap<String, String>;

/// One dialect, compiled.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// Name of its file without the ending.
    pub name: String,
}

/// The dialects that are built in, by name.
pub fn built_in() -> BTreeMap<String, Arc<Dialect>> {
    BTreeMap::new()
}

impl Dialect {
    /// Reads a mail of this helpdesk. `newest` is the text without quote and signature.
    pub fn read(&self, mail: &Mail, newest: &str, parameters: &Parameters) -> Reading {
        let _ = (mail, parameters);
        Reading { text: newest.to_owned(), ..Reading::default() }
    }
}

/// How mail to this helpdesk must look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// How the desk's tag is written.
    pub tag: TagForm,
    /// In which form the ticket's fields stand in the mail.
    pub block: BlockForm,
    /// Whether `In-Reply-To` names the helpdesk's last mail (or, where it never names ours, a made-up one).
    pub thread: ThreadForm,
    /// Whether the helpdesk's last mail is quoted at the bottom (watermarks of ServiceNow and Salesforce).
    pub quote_last: bool,
    /// Header fields that must not be in mail to it (`References`, `X-GGUS-Ticket`, …).
    pub leave_out: Vec<String>,
    /// Most automatic answers that it sends to one address, and in which time: the outbox keeps below.
    pub pace: Option<Pace>,
}

/// How the desk's tag is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TagForm {
    /// `GGUS-Ticket-ID: #57890`.
    Historic,
    /// `[GGUS:57890]`.
    #[default]
    Short,
}

/// In which form the ticket's fields stand in a dispatch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockForm {
    /// `KEY: value` lines at the end of the text.
    #[default]
    Lines,
    /// No fields beside the prose.
    None,
    /// `<Ticket>`, as attachment beside the text.
    Xml,
}

/// What `In-Reply-To` names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThreadForm {
    /// The helpdesk's last mail, else our dispatch.
    #[default]
    LastMail,
    /// A Message-ID made of the foreign id, `RT-Ticket-{id}@{host}`, with the unit's parameters.
    Made(String),
}

/// At most `mails` in `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    pub mails: u32,
    pub window: jiff::SignedDuration,
}

impl Dialect {
    /// How mail to this helpdesk must look.
    pub fn writing(&self) -> &Writing {
        todo!("dialect engine")
    }

    /// The helpdesk's own tag for the subject, `[rt.infn.example #4711]`; `None` where it has none.
    pub fn own_tag(&self, foreign_id: &str, parameters: &Parameters) -> Option<String> {
        let _ = (foreign_id, parameters);
        todo!("dialect engine")
    }

    /// A title in which nothing reads as an id of this helpdesk: a blank breaks what would.
    pub fn defuse(&self, title: &str, parameters: &Parameters) -> String {
        let _ = parameters;
        title.to_owned()
    }

    /// A text without this helpdesk's own tags.
    pub fn cut_own_tags(&self, text: &str, parameters: &Parameters) -> String {
        let _ = parameters;
        text.to_owned()
    }
}

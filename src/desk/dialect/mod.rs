//! Dialects: how each helpdesk system writes and reads mail. One TOML file each; this engine is all the code there is.
//!
//! A dialect only says what a mail *means*; whether its sender may say so is decided elsewhere. An automatic mark alone
//! never decides the meaning, and a missing acknowledgement is a normal state. The file's form is described in
//! `config/dialects/README.md`.

mod file;
mod reader;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::mail::Mail;
use reader::Compiled;

pub use file::{DialectProblem, ParameterSpec};

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

impl Kind {
    /// The word of the JSON interface and of dialect files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Acknowledgement => "acknowledgement",
            Self::Comment => "comment",
            Self::HandedOver => "handed-over",
            Self::Ignore => "ignore",
            Self::Question => "question",
            Self::Refused => "refused",
            Self::Reopened => "reopened",
            Self::Solved => "solved",
            Self::Unsolved => "unsolved",
        }
    }
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
    /// The newest text without this system's boilerplate.
    pub text: String,
    /// The helpdesk strips subjects and headers, so a desk tag in the body counts.
    pub tag_in_body: bool,
}

/// Values that the unit gives for its dialect: `tag = "rt.infn.example"`.
pub type Parameters = BTreeMap<String, String>;

/// How mail to this helpdesk must look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// How the desk's tag is written.
    pub tag: TagForm,
    /// In which form the ticket's fields stand in a dispatch.
    pub block: BlockForm,
    /// What `In-Reply-To` names.
    pub thread: ThreadForm,
    /// The helpdesk's last mail is quoted at the bottom (watermarks of ServiceNow and Salesforce).
    pub quote_last: bool,
    /// Header fields that must not be in mail to it (`References`, `X-GGUS-Ticket`, …).
    pub leave_out: Vec<String>,
    /// The recipient address once the foreign id is known, `{id}@{host}`; `None`: always the unit's address.
    pub to: Option<String>,
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
    /// `<Ticket>` as attachment, beside the lines.
    Xml,
}

/// What `In-Reply-To` names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThreadForm {
    /// The helpdesk's last mail, else our dispatch.
    #[default]
    LastMail,
    /// A Message-ID made of the foreign id and the unit's parameters, `RT-Ticket-{id}@{host}`.
    Made(String),
}

/// At most `mails` in `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    pub mails: u32,
    pub window: jiff::SignedDuration,
}

/// One dialect, compiled.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// Name of its file without the ending.
    pub name: String,
    compiled: Compiled,
}

/// Names and texts of the dialect files that are built in.
pub const FILES: [(&str, &str); 5] = [
    ("ggus", include_str!("../../../config/dialects/ggus.toml")),
    ("otrs", include_str!("../../../config/dialects/otrs.toml")),
    ("plain", include_str!("../../../config/dialects/plain.toml")),
    ("rt", include_str!("../../../config/dialects/rt.toml")),
    ("zammad", include_str!("../../../config/dialects/zammad.toml")),
];

/// The dialects that are built in, by name. A test makes sure that every file compiles.
pub fn built_in() -> BTreeMap<String, Arc<Dialect>> {
    static ALL: LazyLock<BTreeMap<String, Arc<Dialect>>> = LazyLock::new(|| {
        let parsed = FILES.iter().filter_map(|(name, text)| Dialect::parse(name, text).ok());
        parsed.map(|dialect| (dialect.name.clone(), Arc::new(dialect))).collect()
    });
    ALL.clone()
}

impl Dialect {
    /// Compiles a dialect file; every problem of it at once.
    pub fn parse(name: &str, toml_text: &str) -> Result<Self, Vec<DialectProblem>> {
        let file = file::read(toml_text)?;
        Ok(Self { name: name.to_owned(), compiled: Compiled::new(file)? })
    }

    /// Reads a mail of this helpdesk. `newest` is the text without quote and signature.
    pub fn read(&self, mail: &Mail, newest: &str, parameters: &Parameters) -> Reading {
        self.compiled.read(mail, newest, parameters)
    }

    /// How certain it is that a mail comes from this system, 0 to 100.
    pub fn recognise(&self, mail: &Mail) -> u8 {
        self.compiled.recognise(mail)
    }

    /// How mail to this helpdesk must look.
    pub fn writing(&self) -> &Writing {
        &self.compiled.writing
    }

    /// The helpdesk's own tag for the subject, `[rt.infn.example #4711]`; `None` where it has none, or a parameter that
    /// it needs is not given.
    pub fn own_tag(&self, foreign_id: &str, parameters: &Parameters) -> Option<String> {
        self.compiled.own_tag(foreign_id, parameters)
    }

    /// A title in which nothing reads as an id of this helpdesk: a blank breaks what would.
    pub fn defuse(&self, title: &str) -> String {
        self.compiled.defuse(title)
    }

    /// A text without this helpdesk's own tags.
    pub fn cut_own_tags(&self, text: &str, parameters: &Parameters) -> String {
        self.compiled.cut_own_tags(text, parameters)
    }

    /// What it is, in a line.
    pub fn about(&self) -> &str {
        &self.compiled.file.about
    }

    /// What to tell the helpdesk's administrator.
    pub fn advice(&self) -> &str {
        &self.compiled.file.advice
    }

    /// The parameters that a unit may or must give.
    pub fn parameters(&self) -> &BTreeMap<String, ParameterSpec> {
        &self.compiled.file.parameters
    }
}

//! Dialects: how each helpdesk system writes and reads mail. One TOML file each; this engine is all the code there is.
//!
//! A dialect only says what a mail *means*; whether its sender may say so is decided elsewhere. An automatic mark alone
//! never decides the meaning, and a missing acknowledgement is a normal state. The file's form is described in
//! `config/dialects/README.md`.

mod check;
mod escaped;
pub mod file;
pub mod learn;
mod parameters;
mod pattern;
mod reader;
mod recognise;
pub mod sample;
mod source;
mod template;
mod writer;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::mail::Mail;
use reader::Reader;
use source::Source;

pub use file::ParameterSpec;
pub use recognise::{Claim, claims, recognise};
pub use source::DialectProblem;
pub use writer::Known;

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
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Acknowledgement,
        Self::Comment,
        Self::HandedOver,
        Self::Ignore,
        Self::Question,
        Self::Refused,
        Self::Reopened,
        Self::Solved,
        Self::Unsolved,
    ];

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
    /// The mail only says that it is solved: what the unit last wrote to the user is the solution, before this mail's text.
    pub last_public: bool,
    /// The solution is read off an attached mail, which itself is for nobody else.
    pub solution_attached: bool,
    /// What the rule's patterns caught beside the id: `unit` (handed over to whom), `reason` (of a refusal).
    pub values: BTreeMap<String, String>,
    /// The newest text without this system's boilerplate.
    pub text: String,
    /// By what it will know an answer, which must be quoted to it.
    pub watermark: Option<String>,
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
    /// Its own tag stands in front of the desk's.
    pub own_tag_first: bool,
    /// The subject begins with `Re: ` once the foreign id is known.
    pub re: bool,
    /// Further header fields, name and template.
    pub headers: Vec<(String, String)>,
    /// Those of mails that acknowledge the end of its part beside them: they must not open its ticket again.
    pub end_headers: Vec<(String, String)>,
    /// Any mail opens its closed tickets again: what it has closed by itself is not acknowledged.
    pub mail_reopens: bool,
    /// The first lines of a dispatch, `Package: {package}`.
    pub begin: Option<String>,
    /// Web addresses below the text, for people of a system that takes no mail: the first in which all is known.
    pub link: Vec<String>,
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

/// One dialect.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// Name of its file without the ending.
    pub name: String,
    reader: Reader,
    writing: Writing,
}

/// Names and texts of the dialect files that are built in.
pub const FILES: [(&str, &str); 27] = [
    ("bugzilla", include_str!("../../../config/dialects/bugzilla.toml")),
    ("debbugs", include_str!("../../../config/dialects/debbugs.toml")),
    ("django-helpdesk", include_str!("../../../config/dialects/django-helpdesk.toml")),
    ("footprints", include_str!("../../../config/dialects/footprints.toml")),
    ("freescout", include_str!("../../../config/dialects/freescout.toml")),
    ("freshdesk", include_str!("../../../config/dialects/freshdesk.toml")),
    ("ggus", include_str!("../../../config/dialects/ggus.toml")),
    ("gitlab", include_str!("../../../config/dialects/gitlab.toml")),
    ("glpi", include_str!("../../../config/dialects/glpi.toml")),
    ("jira", include_str!("../../../config/dialects/jira.toml")),
    ("libredesk", include_str!("../../../config/dialects/libredesk.toml")),
    ("mantis", include_str!("../../../config/dialects/mantis.toml")),
    ("osticket", include_str!("../../../config/dialects/osticket.toml")),
    ("otrs", include_str!("../../../config/dialects/otrs.toml")),
    ("plain", include_str!("../../../config/dialects/plain.toml")),
    ("redmine", include_str!("../../../config/dialects/redmine.toml")),
    ("remedy", include_str!("../../../config/dialects/remedy.toml")),
    ("roundup", include_str!("../../../config/dialects/roundup.toml")),
    ("rt", include_str!("../../../config/dialects/rt.toml")),
    ("salesforce", include_str!("../../../config/dialects/salesforce.toml")),
    ("savannah", include_str!("../../../config/dialects/savannah.toml")),
    ("servicenow", include_str!("../../../config/dialects/servicenow.toml")),
    ("sourcehut", include_str!("../../../config/dialects/sourcehut.toml")),
    ("trac", include_str!("../../../config/dialects/trac.toml")),
    ("uvdesk", include_str!("../../../config/dialects/uvdesk.toml")),
    ("zammad", include_str!("../../../config/dialects/zammad.toml")),
    ("zendesk", include_str!("../../../config/dialects/zendesk.toml")),
];

/// The dialects that are built in, by name. A test makes sure that every file is sound.
pub fn built_in() -> BTreeMap<String, Arc<Dialect>> {
    static ALL: LazyLock<BTreeMap<String, Arc<Dialect>>> = LazyLock::new(|| {
        let parsed = FILES.iter().filter_map(|(name, text)| Dialect::read_file(name, text, true).ok());
        parsed.map(|dialect| (dialect.name.clone(), Arc::new(dialect))).collect()
    });
    ALL.clone()
}

impl Dialect {
    /// Compiles a dialect file; every problem of it at once, in the order of its lines.
    pub fn parse(name: &str, toml_text: &str) -> Result<Self, Vec<DialectProblem>> {
        Self::read_file(name, toml_text, false)
    }

    fn read_file(name: &str, toml_text: &str, is_sound: bool) -> Result<Self, Vec<DialectProblem>> {
        let (file, mut source) = Source::read(toml_text);
        let patterns = check::check(&file, &mut source, is_sound);
        if !source.problems.is_empty() {
            source.problems.sort_by_key(|problem| problem.line);
            return Err(source.problems);
        }
        let writing = Writing::of(&file.write);
        Ok(Self { name: name.to_owned(), reader: Reader { file, patterns }, writing })
    }

    /// Reads a mail of this helpdesk. `newest` is the text without quote and signature.
    pub fn read(&self, mail: &Mail, newest: &str, parameters: &Parameters) -> Reading {
        self.reader.read(mail, newest, parameters)
    }

    /// How certain it is that a mail comes from this system, 0 to 100.
    pub fn recognise(&self, mail: &Mail) -> u8 {
        self.reader.recognise(mail)
    }

    /// How mail to this helpdesk must look.
    pub fn writing(&self) -> &Writing {
        &self.writing
    }

    /// The helpdesk's own tag for the subject, `[rt.infn.example #4711]`; `None` where it has none, or a parameter that
    /// it needs is not given.
    pub fn own_tag(&self, foreign_id: &str, parameters: &Parameters) -> Option<String> {
        let known = Known { id: Some(foreign_id), ..Known::default() };
        self.fill(self.reader.file.write.own_tag.as_ref()?, known, parameters)
    }

    /// Fills one of the templates of [`Writing`]; `None` where something in it is not known.
    pub fn fill(&self, form: &str, known: Known<'_>, parameters: &Parameters) -> Option<String> {
        writer::fill(&self.reader, form, known, parameters)
    }

    /// A title in which nothing reads as an id of this helpdesk: a blank breaks what would.
    pub fn defuse(&self, title: &str, parameters: &Parameters) -> String {
        writer::defuse(&self.reader, title, parameters)
    }

    /// A text in which this helpdesk reads no id and no command: a blank breaks what would be one.
    pub fn defuse_text(&self, text: &str) -> String {
        writer::defuse_text(&self.reader, text)
    }

    /// A text without this helpdesk's own tags.
    pub fn cut_own_tags(&self, text: &str, parameters: &Parameters) -> String {
        writer::cut_own_tags(&self.reader, text, parameters)
    }

    /// What it is, in a line.
    pub fn about(&self) -> &str {
        &self.reader.file.about
    }

    /// What to tell the helpdesk's administrator.
    pub fn advice(&self) -> &str {
        &self.reader.file.advice
    }

    /// The parameters that a unit may or must give.
    pub fn parameters(&self) -> &BTreeMap<String, ParameterSpec> {
        &self.reader.file.parameters
    }

    /// The file as written.
    pub fn file(&self) -> &file::File {
        &self.reader.file
    }

    /// Names of the rules that say what mails mean, in their order.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.reader.file.mail.iter().map(|rule| rule.name.as_str())
    }
}

impl Writing {
    fn of(write: &file::Write) -> Self {
        Self {
            tag: write.tag,
            block: write.block,
            thread: write.in_reply_to.clone().map_or(ThreadForm::LastMail, ThreadForm::Made),
            own_tag_first: write.own_tag_first,
            re: write.re,
            headers: write.headers.clone().into_iter().collect(),
            end_headers: write.end_headers.clone().into_iter().collect(),
            mail_reopens: write.mail_reopens,
            begin: write.begin.clone(),
            link: write.link.clone(),
            leave_out: write.leave_out.clone(),
            to: write.to.clone(),
            pace: write.pace,
        }
    }
}

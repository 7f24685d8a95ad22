//! The dialect file as written: its TOML form. It is read piece by piece in [`source`](super::source); what the form alone
//! can't forbid is found in [`check`](super::check).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{BlockForm, Kind, Pace, TagForm};

/// A whole dialect file.
#[derive(Clone, Debug, Default)]
pub struct File {
    pub about: String,
    pub advice: String,
    pub parameters: BTreeMap<String, ParameterSpec>,
    /// Signs of the system, each with its certainty; the highest that holds counts.
    pub recognise: Vec<Sign>,
    /// Places of the foreign id, in order.
    pub id: Vec<Place>,
    /// What mails mean; the first rule that holds decides.
    pub mail: Vec<Rule>,
    pub text: Text,
    pub write: Write,
}

/// A value that the unit gives. In patterns the group of that name must have it (without case; several, comma between).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    pub about: String,
    /// A value such as a unit would give.
    pub example: String,
    /// Taken where the unit gives none.
    pub default: Option<String>,
    /// Whether `check` asks for it.
    #[serde(default)]
    pub wanted: bool,
    /// Where the system's own mails tell it, for a unit that is recognised: the first place in which it is.
    #[serde(default)]
    pub told_by: Vec<ToldBy>,
}

/// A place that tells a parameter: the group of its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldBy {
    pub place: Place,
    /// What must hold of the mail; a place in which a user's words may stand too needs a sign of the system.
    #[serde(default)]
    pub when: When,
}

/// A sign by which the system is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    pub certainty: u8,
    pub when: When,
}

/// Conditions; all that are given must hold. Of a list, one must.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Header name to pattern.
    #[serde(default)]
    pub header: BTreeMap<String, Patterns>,
    /// Headers that are not there.
    #[serde(default)]
    pub no_header: Vec<String>,
    pub subject: Option<Patterns>,
    /// The newest text, without quote and signature.
    pub text: Option<Patterns>,
    /// The whole shown text.
    pub whole: Option<Patterns>,
    pub message_id: Option<Patterns>,
    /// Nothing is left of the newest text without boilerplate.
    #[serde(default)]
    pub wordless: bool,
    /// Its Message-ID is one of a desk's: what the desk sent comes back.
    #[serde(default)]
    pub returned: bool,
    /// It answers (`In-Reply-To`) a mail of a desk.
    #[serde(default)]
    pub answers_desk: bool,
    /// One of these holds.
    #[serde(default)]
    pub any: Vec<When>,
}

/// One pattern, or several of which one must match.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a pattern in '…', or a list of them")]
pub enum Patterns {
    One(String),
    Any(Vec<String>),
}

impl Patterns {
    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, String> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::Any(list) => list.iter(),
        }
    }
}

/// A place in which the foreign id stands. Exactly one of the keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Place {
    /// In a header: `{ name, pattern }`.
    Header {
        name: String,
        pattern: String,
    },
    MessageId(String),
    /// In `In-Reply-To` and `References`.
    Reference(String),
    ReplyTo(String),
    Subject(String),
    /// In the whole shown text.
    Text(String),
}

impl Place {
    /// The pattern of the place.
    pub fn pattern(&self) -> &String {
        match self {
            Self::Header { pattern, .. }
            | Self::MessageId(pattern)
            | Self::Reference(pattern)
            | Self::ReplyTo(pattern)
            | Self::Subject(pattern)
            | Self::Text(pattern) => pattern,
        }
    }
}

/// Where the text of a solution is, when the rule's mail carries none apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SolutionText {
    /// The text of the first attached mail that is not the desk's own; without one, as `newest`.
    Attached,
    /// What the unit last wrote to the user; this mail only says that it was the solution.
    LastPublic,
    /// The mail's newest text; without one, what the unit last wrote to the user.
    #[default]
    Newest,
}

/// What a mail means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Shown by `explain`.
    pub name: String,
    pub kind: Kind,
    pub when: When,
    /// The rule does not hold where these do.
    pub unless: Option<When>,
    /// The helpdesk's internal comment.
    #[serde(default)]
    pub internal: bool,
    #[serde(default)]
    pub solution: SolutionText,
    /// Where the solution's text begins: the line behind the first that matches.
    pub solution_after: Option<Patterns>,
    /// And ends: before the first line that matches.
    pub solution_until: Option<Patterns>,
    /// The desk's tag in the text counts, since such a mail names its ticket nowhere else.
    #[serde(default)]
    pub tag_in_body: bool,
}

/// What is taken out of the text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// What matches goes, wherever it stands.
    #[serde(default)]
    pub cut: Vec<String>,
    /// The first match goes, with everything in front of it; the first pattern that matches.
    #[serde(default)]
    pub cut_to: Vec<String>,
    /// The line that matches goes, with everything above it.
    #[serde(default)]
    pub cut_above: Vec<String>,
    /// The line that matches goes, with everything below it.
    #[serde(default)]
    pub cut_below: Vec<String>,
    /// Nothing is taken for a quote or a signature: its mails have a frame of their own.
    #[serde(default)]
    pub uncut: bool,
    /// It escapes texts as if they were HTML, at least some.
    #[serde(default)]
    pub escaped: bool,
    /// The desk's tag in the text counts, since this system strips subjects.
    #[serde(default)]
    pub tag_in_body: bool,
}

/// How mail to it must look.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    #[serde(default)]
    pub tag: TagForm,
    /// Its own tag, `[{tag} #{id}]`.
    pub own_tag: Option<String>,
    /// Its own tag stands in front of the desk's.
    #[serde(default)]
    pub own_tag_first: bool,
    /// `Re: ` goes in front once its id is known.
    #[serde(default)]
    pub re: bool,
    #[serde(default)]
    pub block: BlockForm,
    /// A made-up Message-ID for `In-Reply-To`.
    pub in_reply_to: Option<String>,
    /// What of its mails must come back quoted.
    pub watermark: Option<String>,
    /// Further header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Those of mails that acknowledge the end of its part.
    #[serde(default)]
    pub end_headers: BTreeMap<String, String>,
    /// Any mail opens its closed tickets again.
    #[serde(default)]
    pub mail_reopens: bool,
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Recipient once the foreign id is known.
    pub to: Option<String>,
    pub pace: Option<Pace>,
    /// The first lines of a dispatch.
    pub begin: Option<String>,
    /// Web addresses below the text, for people of a system that takes no mail: the first in which all is known.
    #[serde(default)]
    pub link: Vec<String>,
    /// What it reads as an id of its own, in any subject.
    #[serde(default)]
    pub reads_as_id: Vec<String>,
    /// What it reads in a text as an id or a command.
    #[serde(default)]
    pub reads_in_text: Vec<String>,
}

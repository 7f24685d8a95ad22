//! The dialect file as written: its TOML form, and what is wrong with it. It refuses unknown keys, unbounded patterns,
//! and rules that would let an automatic mark alone decide what a mail means.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{BlockForm, Kind, Pace, TagForm};

/// Something wrong in a dialect file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialectProblem {
    /// Line of the file, from 1, where known.
    pub line: Option<usize>,
    /// Path of the key: `mail.resolved.when.subject`.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// A whole dialect file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub about: String,
    #[serde(default)]
    pub advice: String,
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterSpec>,
    /// Signs of the system, each with its certainty; the highest that holds counts.
    #[serde(default)]
    pub recognise: Vec<Sign>,
    /// Places of the foreign id, in order.
    #[serde(default)]
    pub id: Vec<Place>,
    /// What mails mean; the first rule that holds decides.
    #[serde(default)]
    pub mail: Vec<Rule>,
    #[serde(default)]
    pub text: Text,
    #[serde(default)]
    pub write: Write,
}

/// A value that the unit gives. In patterns the group of that name must have it (without case; several, comma between).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    pub about: String,
    /// Taken where the unit gives none.
    pub default: Option<String>,
    /// Whether `check` asks for it.
    #[serde(default)]
    pub wanted: bool,
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
    pub subject: Option<Patterns>,
    /// The whole shown text.
    pub text: Option<Patterns>,
    pub message_id: Option<Patterns>,
}

/// One pattern, or several of which one must match.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
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
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
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
    Text(String),
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
    /// Where the solution's text begins: the line behind the first that matches.
    pub solution_after: Option<String>,
    /// And ends: before the first line that matches.
    pub solution_until: Option<String>,
}

/// What is taken out of the text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The line that matches goes, with everything above it.
    #[serde(default)]
    pub cut_above: Vec<String>,
    /// The line that matches goes, with everything below it.
    #[serde(default)]
    pub cut_below: Vec<String>,
    /// Lines that go.
    #[serde(default)]
    pub drop_lines: Vec<String>,
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
    #[serde(default)]
    pub block: BlockForm,
    /// A made-up Message-ID for `In-Reply-To`.
    pub in_reply_to: Option<String>,
    #[serde(default)]
    pub quote_last: bool,
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Recipient once the foreign id is known.
    pub to: Option<String>,
    pub pace: Option<Pace>,
    /// What it reads as an id of its own, in any subject.
    #[serde(default)]
    pub reads_as_id: Vec<String>,
}

/// Headers that only say "a program wrote this"; they never decide alone what a mail means.
const AUTOMATIC_MARKS: [&str; 6] =
    ["auto-submitted", "precedence", "x-auto-response-suppress", "x-loop", "x-autoreply", "return-path"];

/// Reads the TOML and finds what its form alone can't forbid.
pub fn read(toml_text: &str) -> Result<File, Vec<DialectProblem>> {
    let file: File = toml::from_str(toml_text).map_err(|error| {
        let line = error.span().map(|span| toml_text[..span.start.min(toml_text.len())].matches('\n').count() + 1);
        vec![DialectProblem { line, key: String::new(), message: error.message().to_owned() }]
    })?;
    let mut problems = Vec::new();
    for rule in &file.mail {
        if is_empty(&rule.when) || only_automatic(&rule.when) {
            problems.push(DialectProblem {
                line: line_of(toml_text, &rule.name),
                key: format!("mail.{}.when", rule.name),
                message: "an automatic mark alone says nothing about the meaning, add a subject, a text or a header of the system".to_owned(),
            });
        }
    }
    if problems.is_empty() { Ok(file) } else { Err(problems) }
}

fn is_empty(when: &When) -> bool {
    when.header.is_empty() && when.subject.is_none() && when.text.is_none() && when.message_id.is_none()
}

fn only_automatic(when: &When) -> bool {
    let is_mark = |name: &String| {
        let name = name.to_lowercase();
        AUTOMATIC_MARKS.contains(&name.as_str()) || name.starts_with("list-")
    };
    when.subject.is_none() && when.text.is_none() && when.message_id.is_none() && when.header.keys().all(is_mark)
}

fn line_of(text: &str, name: &str) -> Option<usize> {
    let wanted = format!("name = \"{name}\"");
    text.lines().position(|line| line.trim() == wanted).map(|line| line + 1)
}

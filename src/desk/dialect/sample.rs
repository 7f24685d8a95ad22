//! What a sample mail must mean to a dialect, and in what a reading differs from it. The one form for `dialect test` and
//! for the samples of the dialects that are built in; it reads no files.

use serde::{Deserialize, Serialize};

use super::{Dialect, Kind, Parameters, Reading};
use crate::mail::{Mail, reply};

/// What a sample must mean: `x.toml` beside `x.eml`. What is not said must not be found, save rule, text and solution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    pub kind: Option<Kind>,
    /// The rule of the dialect file.
    pub rule: Option<String>,
    pub foreign_id: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_public: bool,
    /// The text for people must contain this; an empty string: there is none.
    pub text: Option<String>,
    /// None of these may be in what people see, text or solution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// The solution that stands apart from the text; an empty string: there is none.
    pub solution: Option<String>,
    /// What the unit gives for its dialect.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub parameters: Parameters,
}

/// One field that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub field: &'static str,
    pub expected: String,
    pub found: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
}

/// Reads a sample as the desk would read it from a unit with these parameters.
pub fn read(dialect: &Dialect, mail: &Mail, parameters: &Parameters) -> Reading {
    dialect.read(mail, &reply::cut(&mail.text).newest, parameters)
}

impl Expectation {
    /// Reads an `x.toml`. The error says what is wrong and where.
    pub fn parse(toml_text: &str) -> Result<Self, String> {
        toml::from_str(toml_text).map_err(|error| error.to_string().trim_end().to_owned())
    }

    /// What was read, as what must be read: the first line of the text stands for all of it.
    pub fn of(reading: &Reading) -> Self {
        Self {
            kind: reading.kind,
            rule: Some(reading.rule.clone()).filter(|rule| !rule.is_empty()),
            foreign_id: reading.foreign_id.clone(),
            internal: reading.internal,
            last_public: reading.last_public,
            text: Some(reading.text.lines().next().unwrap_or_default().trim().to_owned()),
            hidden: Vec::new(),
            solution: reading.solution.clone(),
            parameters: Parameters::new(),
        }
    }

    /// The `x.toml` that says this.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Every field in which a reading is not as expected.
    pub fn differences(&self, reading: &Reading) -> Vec<Difference> {
        let word = |kind: Option<Kind>| kind.map_or("none".to_owned(), |kind| kind.word().to_owned());
        let quoted = |text: Option<&str>| text.map_or("none".to_owned(), |text| format!("{text:?}"));
        let rule = self.rule.as_deref().unwrap_or(&reading.rule);
        let fields = [
            ("kind", word(self.kind), word(reading.kind)),
            ("rule", quoted(Some(rule)), quoted(Some(&reading.rule))),
            ("foreign_id", quoted(self.foreign_id.as_deref()), quoted(reading.foreign_id.as_deref())),
            ("internal", self.internal.to_string(), reading.internal.to_string()),
            ("last_public", self.last_public.to_string(), reading.last_public.to_string()),
        ];
        let unlike = fields.into_iter().filter(|(_, expected, found)| expected != found);
        let unlike = unlike.map(|(field, expected, found)| Difference { field, expected, found });
        unlike
            .chain(self.other_text(&reading.text))
            .chain(self.other_solution(reading))
            .chain(self.seen(reading))
            .collect()
    }

    fn other_solution(&self, reading: &Reading) -> Option<Difference> {
        let expected = self.solution.as_deref()?;
        let found = reading.solution.as_deref().unwrap_or_default();
        let told = |solution: &str| if solution.is_empty() { "none".to_owned() } else { format!("{solution:?}") };
        (expected != found).then(|| Difference { field: "solution", expected: told(expected), found: told(found) })
    }

    fn seen(&self, reading: &Reading) -> Option<Difference> {
        let texts = [Some(&reading.text), reading.solution.as_ref()];
        let seen = texts.into_iter().flatten().find(|text| self.hidden.iter().any(|hidden| text.contains(hidden)))?;
        Some(Difference { field: "hidden", expected: format!("none of {:?}", self.hidden), found: format!("{seen:?}") })
    }

    fn other_text(&self, found: &str) -> Option<Difference> {
        let expected = self.text.as_deref()?;
        let good = if expected.is_empty() { found.is_empty() } else { found.contains(expected) };
        let expected = if expected.is_empty() { "no text".to_owned() } else { format!("{expected:?} in it") };
        (!good).then(|| Difference { field: "text", expected, found: format!("{found:?}") })
    }
}

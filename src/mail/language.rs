//! The six languages in which the desk speaks to users, and a guess at the one that a mail is written in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language of the mail templates, by its ISO 639-1 code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    De,
    #[default]
    En,
    Es,
    Fr,
    It,
    Ru,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::De, Self::En, Self::Es, Self::Fr, Self::It, Self::Ru];

    /// ISO 639-1 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::De => "de",
            Self::En => "en",
            Self::Es => "es",
            Self::Fr => "fr",
            Self::It => "it",
            Self::Ru => "ru",
        }
    }

    /// From a code or a tag such as `de-AT`.
    pub fn from_code(code: &str) -> Option<Self> {
        let primary = code.trim().split(['-', '_']).next()?.to_lowercase();
        Self::ALL.into_iter().find(|language| language.code() == primary)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The language of a text where that is reasonably sure; `Content-Language` where given is the better source.
pub fn guess(text: &str) -> Option<Language> {
    let _ = text;
    todo!("reader")
}

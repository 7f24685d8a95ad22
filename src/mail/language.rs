//! The six languages in which the desk speaks to users, and a guess at the one that a mail is written in.

use std::fmt;

use serde::{Deserialize, Serialize};
use whatlang::Lang;

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

/// Letters below which a guess is no better than dice.
const FEWEST_LETTERS: usize = 40;

/// The language of a text where that is reasonably sure; `Content-Language` where given is the better source.
pub fn guess(text: &str) -> Option<Language> {
    let sample: String = text.chars().take(2_000).collect();
    if sample.chars().filter(|c| c.is_alphabetic()).count() < FEWEST_LETTERS {
        return None;
    }
    let all = Language::ALL.map(whatlang_code).to_vec();
    let info = whatlang::Detector::with_allowlist(all).detect(&sample)?;
    let found = Language::ALL.into_iter().find(|language| whatlang_code(*language) == info.lang());
    found.filter(|_| info.is_reliable())
}

fn whatlang_code(language: Language) -> Lang {
    match language {
        Language::De => Lang::Deu,
        Language::En => Lang::Eng,
        Language::Es => Lang::Spa,
        Language::Fr => Lang::Fra,
        Language::It => Lang::Ita,
        Language::Ru => Lang::Rus,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_apart_and_short_texts_are_not_guessed() {
        let texts = [
            (
                "Hello, since this morning my jobs fail at your site with a strange error, what can I do about it?",
                Language::En,
            ),
            (
                "Guten Tag, seit heute Morgen schlagen meine Jobs an Ihrem Standort fehl, was kann ich dagegen tun?",
                Language::De,
            ),
            (
                "Bonjour, depuis ce matin mes tâches échouent sur votre site avec une erreur étrange, que puis-je faire ?",
                Language::Fr,
            ),
            (
                "Buongiorno, da questa mattina i miei lavori falliscono presso il vostro sito, che cosa posso fare?",
                Language::It,
            ),
            (
                "Buenos días, desde esta mañana mis trabajos fallan en su sitio con un error extraño, ¿qué puedo hacer?",
                Language::Es,
            ),
            ("Здравствуйте, с сегодняшнего утра мои задания завершаются с ошибкой, что можно сделать?", Language::Ru),
        ];
        for (text, language) in texts {
            assert_eq!(guess(text), Some(language), "{text}");
        }
        assert_eq!(guess("CE down"), None);
        assert_eq!(Language::from_code("de-AT"), Some(Language::De));
        assert_eq!(Language::from_code("tlh"), None);
    }
}

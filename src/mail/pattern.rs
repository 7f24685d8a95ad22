//! A regular expression that is compiled at first use. It knows nothing of mail; it exists so that the readers can keep
//! their patterns beside the code that uses them, without a place that could panic.

use std::sync::OnceLock;

use regex::{Captures, Regex};

/// A pattern of the `regex` crate, so linear in the text. One that does not compile matches nothing; each file's tests
/// assert that its own compile.
pub(super) struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    pub fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(self.source).ok()).as_ref()
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex()?.captures(text)
    }

    /// The first group of the first match, or the whole match where the pattern has no group.
    pub fn first<'t>(&self, text: &'t str) -> Option<&'t str> {
        let captures = self.captures(text)?;
        captures.get(1).or_else(|| captures.get(0)).map(|found| found.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_gives_its_group_or_its_match() {
        assert_eq!(Pattern::new(r"a(\d)").first("xa7"), Some("7"));
        assert_eq!(Pattern::new(r"a\d").first("xa7"), Some("a7"));
        assert_eq!(Pattern::new(r"a\d").first("x"), None);
    }

    #[test]
    fn a_broken_pattern_matches_nothing() {
        assert!(!Pattern::new("(").is_match("("));
    }
}

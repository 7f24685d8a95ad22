//! The text of patterns: what a mail says, as a pattern that means just this and its like. Every one is bounded.

use super::super::pattern;

/// Characters that mean something in a pattern.
const META: &str = r"\.+*?()|[]{}^$";

/// A text as a pattern: white space is one blank, which stands for any run of it.
pub fn literal(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        if META.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A text as a pattern in which every number stands for any.
pub fn without_numbers(text: &str) -> String {
    let mut pattern = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[at..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| at + end);
        pattern.push_str(&part(&rest[..at]));
        pattern.push_str(&digits(end - at));
        rest = &rest[end..];
    }
    pattern + &part(rest)
}

/// As [`literal`], blanks at its ends kept.
pub fn part(text: &str) -> String {
    let blank = |there: bool| if there { " " } else { "" };
    let inner = literal(text);
    if inner.is_empty() {
        return blank(!text.is_empty()).to_owned();
    }
    let starts = blank(text.starts_with(char::is_whitespace));
    let ends = blank(text.ends_with(char::is_whitespace));
    format!("{starts}{inner}{ends}")
}

/// Numbers of so many digits, and of some more.
pub fn digits(length: usize) -> String {
    format!(r"\d{{1,{}}}", (length + 3).max(12))
}

/// Whether a dialect file may have it, and it says something.
pub fn is_sound(source: &str) -> bool {
    pattern::compile(source).is_ok_and(|pattern| !pattern.is_match(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_matches_its_like_and_nothing_else() {
        let source = without_numbers("[Fall 2041]  Geschlossen? (ja)");
        assert_eq!(source, r"\[Fall \d{1,12}\] Geschlossen\? \(ja\)");
        let pattern = pattern::compile(&source).unwrap();
        assert!(pattern.is_match("[Fall 7]\n Geschlossen? (ja)") && !pattern.is_match("[Fall x] Geschlossen? (ja)"));
        assert_eq!((part(" a  b ").as_str(), part("").as_str(), part("  ").as_str()), (" a b ", "", " "));
        assert!(is_sound("a") && !is_sound("a*") && !is_sound("(?:a)?"));
    }
}

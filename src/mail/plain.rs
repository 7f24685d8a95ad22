//! Text of strangers made safe to be shown and passed on: no control characters, no marks that turn the direction of
//! what follows (Unicode UAX #9, "Trojan Source"), no invisible tag characters. Words and lines stay as they are.

/// Text on several lines: line ends become `\n`, tabs stay, other white space that is a control character is a blank.
pub fn text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\n' | '\t' => clean.push(c),
            '\u{b}' | '\u{c}' => clean.push(' '),
            _ if is_dangerous(c) => {}
            _ => clean.push(c),
        }
    }
    clean
}

/// Text on one line, every run of white space one blank, at most `longest` characters; a cut is marked by `…`.
pub fn line(text: &str, longest: usize) -> String {
    let blank = |c: char| if c.is_whitespace() { ' ' } else { c };
    let clean: String = text.chars().map(blank).filter(|c| !is_dangerous(*c)).collect();
    let joined = clean.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if joined.chars().count() <= longest {
        return joined;
    }
    let kept: String = joined.chars().take(longest.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Control characters, embeddings, overrides and isolates of writing direction, byte order marks, tag characters.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tabs_stay_and_line_ends_are_one() {
        assert_eq!(text("a\r\nb\rc\n\n\td\u{2028}e\u{b}f\u{c}g"), "a\nb\nc\n\n\td\ne f g");
    }

    #[test]
    fn what_lies_to_the_eye_is_taken_out() {
        assert_eq!(text("a\0b\u{1b}[31mc\u{202e}d\u{2066}e\u{feff}\u{e0041}f\u{7f}"), "ab[31mcdef");
        assert_eq!(line("\u{202e}evil\u{202c}", 20), "evil");
    }

    #[test]
    fn writing_of_all_peoples_stays() {
        for words in ["Здравствуйте", "שלום\u{200f}", "日本語 テスト", "👩\u{200d}🔬", "naïve"]
        {
            assert_eq!(text(words), words);
            assert_eq!(line(words, 40), words);
        }
    }

    #[test]
    fn a_line_is_one_line_of_bounded_length() {
        assert_eq!(line("  a\r\nBcc: b\t c\u{a0}d ", 40), "a Bcc: b c d");
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("", 4), "");
    }
}

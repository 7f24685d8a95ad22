//! Decoded text made fit to be read: soft line breaks undone (RFC 3676), one kind of line end, no control characters.

use super::ReadLimits;
use crate::mail::message::Fault;

/// Joins the lines that a `format=flowed` text only broke to be sent. `delete_blank` is its `DelSp=yes`.
pub fn unflowed(text: &str, delete_blank: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let (depth, content) = unquoted(line);
        let is_mark = content == "-- ";
        match open {
            Some(before) if before == depth && !is_mark && !content.is_empty() => {}
            _ => {
                out.push_str(if open.is_some() { "\n" } else { "" });
                out.push_str(&">".repeat(depth));
                out.push_str(if depth > 0 && !content.is_empty() { " " } else { "" });
            }
        }
        let soft = content.ends_with(' ') && !is_mark;
        out.push_str(if soft && delete_blank { &content[..content.len() - 1] } else { content });
        open = soft.then_some(depth);
        if !soft {
            out.push('\n');
        }
    }
    out
}

/// The depth of the quote and the line behind its marks, without the blank that protects its beginning.
fn unquoted(line: &str) -> (usize, &str) {
    let content = line.trim_start_matches('>');
    let depth = line.len() - content.len();
    let bare = content.strip_prefix(' ').unwrap_or(content);
    // What a person began with `>` must not become a quote.
    (depth, if bare.starts_with('>') { content } else { bare })
}

/// Line ends `\n`, no NUL (marked) and no control characters but tab, no blank lines at both ends, bounded. Blanks at the
/// ends of lines stay: they make the signature mark `-- ` and belong to what is pasted in.
pub fn tidy(text: &str, limits: &ReadLimits, faults: &mut Vec<Fault>) -> String {
    if text.contains('\0') {
        faults.push(Fault::NulBytes);
    }
    let unix = text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n");
    let kept = |c: &char| matches!(c, '\n' | '\t') || !(c.is_control() || *c == '\u{feff}');
    let clean: String = unix.chars().filter(kept).collect();
    let clean = without_blank_lines(clean.trim_end());
    match clean.char_indices().nth(limits.text_chars) {
        Some((end, _)) => {
            faults.push(Fault::TextCut);
            clean[..end].to_owned()
        }
        None => clean.to_owned(),
    }
}

/// The text from its first line on that holds something.
fn without_blank_lines(text: &str) -> &str {
    let filled = text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len());
    &text[text[..filled].rfind('\n').map_or(0, |end| end + 1)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_line_breaks_are_undone() {
        for (flowed, text) in [
            ("one \ntwo\nthree\n", "one two\nthree\n"),
            ("one \r\n\r\ntwo\r\n", "one \n\ntwo\n"),
            (">a \n> b\n>> c \n> d\ne\n", "> a b\n>> c \n> d\ne\n"),
            ("text \n-- \nAnna \nB", "text \n-- \nAnna B\n"),
            (" From here\n  indented\n >typed\n", "From here\n indented\n >typed\n"),
            ("> \n>\n", ">\n>\n"),
        ] {
            assert_eq!(unflowed(flowed, false), text, "{flowed:?}");
        }
        assert_eq!(unflowed("日本 \n語\n", true), "日本語\n");
    }

    #[test]
    fn text_is_tidy() {
        let mut faults = Vec::new();
        let limits = ReadLimits { text_chars: 40, ..ReadLimits::default() };
        let text = "\r\n \n  a\tb \r\nc\rd\x07\0\u{85}e\n-- \nx\n\n \n";
        assert_eq!(tidy(text, &limits, &mut faults), "  a\tb \nc\nd\ne\n-- \nx");
        assert_eq!(tidy(" \n\n", &limits, &mut faults), "");
        assert_eq!(faults, [Fault::NulBytes]);
        assert_eq!(tidy(&"ä".repeat(41), &limits, &mut faults).chars().count(), 40);
        assert_eq!(faults, [Fault::NulBytes, Fault::TextCut]);
    }
}

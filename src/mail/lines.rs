//! Lines of a mail's text, told apart: quoted, in a code fence, indented. Shared by all that reads text line by line;
//! it refuses to know what a line means.

/// One line with what its surroundings make of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Without the line end and trailing white space.
    pub text: &'a str,
    /// Inside a code fence, or the fence itself.
    pub fenced: bool,
}

impl<'a> Line<'a> {
    /// Nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// Quoted by `>`, at most three blanks before it.
    pub fn is_quote(&self) -> bool {
        !self.fenced && is_quote(self.text)
    }

    /// In a fence, quoted, or indented by a tab or four blanks: text that was copied in, never an instruction.
    pub fn is_copied(&self) -> bool {
        self.fenced || self.is_quote() || indent(self.text).is_none_or(|blanks| blanks > 3)
    }

    /// The line without its indentation.
    pub fn bare(&self) -> &'a str {
        self.text.trim()
    }
}

/// Splits a text into lines. A code fence (three backticks or tildes) that is never closed is no fence.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Line> = text.split('\n').map(|line| Line { text: line.trim_end(), fenced: false }).collect();
    let mut open: Option<(usize, &str)> = None;
    for at in 0..lines.len() {
        let Some(mark) = fence_mark(lines[at].text) else { continue };
        match open {
            None => open = Some((at, mark)),
            Some((from, with)) if with == mark && lines[at].bare() == mark => {
                lines[from..=at].iter_mut().for_each(|line| line.fenced = true);
                open = None;
            }
            Some(_) => {}
        }
    }
    lines
}

/// Whether a line is quoted by `>`, at most three blanks before it.
pub(super) fn is_quote(line: &str) -> bool {
    indent(line).is_some_and(|blanks| blanks <= 3) && line.trim_start().starts_with('>')
}

/// Lines as a text, without blank lines at its ends.
pub(super) fn join<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let lines: Vec<&str> = lines.into_iter().collect();
    let filled = |line: &&str| !line.trim().is_empty();
    match (lines.iter().position(filled), lines.iter().rposition(filled)) {
        (Some(first), Some(last)) => lines[first..=last].join("\n"),
        _ => String::new(),
    }
}

/// Blanks before the text; `None` when a tab is among them.
fn indent(line: &str) -> Option<usize> {
    let mut blanks = 0;
    for c in line.chars() {
        match c {
            '\t' => return None,
            c if c.is_whitespace() => blanks += 1,
            _ => break,
        }
    }
    Some(blanks)
}

fn fence_mark(line: &str) -> Option<&'static str> {
    let bare = line.trim_start();
    ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark) && line.len() - bare.len() <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_covers_what_is_between_its_marks() {
        let fenced: Vec<bool> = lines("a\n```sh\nb\n```\nc").iter().map(|line| line.fenced).collect();
        assert_eq!(fenced, [false, true, true, true, false]);
    }

    #[test]
    fn a_fence_that_is_never_closed_is_none() {
        assert!(lines("a\n```\nb\n~~~\nc").iter().all(|line| !line.fenced));
    }

    #[test]
    fn copied_text_is_indented_or_quoted() {
        for text in ["    x", "\tx", "  \tx", "> x", "  >x", "\u{a0}   x"] {
            assert!(lines(text)[0].is_copied(), "{text:?}");
        }
        for text in ["x", "   x", "", "x > y"] {
            assert!(!lines(text)[0].is_copied(), "{text:?}");
        }
    }

    #[test]
    fn joined_lines_have_no_blank_ends() {
        assert_eq!(join(["", " ", "a", "", "b", ""]), "a\n\nb");
        assert_eq!(join(["", " "]), "");
    }
}

//! Text laid out in lines: breaks, quotes, lists, cells. It refuses to know of tags.
//!
//! Breaks are held back until something follows them, so that empty elements leave no empty lines. Nothing is wrapped: a
//! field of a form stays on its line, and the reader's window wraps better.

/// Levels of quotes and lists that are drawn.
const DEEPEST: usize = 20;
/// Characters of a cell behind which the next one stands on the same line.
const SHORT_CELL: usize = 60;
/// A line across the page, as plain text mails draw it.
const RULE: &str = "________________________________";

/// What separates the text so far from what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Break {
    #[default]
    None,
    Line,
    Paragraph,
}

/// Where a cell of a table stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cell {
    /// It has begun, or there is none.
    #[default]
    Begun,
    /// It will be the first of its row.
    First,
    /// It goes on on the line of the cell before, whatever blocks it begins with.
    Beside,
}

/// A text in the making.
#[derive(Debug, Default)]
pub struct Layout {
    out: String,
    line: String,
    /// Quotes around the line.
    line_quotes: usize,
    held_back: Break,
    quotes: usize,
    /// The next number of each list around, 0 for one without numbers.
    lists: Vec<usize>,
    marker: Option<String>,
    /// The line on which the current row of a table began.
    row: Option<usize>,
    cell: Cell,
    lines: usize,
    most_chars: usize,
    chars: usize,
}

impl Layout {
    pub fn new(most_chars: usize) -> Self {
        Self { most_chars, ..Self::default() }
    }

    /// Whether nothing more will be taken.
    pub fn is_full(&self) -> bool {
        self.chars > self.most_chars
    }

    /// Running text: white space is one blank.
    pub fn text(&mut self, text: &str) {
        let seen = |c: &char| !matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}' | '\u{2060}' | '\u{feff}');
        let text: String = text.chars().filter(seen).collect();
        // Joiners join letters; between blanks they are padding that is meant not to be seen.
        let is_blank = text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{200c}' | '\u{200d}'));
        if is_blank {
            self.blank(text.contains('\u{a0}'));
            return;
        }
        if text.starts_with(char::is_whitespace) {
            self.blank(false);
        }
        self.begin();
        for (at, word) in text.split_whitespace().enumerate() {
            self.push(if at > 0 { " " } else { "" });
            self.push(word);
        }
        if text.ends_with(char::is_whitespace) {
            self.blank(false);
        }
    }

    /// Text whose line ends and blanks count.
    pub fn preformatted(&mut self, text: &str) {
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.begin();
                self.flush();
            }
            if !line.is_empty() {
                self.begin();
                self.push(line.trim_end_matches('\r'));
            }
        }
    }

    /// A blank between words. Alone in a paragraph, where it `holds_place`, it makes an empty line.
    fn blank(&mut self, holds_place: bool) {
        if self.held_back != Break::None || self.line.is_empty() {
            if holds_place {
                self.held_back = Break::Paragraph;
            }
        } else if !self.line.ends_with(' ') {
            self.push(" ");
        }
    }

    /// Ends the line, and the paragraph where it asks so.
    pub fn break_by(&mut self, kind: Break) {
        if self.cell != Cell::Beside {
            self.held_back = self.held_back.max(kind);
        }
    }

    /// `<br>`: two of them make an empty line.
    pub fn new_line(&mut self) {
        let is_empty = self.line.is_empty() || self.held_back != Break::None;
        self.held_back = if is_empty { Break::Paragraph } else { Break::Line };
    }

    pub fn rule(&mut self) {
        self.break_by(Break::Line);
        self.text(RULE);
        self.break_by(Break::Line);
    }

    pub fn quote(&mut self, deeper: bool) {
        self.break_by(Break::Line);
        self.quotes = if deeper { self.quotes + 1 } else { self.quotes.saturating_sub(1) };
    }

    /// Opens a list, numbered or not.
    pub fn open_list(&mut self, numbered: bool) {
        self.break_by(if self.lists.is_empty() { Break::Paragraph } else { Break::Line });
        self.lists.push(usize::from(numbered));
    }

    pub fn close_list(&mut self) {
        self.lists.pop();
        self.break_by(if self.lists.is_empty() { Break::Paragraph } else { Break::Line });
        self.marker = None;
    }

    pub fn item(&mut self) {
        self.break_by(Break::Line);
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(DEEPEST));
        let mark = match self.lists.last_mut() {
            Some(number @ 1..) => {
                *number += 1;
                format!("{}.", *number - 1)
            }
            _ => "*".to_owned(),
        };
        self.marker = Some(format!("{indent}{mark} "));
    }

    /// Begins or ends a row.
    pub fn row(&mut self) {
        // Paragraphs in the cells of a one-line row do not tear the rows apart.
        if self.row == Some(self.lines) {
            self.held_back = Break::Line;
        }
        (self.row, self.cell) = (None, Cell::Begun);
        self.break_by(Break::Line);
    }

    /// Begins a cell: beside the one before if that was short, else below it.
    pub fn cell(&mut self) {
        let is_short = !self.line.is_empty() && self.line.chars().take(SHORT_CELL + 1).count() <= SHORT_CELL;
        if self.row == Some(self.lines) && is_short {
            self.held_back = Break::None;
            self.push("  ");
            self.cell = Cell::Beside;
        } else {
            self.break_by(Break::Line);
            self.cell = Cell::First;
        }
    }

    /// The text, without blanks at line ends and without empty lines at both ends.
    pub fn finish(mut self) -> String {
        self.flush();
        let text = self.out.trim_end().trim_start_matches('\n');
        text.chars().take(self.most_chars).collect()
    }

    /// Makes up for what was held back, now that something follows.
    fn begin(&mut self) {
        if self.held_back != Break::None && !self.line.is_empty() {
            self.flush();
        }
        if self.held_back == Break::Paragraph && !self.out.is_empty() {
            let quotes = ">".repeat(self.quotes.min(self.line_quotes).min(DEEPEST));
            self.out.push_str(&quotes);
            self.out.push('\n');
        }
        self.held_back = Break::None;
        if self.cell == Cell::First {
            self.row = Some(self.lines);
        }
        self.cell = Cell::Begun;
        if self.line.is_empty() {
            self.line_quotes = self.quotes;
            let marker = self.marker.take().unwrap_or_default();
            self.push(&marker);
        }
    }

    fn push(&mut self, text: &str) {
        if !self.is_full() {
            self.chars += text.chars().count();
            self.line.push_str(text);
        }
    }

    fn flush(&mut self) {
        let marks = self.line_quotes.min(DEEPEST);
        self.out.push_str(&">".repeat(marks));
        let line = self.line.trim_end();
        self.out.push_str(if marks > 0 && !line.is_empty() { " " } else { "" });
        self.out.push_str(line);
        self.out.push('\n');
        self.line.clear();
        self.lines += 1;
        self.chars += marks + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(write: impl Fn(&mut Layout)) -> String {
        let mut layout = Layout::new(1_000);
        write(&mut layout);
        layout.finish()
    }

    #[test]
    fn breaks_are_held_back_until_something_follows() {
        let text = laid_out(|page| {
            page.break_by(Break::Paragraph);
            page.text(" a \n b ");
            page.text(" c");
            page.break_by(Break::Paragraph);
            page.break_by(Break::Line);
            page.text("  ");
            page.text("d");
            page.break_by(Break::Paragraph);
        });
        assert_eq!(text, "a b c\n\nd");
    }

    #[test]
    fn two_new_lines_or_a_hard_blank_make_an_empty_line() {
        let text = laid_out(|page| {
            page.text("a");
            page.new_line();
            page.text("b");
            (0..5).for_each(|_| page.new_line());
            page.text("c");
            page.break_by(Break::Line);
            page.text("\u{a0}");
            page.break_by(Break::Line);
            page.text("d");
        });
        assert_eq!(text, "a\nb\n\nc\n\nd");
    }

    #[test]
    fn quotes_and_lists_are_drawn() {
        let text = laid_out(|page| {
            page.quote(true);
            page.text("a");
            page.quote(true);
            page.text("b");
            page.break_by(Break::Paragraph);
            page.text("c");
            page.quote(false);
            page.quote(false);
            page.open_list(true);
            page.item();
            page.text("one");
            page.open_list(false);
            page.item();
            page.text("inner");
            page.close_list();
            page.item();
            page.text("two");
            page.close_list();
            page.text("end");
        });
        assert_eq!(text, "> a\n>> b\n>>\n>> c\n\n1. one\n  * inner\n2. two\n\nend");
    }

    #[test]
    fn short_cells_stand_side_by_side() {
        let text = laid_out(|page| {
            for (name, value) in [("SITE:", "INFN-T1"), ("VO:", "atlas")] {
                page.row();
                for cell in [name, value] {
                    page.cell();
                    page.break_by(Break::Line);
                    page.text(cell);
                    page.break_by(Break::Line);
                }
            }
            page.row();
            page.cell();
            page.text(&"long ".repeat(20));
            page.cell();
            page.text("below");
        });
        assert_eq!(text, format!("SITE:  INFN-T1\nVO:  atlas\n{}\nbelow", "long ".repeat(20).trim_end()));
    }

    #[test]
    fn what_is_preformatted_keeps_its_lines() {
        let text = laid_out(|page| {
            page.break_by(Break::Line);
            page.preformatted("  a  b\r\n\n\tc\n");
            page.break_by(Break::Line);
            page.text("d");
        });
        assert_eq!(text, "  a  b\n\n\tc\nd");
    }

    #[test]
    fn a_layout_is_bounded() {
        let mut page = Layout::new(10);
        (0..100).for_each(|_| page.text("word "));
        assert!(page.is_full());
        assert_eq!(page.finish().chars().count(), 10);
    }
}

//! Tables for a terminal: columns as wide as their content, the last one as wide as it is. Text from mail is made
//! harmless first: no control characters reach a terminal.

/// Rows under a heading, as lines.
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<String>| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(heading.iter().map(ToString::to_string).collect());
    let body = rows.iter().map(|row| line(row.iter().map(|cell| harmless(cell, 200)).collect()));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

/// One line without control and direction characters, at most `longest` characters.
pub fn harmless(text: &str, longest: usize) -> String {
    crate::mail::plain::line(text, longest)
}

/// `2026-11-23 14:05`, UTC.
pub fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `3 mails`, `1 mail`.
pub fn count(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

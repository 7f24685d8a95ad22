//! HTML bodies to text within bounds of size, depth and attributes (RFC 2854). Hidden text is not shown and not read.

/// Text of an HTML body, links as footnotes, quotes with `>`; at most `most_chars` characters.
pub fn to_text(html: &str, most_chars: usize) -> String {
    let _ = (html, most_chars);
    todo!("reader")
}

//! HTML bodies to text within bounds. Hidden text is neither shown nor read, nothing is fetched, and links that are
//! programs are left out.

mod rewrite;

/// Bytes of HTML that are laid out; the rest is left out.
const MOST_BYTES: usize = 512 << 10;
/// Bytes in which a document names its charset.
const LONGEST_HEAD: usize = 4 << 10;
/// Column at which lines are wrapped; people read mail at this width.
const WIDTH: usize = 100;

/// Text of an HTML body, links as footnotes, quotes with `>`; at most `most_chars` characters.
pub fn to_text(html: &str, most_chars: usize) -> String {
    let clean = rewrite::rewritten(&html[..html.floor_char_boundary(MOST_BYTES)]);
    let layout =
        html2text::config::plain().use_doc_css().allow_width_overflow().no_table_borders().link_footnotes(true);
    let text = layout.string_from_read(clean.as_bytes(), WIDTH).unwrap_or_else(|_| between_tags(&clean));
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").chars().take(most_chars).collect()
}

/// The charset that the document names in its head.
pub fn charset(html: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&html[..html.len().min(LONGEST_HEAD)]).to_ascii_lowercase();
    let (_, named) = head.split_once("charset=")?;
    let label = named.trim_start_matches(['"', '\'']).split(|c: char| c.is_whitespace() || "\"'/>;".contains(c)).next();
    label.filter(|label| !label.is_empty()).map(str::to_owned)
}

/// The text between tags, as it stands: no layout, no entities.
fn between_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        text.push(' ');
        let Some(close) = rest[open..].find('>') else { return text };
        rest = &rest[open + close + 1..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mail_reads_like_text() {
        let text = to_text(
            "<p>Hello <b>Anna</b>,<br>see <a href='https://x.example/'>this</a>.</p><blockquote>old</blockquote>",
            1_000,
        );
        assert!(text.contains("Hello"), "{text}");
        assert!(text.contains("https://x.example/"), "{text}");
        assert!(text.contains("> old"), "{text}");
    }

    #[test]
    fn what_is_hidden_is_not_read() {
        for hidden in [
            "<div style=\"display:none\">SECRET</div>",
            "<span style='color:red; visibility: hidden'>SECRET</span>",
            "<div style=\"font-size:0px;\">SECRET</div>",
            "<p hidden>SECRET</p>",
            "<script>SECRET</script>",
            "<style>SECRET</style>",
            "<!-- SECRET -->",
        ] {
            let text = to_text(&format!("<p>seen</p>{hidden}<p>end</p>"), 1_000);
            assert!(text.contains("seen") && text.contains("end") && !text.contains("SECRET"), "{hidden}: {text}");
        }
    }

    #[test]
    fn hostile_html_is_read_within_bounds() {
        for html in [
            "<div>".repeat(100_000),
            format!("<a {}>x</a>", "b=c ".repeat(200_000)),
            "<".repeat(500_000),
            "<blockquote>".repeat(5_000),
            "</x><div>".repeat(50_000),
            "<div/>".repeat(80_000),
            "<br title=\"></blockquote>\"><blockquote>x".repeat(12_000),
            format!("<table>{}", "x<br>".repeat(90_000)),
            "<table><tr><td colspan=1000000000>x<td rowspan=1000000000>y</table>".repeat(100),
        ] {
            assert!(to_text(&html, 1_000).chars().count() <= 1_000);
        }
        assert!(!to_text("<a href=\"javascript:alert(1)\">x</a>", 1_000).contains("javascript"));
    }

    proptest! {
        #[test]
        fn no_html_brings_the_layout_down(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
            let html: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            to_text(&html, 1_000);
        }
    }

    const PIECES: [&str; 36] = [
        "<table>",
        "</table>",
        "<tr>",
        "</tr>",
        "<td>",
        "</td>",
        "<td colspan=99999999999>",
        "<th rowspan=0>",
        "<tbody>",
        "<ul>",
        "</ul>",
        "<ol start=-9223372036854775808>",
        "</ol>",
        "<li>",
        "<dl>",
        "<dt>",
        "<dd>",
        "</dl>",
        "<pre>",
        "</pre>",
        "<blockquote>",
        "</blockquote>",
        "<a href=x>",
        "</a>",
        "<img src=y alt=z>",
        "<p>",
        "</p>",
        "<div>",
        "</div>",
        "<style>p{display:none}",
        "</style>",
        "<b style='display:none'>",
        "</b>",
        "text ",
        "日本語\u{200b}\n",
        "<h1>",
    ];
}

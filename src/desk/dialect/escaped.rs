//! Texts that a helpdesk escapes as if they were HTML, in mail that is plain text. A helpdesk that does so may do it to
//! some texts only; a text in which one character stands as it is was not escaped.

use std::borrow::Cow;

/// What is escaped, as Django writes it and older versions of it did.
const ENTITIES: [(&str, char); 6] =
    [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#x27;", '\''), ("&#39;", '\'')];

/// The text as it was written, where all in it that would be escaped is.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let Some((entity, c)) = ENTITIES.iter().find(|(entity, _)| rest[at..].starts_with(entity)) else {
            return Cow::Borrowed(text);
        };
        plain.push_str(&rest[..at]);
        plain.push(*c);
        rest = &rest[at + entity.len()..];
    }
    if plain.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(plain + rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_decoded_once_and_only_where_all_of_it_is_escaped() {
        for (text, plain) in [
            ("It isn&#x27;t &lt;long&gt; &amp; &quot;slow&quot;", "It isn't <long> & \"slow\""),
            ("isn&#39;t", "isn't"),
            ("&amp;lt; is written for &lt;", "&lt; is written for <"),
            ("write &amp; for \"and\"", "write &amp; for \"and\""),
            ("it's &lt;", "it's &lt;"),
            ("a & b &amp; c", "a & b &amp; c"),
            ("&eacute; &amp;", "&eacute; &amp;"),
            ("süß", "süß"),
            ("", ""),
        ] {
            assert_eq!(unescaped(text), plain, "{text}");
        }
    }
}

//! Whether an element is hidden: by its attributes, its style, or a class that a style sheet hides.
//!
//! What a reader does not see must not be read either: no tag, field or order may hide in a mail. Preheaders, the texts
//! that only a list of mails shows, are hidden as well.

use std::collections::BTreeSet;

use super::tokens::Tag;

/// Elements that nobody sees, whatever their style.
const NEVER_SHOWN: [&str; 8] = ["audio", "canvas", "object", "select", "svg", "template", "video", "xml"];
/// Classes that are remembered.
const MOST_CLASSES: usize = 500;

/// How an element changes what is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visibility {
    /// Neither it nor anything in it is shown.
    pub hidden: bool,
    /// Its letters have no size, those of an element within may have one again. Frameworks wrap whole mails so.
    pub no_size: bool,
}

/// Classes of a document that are hidden.
#[derive(Debug, Default)]
pub struct Sheet {
    hidden: BTreeSet<String>,
}

impl Sheet {
    /// Reads a style sheet: plain rules for a class. Rules for other media and selectors that say more are passed over.
    pub fn read(&mut self, css: &str) {
        let mut rest = css;
        while let Some((before, behind)) = rest.split_once('{') {
            let selectors = before.rsplit([';', '}']).next().unwrap_or_default();
            if selectors.trim_start().starts_with('@') {
                rest = behind_block(behind);
                continue;
            }
            let (body, after) = behind.split_once('}').unwrap_or((behind, ""));
            rest = after;
            if Visibility::default().styled(body).hidden {
                let room = MOST_CLASSES.saturating_sub(self.hidden.len());
                self.hidden.extend(selectors.split(',').filter_map(class).take(room));
            }
        }
    }

    /// What an element in this place shows.
    pub fn visibility(&self, tag: &Tag, outside: Visibility) -> Visibility {
        let classes = tag.attribute("class").unwrap_or_default();
        let by_class = !self.hidden.is_empty() && classes.split_whitespace().any(|class| self.hidden.contains(class));
        let never = tag.attribute("hidden").is_some() || NEVER_SHOWN.contains(&tag.name.as_str());
        let styled = tag.attribute("style").map_or(outside, |style| outside.styled(style));
        Visibility { hidden: styled.hidden || by_class || never, ..styled }
    }
}

impl Visibility {
    /// Whether letters are shown.
    pub fn shows(self) -> bool {
        !self.hidden && !self.no_size
    }

    /// The same with declarations applied, `display: none; color: red`.
    fn styled(mut self, declarations: &str) -> Self {
        let lower = declarations.to_ascii_lowercase();
        let declared = |name: &str| {
            let mut pairs = lower.rsplit(';').filter_map(|one| one.split_once(':'));
            let value = pairs.find(|(known, _)| known.trim() == name)?.1;
            Some(value.replace("!important", "").trim().to_owned())
        };
        let is = |name: &str, words: &[&str]| declared(name).is_some_and(|value| words.contains(&value.as_str()));
        let is_zero = |name: &str| declared(name).is_some_and(|value| zero(&value));
        self.hidden |= is("display", &["none"])
            || is("visibility", &["hidden", "collapse"])
            || is("mso-hide", &["all"])
            || is_zero("opacity")
            || (is_zero("max-height") || is_zero("height")) && is("overflow", &["hidden"]);
        if let Some(size) = declared("font-size") {
            self.no_size = zero(&size);
        }
        self
    }
}

/// `0`, `0px`, `0.0em`.
fn zero(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    number.parse::<f32>().is_ok_and(|number| number == 0.0)
}

/// `.name` or `element.name`, and nothing more.
fn class(selector: &str) -> Option<String> {
    let (element, class) = selector.trim().split_once('.')?;
    let is_name = |text: &str| text.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
    (is_name(element) && is_name(class) && !class.is_empty() && class.len() <= 200).then(|| class.to_owned())
}

/// What follows the closing brace of a block that holds rules.
fn behind_block(text: &str) -> &str {
    let mut depth = 1_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[at + 1..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::super::tokens::{Token, Tokens};
    use super::*;

    fn shows(html: &str) -> bool {
        let mut sheet = Sheet::default();
        let mut shown = true;
        for token in Tokens::new(html) {
            match token {
                Token::Style(css) => sheet.read(css),
                Token::Open(tag) => shown = sheet.visibility(&tag, Visibility::default()).shows(),
                _ => {}
            }
        }
        shown
    }

    #[test]
    fn styles_and_attributes_hide() {
        for html in [
            "<p hidden>",
            "<p hidden=until-found>",
            "<p style=\"display:none\">",
            "<p style='color:red; DISPLAY : None !important; x'>",
            "<p style=\"visibility:hidden\">",
            "<p style=\"mso-hide:all\">",
            "<p style=\"opacity:0.0\">",
            "<p style=\"max-height:0px;overflow:hidden\">",
            "<p style=font-size:0>",
            "<p style=\"font-size:12px;font-size:0pt\">",
            "<svg>",
            "<style>.a, p.gone { color: red; display: none }</style><p class=\"x gone\">",
        ] {
            assert!(!shows(html), "{html}");
        }
    }

    #[test]
    fn what_only_looks_alike_does_not() {
        for html in [
            "<p style=\"display:block\">",
            "<p style=\"display:none;display:block\">",
            "<p style=\"opacity:0.5;font-size:0.8em;max-height:0\">",
            "<p title=hidden>",
            "<p class=hidden>",
            "<style>@media print { .a { display:none } .b {} } .c {}</style><p class=a>",
            "<style>@import 'x'; .b .a { display:none } .a:hover { display:none }</style><p class=a>",
        ] {
            assert!(shows(html), "{html}");
        }
        let inner = Sheet::default().visibility(&Tag::default(), Visibility { hidden: false, no_size: true });
        assert!(!inner.shows() && inner.styled("font-size:13px").shows());
    }
}

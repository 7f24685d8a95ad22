//! The small templates of a dialect file: `[{tag} #{id}]`, `{id:07}`. A place that can't be filled makes no text at all.

/// Digits to which a value is filled with zeros at most.
const WIDEST: usize = 40;

/// Fills a template. `value` gives the text of a place; `{name:05}` fills it with zeros to five digits. `None` where a
/// place has no value, or one that could not stand on one line.
pub fn fill<'a>(form: &str, value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let mut filled = String::new();
    for piece in pieces(form) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Place { name, width } => {
                let value = value(name).filter(|value| !value.is_empty() && !value.contains(char::is_control))?;
                filled.extend(std::iter::repeat_n('0', width.saturating_sub(value.chars().count())));
                filled.push_str(value);
            }
        }
    }
    Some(filled)
}

/// Names of the places.
pub fn places(form: &str) -> impl Iterator<Item = &str> {
    pieces(form).into_iter().filter_map(|piece| match piece {
        Piece::Place { name, .. } => Some(name),
        Piece::Text(_) => None,
    })
}

enum Piece<'a> {
    Text(&'a str),
    Place { name: &'a str, width: usize },
}

/// Braces that hold no name are text.
fn pieces(form: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = form;
    while let Some((before, inner, after)) = braces(rest) {
        let (name, format) = inner.split_once(':').unwrap_or((inner, ""));
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Place { name, width: format.parse::<usize>().unwrap_or_default().min(WIDEST) });
        } else {
            pieces.push(Piece::Text(&rest[..rest.len() - after.len()]));
        }
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// What stands before, in and behind the first pair of braces.
fn braces(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (inner, after) = rest.split_once('}')?;
    Some((before, inner, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(form: &str) -> Option<String> {
        fill(form, |name| match name {
            "id" => Some("123"),
            "tag" => Some("rt.infn.example"),
            "bad" => Some("a\nb"),
            _ => None,
        })
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(filled("[{tag} #{id}]").as_deref(), Some("[rt.infn.example #123]"));
        assert_eq!(filled("[GLPI #{id:07}] {id:2}").as_deref(), Some("[GLPI #0000123] 123"));
        assert_eq!(filled("{} {x y} {").as_deref(), Some("{} {x y} {"));
    }

    #[test]
    fn what_can_not_be_filled_makes_no_text() {
        assert_eq!(filled("{host}"), None);
        assert_eq!(filled("{bad}"), None);
        assert_eq!(places("[{tag} #{id:07}] {}").collect::<Vec<_>>(), ["tag", "id"]);
    }
}

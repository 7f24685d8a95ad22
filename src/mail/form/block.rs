//! Forms made of lines: the machine block at the end of a text and `Key: value` lines at its top (protocol section 5).
//!
//! It refuses copied text: a line that is quoted, in a code fence or indented by four blanks or a tab is never a field.

use super::{Pair, join_wrapped, names};
use crate::mail::lines::{self, Line};
use crate::mail::pattern::Pattern;

/// A machine block has at most so many lines; a longer run is read from its end.
const LONGEST_BLOCK: usize = 200;
/// Lines that are not blank among which fields at the top are looked for.
const TOP_LINES: usize = 10;
/// Lines below a closing formula ("Regards,"), at most.
const CLOSING_LINES: usize = 4;

/// What a search found: the fields, and the text without their lines.
pub(super) struct Found {
    pub pairs: Vec<Pair>,
    pub rest: String,
}

/// Reads `NAME: value`: a name of letters, digits, hyphens, underscores and blanks; the value may be empty.
pub(in crate::mail) fn key_line<'a>(line: &Line<'a>) -> Option<(&'a str, &'a str)> {
    if line.is_copied() {
        return None;
    }
    let (name, value) = line.bare().split_once([':', '：'])?;
    let (name, value) = unemphasised(name, value);
    let shaped = name.starts_with(char::is_alphabetic)
        && name.chars().take(41).count() <= 40
        && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || c.is_whitespace())
        && name.split_whitespace().count() <= 6;
    (shaped && !value.starts_with("//")).then(|| (name.trim(), value.trim()))
}

/// Takes the stars of `*Site:* INFN-T1` or `**Site**: INFN-T1` off.
fn unemphasised<'a>(name: &'a str, value: &'a str) -> (&'a str, &'a str) {
    let inner = name.trim_matches('*');
    if inner.len() < name.len() && !inner.starts_with(char::is_whitespace) {
        return (inner, value.trim_start_matches('*'));
    }
    (name, value)
}

/// Whether a name is written the way machines do: capitals only, or with the prefix `GHD`.
pub(in crate::mail) fn is_machine_name(name: &str) -> bool {
    let prefixed = name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("GHD"));
    prefixed || !name.chars().any(char::is_lowercase)
}

/// Fences the lines of fields as machines write them, with their wrapped values. Whatever a stranger's value reads like, it
/// introduces no quote and is no footer.
pub(in crate::mail) fn fence_fields(lines: &mut [Line]) {
    let mut open = false;
    for line in lines {
        open = match key_line(line) {
            Some((name, _)) => is_machine_name(name) && names::field_named(name).is_some(),
            None => open && !line.is_blank() && is_wrapped(line),
        };
        line.fenced |= open;
    }
}

/// Takes the machine block off the end of a text.
pub(super) fn take_end_block(text: &str) -> Option<Found> {
    let lines = lines::lines(text);
    let end = before_closing(&lines);
    let start = run_start(&lines, end);
    let start = (start..end).find(|&at| begins_block(&lines[at]))?;
    let pairs = pairs(&lines[start..end]);
    pairs
        .iter()
        .any(|pair| names::field_named(&pair.name).is_some())
        .then(|| Found { pairs, rest: lines::join(lines[..start].iter().chain(&lines[end..]).map(|line| line.text)) })
}

/// First line of the run of key lines, wrapped values and single blank lines that ends before `end`.
fn run_start(lines: &[Line], end: usize) -> usize {
    let mut start = end;
    let mut blank_below = false;
    for at in (end.saturating_sub(LONGEST_BLOCK)..end).rev() {
        let line = &lines[at];
        if line.is_blank() {
            if blank_below {
                break;
            }
        } else if key_line(line).is_some() {
            start = at;
        } else if !is_wrapped(line) {
            break;
        }
        blank_below = line.is_blank();
    }
    start
}

/// A key line that may open a block: a known name, or an unknown one that only a machine would write.
fn begins_block(line: &Line) -> bool {
    key_line(line).is_some_and(|(name, _)| names::field_named(name).is_some() || is_machine_name(name))
}

/// The rest of a value: indented, and no `NAME:` itself.
fn is_wrapped(line: &Line) -> bool {
    let looks_like_key = Line { text: line.bare(), ..*line };
    !line.fenced
        && !line.is_quote()
        && line.text.starts_with(char::is_whitespace)
        && key_line(&looks_like_key).is_none()
}

/// Key lines with their wrapped values; everything else in the slice is passed over.
fn pairs(lines: &[Line]) -> Vec<Pair> {
    let mut pairs: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut open = false;
    for line in lines {
        if let Some((name, value)) = key_line(line) {
            pairs.push((name, vec![value]));
            open = true;
        } else if open && !line.is_blank() && is_wrapped(line) {
            pairs.last_mut().into_iter().for_each(|(_, parts)| parts.push(line.bare()));
        } else {
            open = false;
        }
    }
    let joined = |(name, parts): (&str, Vec<&str>)| Pair {
        name: name.to_owned(),
        value: join_wrapped(&parts, names::field_named(name)),
    };
    pairs.into_iter().map(joined).collect()
}

/// End of the text without a closing formula and the few short lines below it, blank lines not counted.
fn before_closing(lines: &[Line]) -> usize {
    let filled_end = |upto: usize| lines[..upto].iter().rposition(|line| !line.is_blank()).map_or(0, |at| at + 1);
    let end = filled_end(lines.len());
    let below = lines[..end].iter().enumerate().rev().filter(|(_, line)| !line.is_blank()).take(CLOSING_LINES + 1);
    let closing = below
        .take_while(|(_, line)| {
            key_line(line).is_none() && !line.is_copied() && line.text.chars().take(61).count() <= 60
        })
        .filter(|(_, line)| CLOSING.is_match(line.bare()))
        .last();
    closing.map_or(end, |(at, _)| filled_end(at))
}

static CLOSING: Pattern = Pattern::new(
    "(?i)^(?:(?:with|many|best|kind|warm|mit|viele|beste|freundlichen|liebe|schöne|bien|mes|un|muchas|cordiali|distinti|\
     tanti|molte) )*(?:regards|greetings|wishes|thanks|thank you|cheers|sincerely|yours|grüße|grüßen|grüssen|gruß|gruss|\
     dank|danke|mfg|saludos|gracias|atentamente|cordialement|salutations|merci|saluti|grazie|cordialmente|с уважением|\
     спасибо|ciao|bye)\\b[^:]*$",
);

/// Takes `Key: value` lines off the top of a text; a greeting may stand before them. Only known names count.
pub(super) fn take_top_lines(text: &str) -> Option<Found> {
    let lines = lines::lines(text);
    let mut taken = vec![false; lines.len()];
    let mut filled = 0;
    let mut open = false;
    for (at, line) in lines.iter().enumerate() {
        if line.is_blank() {
            open = false;
            continue;
        }
        filled += 1;
        if filled > TOP_LINES {
            break;
        }
        let known = key_line(line).map(|(name, _)| names::field_named(name).is_some());
        match known {
            Some(known) => (taken[at], open) = (known, known),
            None if open && is_wrapped(line) => taken[at] = true,
            None if filled == 1 && is_greeting(line.bare()) => {}
            None => break,
        }
    }
    let chosen: Vec<Line> = lines.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(line, _)| *line).collect();
    let left = lines.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(line, _)| line.text);
    (!chosen.is_empty()).then(|| Found { pairs: pairs(&chosen), rest: lines::join(left) })
}

/// A short line that greets, or one of a few words that ends in a comma or an exclamation mark ("Dear all,").
fn is_greeting(line: &str) -> bool {
    let short = line.chars().take(61).count() <= 60;
    let calls = line.ends_with([',', '!']) && line.split_whitespace().count() <= 5;
    short && (calls || GREETING.is_match(line))
}

static GREETING: Pattern = Pattern::new(
    "(?i)^(?:dear|hello|hi|hey|good (?:morning|afternoon|evening|day)|greetings|to whom|hallo|liebe[rs]?|guten|\
     sehr geehrte[rs]?|moin|hola|estimad[oa]s?|buen(?:os|as)|bonjour|bonsoir|salut|chère?s?|madame|monsieur|ciao|salve|\
     buon(?:giorno|asera)|gentil[ei]|car[oaie]|egregi|здравствуйте|добр\\w*|уважаем\\w*|привет)\\b",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(found: Option<Found>) -> (Vec<(String, String)>, String) {
        let found = found.expect("fields");
        (found.pairs.into_iter().map(|pair| (pair.name, pair.value)).collect(), found.rest)
    }

    fn end(text: &str) -> (Vec<(String, String)>, String) {
        read(take_end_block(text))
    }

    fn top(text: &str) -> (Vec<(String, String)>, String) {
        read(take_top_lines(text))
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_patterns_compile() {
        assert!([&CLOSING, &GREETING].into_iter().all(|pattern| pattern.regex().is_some()));
    }

    #[test]
    fn the_last_run_of_key_lines_is_the_block() {
        let (pairs, rest) =
            end("My jobs fail.\nSince noon.\n\nNOTIFIED SITE: INFN-T1\nCONCERNED VO: atlas\nPRIORITY: urgent\n");
        assert_eq!(
            pairs,
            [pair("NOTIFIED SITE", "INFN-T1"), pair("CONCERNED VO", "atlas"), pair("PRIORITY", "urgent")]
        );
        assert_eq!(rest, "My jobs fail.\nSince noon.");
    }

    #[test]
    fn a_value_may_wrap_on_to_indented_lines() {
        let (pairs, _) = end("x\nNOTIFIED SITE: UKI-LT2-\n  IC-HEP\nTYPE OF PROBLEM: Storage\n   Systems\nVO: ops");
        assert_eq!(
            pairs,
            [pair("NOTIFIED SITE", "UKI-LT2-IC-HEP"), pair("TYPE OF PROBLEM", "Storage Systems"), pair("VO", "ops")]
        );
    }

    #[test]
    fn an_indented_key_is_text_and_no_part_of_a_value() {
        assert!(take_end_block("x\n    VO: atlas").is_none());
        assert!(take_end_block("x\n\tVO: atlas").is_none());
        assert!(take_end_block("SITE: INFN-T1\n    VO: atlas").is_none(), "the run ends with copied text");
    }

    #[test]
    fn quoted_and_fenced_keys_are_text() {
        assert!(take_end_block("x\n> VO: atlas").is_none());
        assert!(take_end_block("x\n```\nVO: atlas\n```").is_none());
        assert!(take_top_lines("> VO: atlas\nx").is_none());
        assert!(take_top_lines("```\nVO: atlas\n```\nx").is_none());
    }

    #[test]
    fn one_blank_line_may_interrupt_the_block_and_two_end_it() {
        assert_eq!(end("x\n\nVO: atlas\n\nSITE: pic").0.len(), 2);
        let (pairs, rest) = end("VO: atlas\n\n\nSITE: pic");
        assert_eq!((pairs, rest.as_str()), (vec![pair("SITE", "pic")], "VO: atlas"));
    }

    #[test]
    fn unknown_names_are_kept_inside_a_block_and_prose_before_it_stays() {
        let (pairs, rest) = end("Error: no such file\nQUEUE: long\nVO: atlas\nWorker: wn4\nSITE: pic");
        assert_eq!(pairs, [pair("QUEUE", "long"), pair("VO", "atlas"), pair("Worker", "wn4"), pair("SITE", "pic")]);
        assert_eq!(rest, "Error: no such file");
        assert!(take_end_block("x\nNOTE: it is late").is_none(), "no known name, no block");
    }

    #[test]
    fn a_closing_formula_below_the_block_is_set_aside() {
        let (pairs, rest) = end("x\n\nVO: atlas\n\nBest regards,\nAnna Rossi\nINFN");
        assert_eq!((pairs, rest.as_str()), (vec![pair("VO", "atlas")], "x\n\n\nBest regards,\nAnna Rossi\nINFN"));
        assert!(take_end_block("VO: atlas\n\nThis text goes on after it.").is_none());
    }

    #[test]
    fn a_block_in_the_middle_of_a_text_is_text() {
        assert!(take_end_block("a\nVO: atlas\nSITE: pic\nand so on\nand so on").is_none());
    }

    #[test]
    fn fields_at_the_top_may_follow_a_greeting() {
        let text = "Dear all,\n\nVO: atlas\nPriorität: dringend\nСайт: ITEP\n\nMy jobs fail.";
        let (pairs, rest) = top(text);
        assert_eq!(pairs, [pair("VO", "atlas"), pair("Priorität", "dringend"), pair("Сайт", "ITEP")]);
        assert_eq!(rest, "Dear all,\n\n\nMy jobs fail.");
    }

    #[test]
    fn only_known_names_count_at_the_top() {
        let (pairs, rest) = top("VO: atlas\nError: 7\nSITE: pic\ntext");
        assert_eq!((pairs.len(), rest.as_str()), (2, "Error: 7\ntext"));
        assert!(take_top_lines("The VO: atlas\ntext").is_none());
        assert!(take_top_lines("My jobs fail at\nSITE: pic\nsince noon").is_none(), "prose came first");
    }

    #[test]
    fn the_top_is_ten_lines_that_are_not_blank() {
        let text = format!("{}VO: atlas\nx", "Foo: 1\n\n".repeat(10));
        assert!(take_top_lines(&text).is_none());
        let text = format!("{}VO: atlas\nx", "Foo: 1\n\n".repeat(9));
        assert_eq!(top(&text).0, [pair("VO", "atlas")]);
    }

    #[test]
    fn addresses_of_pages_and_times_are_no_keys() {
        for line in ["https://x.example/a", "ticket://1", "12:30 noon", "a.b: c", "x(y): z"] {
            assert!(key_line(&lines::lines(line)[0]).is_none(), "{line}");
        }
    }

    #[test]
    fn emphasis_around_a_name_is_taken_off() {
        assert_eq!(top("*Site:* pic\n**VO**: atlas\nx").0, [pair("Site", "pic"), pair("VO", "atlas")]);
    }
}

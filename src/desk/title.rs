//! Titles: a subject without reply prefixes and tags, cut to length.

use super::tag::{Tags, normalise};
use super::ticket::Ticket;
use crate::mail::form::bare_subject;

/// The title of a new ticket, and the full one where it had to be cut. `text` helps out where the subject is empty.
pub fn title(tags: &Tags, subject: &str, text: &str) -> (String, Option<String>) {
    let clean = tidy(tags, subject);
    let from_text = || text.lines().map(|line| tidy(tags, line)).find(|line| !line.is_empty());
    let full = if clean.is_empty() { from_text().unwrap_or_else(|| "(no subject)".to_owned()) } else { clean };
    match full.char_indices().nth(Ticket::LONGEST_SUBJECT) {
        None => (full, None),
        Some(_) => {
            let cut: String = full.chars().take(Ticket::LONGEST_SUBJECT - 1).collect();
            (format!("{}…", cut.trim_end()), Some(full))
        }
    }
}

/// Prefixes may stand before and behind a tag, so both are taken off until nothing changes.
fn tidy(tags: &Tags, subject: &str) -> String {
    let mut title = bare_subject(&normalise_keeping_form(subject)).to_owned();
    for _ in 0..4 {
        let next = bare_subject(&tags.cut_from(&title)).to_owned();
        if next == title {
            break;
        }
        title = next;
    }
    title
}

/// Blanks in order and control characters away, but full-width letters as the user wrote them.
fn normalise_keeping_form(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What two subjects of one matter have in common.
pub fn core(subject: &str) -> String {
    bare_subject(&normalise(subject)).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(subject: &str) -> String {
        title(&Tags::new("GGUS").unwrap(), subject, "first line\nsecond").0
    }

    #[test]
    fn prefixes_and_own_tags_go_and_foreign_tags_stay() {
        assert_eq!(of("Re: AW: Fwd: CE down"), "CE down");
        assert_eq!(of("Re[2]: [GGUS:9999] WG: CE down"), "CE down");
        assert_eq!(of("I: R: [Ticket#2005] CE down"), "[Ticket#2005] CE down");
        assert_eq!(of("Research: RE: no prefix"), "Research: RE: no prefix");
    }

    #[test]
    fn an_empty_subject_takes_the_first_line() {
        assert_eq!(of("Re: "), "first line");
        let from_text = |text: &str| title(&Tags::new("GGUS").unwrap(), "", text).0;
        assert_eq!(from_text(" \n"), "(no subject)");
        assert_eq!(from_text("Re: [GGUS #1]\0\nRe: [GGUS:1] it is down"), "it is down", "its tag would name another");
    }

    #[test]
    fn a_long_subject_is_cut_within_the_limit_and_kept_whole() {
        let (short, full) = title(&Tags::new("GGUS").unwrap(), &"ä".repeat(300), "");
        assert_eq!(short.chars().count(), Ticket::LONGEST_SUBJECT);
        assert!(short.ends_with('…'));
        assert_eq!(full.unwrap().chars().count(), 300);
    }
}

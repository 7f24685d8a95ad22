//! Control lines: what a person at a helpdesk writes when the helpdesk has no word for it (`STATUS: solved`,
//! `LOCAL ID: 4711`). Only in the newest text, only at its very top or bottom, each alone on a line.

use serde::{Deserialize, Serialize};

use super::form;
use super::lines::{self, Line};

/// The states that a line may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedStatus {
    InProgress,
    OnHold,
    Solved,
    Unsolved,
    Verified,
    WaitingForReply,
}

/// One control line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// `ASSIGN TO: ROC_France`.
    AssignTo(String),
    /// `INTERNAL`: this comment goes to nobody but the desk.
    Internal,
    /// `LOCAL ID: 4711`.
    LocalId(String),
    /// `REFUSE: reason`.
    Refuse(String),
    /// `SOLUTION: text`, to the end or the next control line.
    Solution(String),
    /// `STATUS: …`.
    Status(AskedStatus),
    /// `WAKE: 2026-12-01`.
    Wake(jiff::civil::Date),
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    /// Readable lines, in order.
    pub lines: Vec<Control>,
    /// Lines that look like a control line but can't be read, as written.
    pub unreadable: Vec<String>,
    /// The text without the control lines.
    pub rest: String,
}

/// A keyword of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keyword {
    AssignTo,
    Internal,
    LocalId,
    Refuse,
    Solution,
    Status,
    Wake,
}

/// Keywords as people write them in the six languages, folded like [`names::fold`](super::form).
const KEYWORDS: [(&str, Keyword); 40] = [
    ("assign to", Keyword::AssignTo),
    ("assign", Keyword::AssignTo),
    ("zuweisen an", Keyword::AssignTo),
    ("asignar a", Keyword::AssignTo),
    ("assigner a", Keyword::AssignTo),
    ("attribuer a", Keyword::AssignTo),
    ("assegnare a", Keyword::AssignTo),
    ("назначить", Keyword::AssignTo),
    ("internal", Keyword::Internal),
    ("intern", Keyword::Internal),
    ("interno", Keyword::Internal),
    ("interne", Keyword::Internal),
    ("внутреннее", Keyword::Internal),
    ("local id", Keyword::LocalId),
    ("lokale id", Keyword::LocalId),
    ("id local", Keyword::LocalId),
    ("id locale", Keyword::LocalId),
    ("локальныи номер", Keyword::LocalId),
    ("refuse", Keyword::Refuse),
    ("ablehnen", Keyword::Refuse),
    ("rechazar", Keyword::Refuse),
    ("refuser", Keyword::Refuse),
    ("rifiutare", Keyword::Refuse),
    ("отказ", Keyword::Refuse),
    ("solution", Keyword::Solution),
    ("losung", Keyword::Solution),
    ("solucion", Keyword::Solution),
    ("soluzione", Keyword::Solution),
    ("решение", Keyword::Solution),
    ("status", Keyword::Status),
    ("estado", Keyword::Status),
    ("statut", Keyword::Status),
    ("etat", Keyword::Status),
    ("stato", Keyword::Status),
    ("статус", Keyword::Status),
    ("wake", Keyword::Wake),
    ("wiedervorlage", Keyword::Wake),
    ("despertar", Keyword::Wake),
    ("reveil", Keyword::Wake),
    ("напомнить", Keyword::Wake),
];

/// Longest value of a line but a solution, in characters.
const LONGEST: usize = 1_000;

/// Reads the control lines of a newest text: the runs of them at its very top and at its very bottom.
pub fn controls(newest: &str) -> Controls {
    let lines = lines::lines(newest);
    let mut found = Controls::default();
    let mut taken = vec![false; lines.len()];
    let top = run(&lines, &mut taken, 0..lines.len(), &mut found, false);
    let mut bottom = Controls::default();
    let rest: Vec<usize> = (top..lines.len()).collect();
    run_up(&lines, &mut taken, &rest, &mut bottom);
    found.lines.append(&mut bottom.lines);
    found.unreadable.append(&mut bottom.unreadable);
    let kept = lines.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(line, _)| line.text);
    found.rest = lines::join(kept);
    found
}

/// The run at the top; a solution takes what follows up to the next control line, or to the end. Gives back where the
/// run ended.
fn run(
    lines: &[Line<'_>],
    taken: &mut [bool],
    range: std::ops::Range<usize>,
    found: &mut Controls,
    below: bool,
) -> usize {
    let mut at = range.start;
    while at < range.end {
        let line = &lines[at];
        if line.is_blank() {
            at += 1;
            continue;
        }
        let Some((keyword, value)) = keyword_of(line) else { break };
        taken[at] = true;
        let next = at + 1;
        if keyword == Keyword::Solution {
            let end = (next..range.end).find(|at| keyword_of(&lines[*at]).is_some()).unwrap_or(range.end);
            let text = std::iter::once(value).chain(lines[next..end].iter().map(|line| line.text));
            found.lines.push(Control::Solution(lines::join(text).trim().to_owned()));
            taken[next..end].fill(true);
            at = end;
            continue;
        }
        read(keyword, value, line, found);
        at = next;
    }
    if below { range.start } else { at }
}

/// The run at the bottom: the last lines, upwards as long as they are control lines, or one that begins a solution.
fn run_up(lines: &[Line<'_>], taken: &mut [bool], rest: &[usize], found: &mut Controls) {
    let mut start = None;
    for at in rest.iter().rev().copied() {
        let line = &lines[at];
        if line.is_blank() {
            continue;
        }
        match keyword_of(line) {
            Some(_) => start = Some(at),
            None => break,
        }
    }
    // A solution of several lines at the bottom begins with its keyword, behind a blank line or another control line.
    let solution = rest.iter().copied().find(|at| {
        let stands_apart = *at == 0 || lines[at - 1].is_blank() || keyword_of(&lines[at - 1]).is_some();
        stands_apart && matches!(keyword_of(&lines[*at]), Some((Keyword::Solution, _)))
    });
    let mut begin = match (start, solution) {
        (Some(start), Some(solution)) => start.min(solution),
        (start, solution) => match start.or(solution) {
            Some(begin) => begin,
            None => return,
        },
    };
    while begin > 0 && rest.contains(&(begin - 1)) && keyword_of(&lines[begin - 1]).is_some() {
        begin -= 1;
    }
    run(lines, taken, begin..lines.len(), found, true);
}

/// The keyword of a line and what stands behind it; `None` for text, for copied lines, and for words without a colon.
fn keyword_of<'a>(line: &Line<'a>) -> Option<(Keyword, &'a str)> {
    if line.is_copied() {
        return None;
    }
    let bare = line.bare();
    let (name, value) = match bare.split_once([':', '：']) {
        Some((name, value)) => (name, value.trim()),
        None => (bare, ""),
    };
    if name.chars().count() > 30 {
        return None;
    }
    let folded = form::fold(name);
    let plain = folded.strip_prefix("ggus ").unwrap_or(&folded);
    let keyword = KEYWORDS.iter().find(|(word, _)| *word == plain).map(|(_, keyword)| *keyword)?;
    let with_colon = name.len() < bare.len();
    let whole_line = keyword == Keyword::Internal && value.is_empty();
    (whole_line || (with_colon && keyword != Keyword::Internal)).then_some((keyword, value))
}

fn read(keyword: Keyword, value: &str, line: &Line<'_>, found: &mut Controls) {
    let value: String = value.chars().take(LONGEST).collect();
    let given = (!value.is_empty()).then(|| value.clone());
    let control = match keyword {
        Keyword::AssignTo => given.map(Control::AssignTo),
        Keyword::Internal => Some(Control::Internal),
        Keyword::LocalId => local_id(&value).map(Control::LocalId),
        // A refusal needs no reason to be one.
        Keyword::Refuse => Some(Control::Refuse(value)),
        Keyword::Solution => None,
        Keyword::Status => form::status_named(&value).and_then(asked).map(Control::Status),
        Keyword::Wake => value.parse().ok().map(Control::Wake),
    };
    match control {
        Some(control) => found.lines.push(control),
        None => found.unreadable.push(line.bare().to_owned()),
    }
}

/// `4711`, `#4711`, `INC0010001`, `HD-2024-00012`: one word of letters, digits and a few marks.
fn local_id(value: &str) -> Option<String> {
    let id = value.trim().trim_start_matches('#').trim_end_matches('.');
    let good = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    (!id.is_empty() && id.len() <= 64 && id.chars().all(good)).then(|| id.to_owned())
}

fn asked(words: &str) -> Option<AskedStatus> {
    Some(match words {
        "in progress" => AskedStatus::InProgress,
        "on hold" => AskedStatus::OnHold,
        "solved" => AskedStatus::Solved,
        "unsolved" => AskedStatus::Unsolved,
        "verified" => AskedStatus::Verified,
        "waiting for reply" => AskedStatus::WaitingForReply,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Vec<Control>, String) {
        let found = controls(text);
        assert!(found.unreadable.is_empty(), "{text:?}: {:?}", found.unreadable);
        (found.lines, found.rest)
    }

    #[test]
    fn lines_at_the_top_and_at_the_bottom_are_read() {
        let solved = Control::Status(AskedStatus::Solved);
        assert_eq!(of("STATUS: solved\n\nIt works again."), (vec![solved.clone()], "It works again.".to_owned()));
        assert_eq!(
            of("It works again.\n\nGGUS-Status: Solved\n"),
            (vec![solved.clone()], "It works again.".to_owned())
        );
        assert_eq!(
            of("local id: #4711\nstatus: IN_PROGRESS").0,
            [Control::LocalId("4711".into()), Control::Status(AskedStatus::InProgress)]
        );
        assert_eq!(of("INTERNAL\nthe disk is old").0, [Control::Internal]);
        assert_eq!(of("Status: gelöst\n\nLief voll.").0, [solved]);
        assert_eq!(
            of("WAKE: 2026-12-01\nSTATUS: on hold").0,
            [Control::Wake(jiff::civil::date(2026, 12, 1)), Control::Status(AskedStatus::OnHold)]
        );
        assert_eq!(of("ASSIGN TO: ROC_France").0, [Control::AssignTo("ROC_France".into())]);
        assert_eq!(of("REFUSE: not ours").0, [Control::Refuse("not ours".into())]);
    }

    #[test]
    fn a_solution_runs_to_the_next_line_or_to_the_end() {
        let text = "SOLUTION: The queue was closed.\nIt is open again.\nSTATUS: solved";
        let expected = [
            Control::Solution("The queue was closed.\nIt is open again.".into()),
            Control::Status(AskedStatus::Solved),
        ];
        assert_eq!(of(text), (expected.to_vec(), String::new()));
        let below = of("Dear colleagues,\n\nSOLUTION: Restarted.\nTwice.");
        assert_eq!(below, (vec![Control::Solution("Restarted.\nTwice.".into())], "Dear colleagues,".to_owned()));
    }

    #[test]
    fn lines_in_the_middle_and_copied_lines_are_text() {
        for text in [
            "The page says\nSTATUS: solved\nbut it is not.",
            "> STATUS: solved\nis what I read",
            "    STATUS: solved",
            "```\nSTATUS: solved\n```",
            "The status: solved or not?",
            "Internal server error",
            "Solution wanted",
        ] {
            assert_eq!(of(text), (vec![], text.trim_end().to_owned()), "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_line_and_is_none_is_told() {
        let found = controls("STATUS: frobnicate\nWAKE: someday\nLOCAL ID: two words\n\ntext");
        assert_eq!(found.unreadable, ["STATUS: frobnicate", "WAKE: someday", "LOCAL ID: two words"]);
        assert_eq!((found.lines, found.rest.as_str()), (vec![], "text"));
    }
}

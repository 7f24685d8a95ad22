//! A unit's mail to a known ticket: the steps of protocol section 2.
//!
//! First the facts that any mail may carry (the foreign id), then what it asks for ([`wish`]), while the unit works on the
//! ticket; what comes later is kept and changes nothing.

use super::case::Case;
use super::decision::Verdict;
use super::dialect::Kind;
use super::draft::Draft;
use super::event::{Actor, Event, Visibility};
use super::leg::{Leg, LegState};
use super::policy::{Unit, UnitName};
use super::ticket::{Priority, Solution, Status};
use super::trail::Reason;
use super::wish::{self, Wish};
use crate::mail::control::Control;
use crate::mail::form::{self, Field};

/// Applies a proven unit's mail.
pub fn apply(draft: &mut Draft<'_>, case: &Case<'_>, unit: &Unit) -> Verdict {
    let actor = Actor::Unit(unit.name.clone());
    trail(draft, case, unit);
    learn_foreign_id(draft, case, unit);
    let text = wish::public_text(case, unit);
    let wishes = wish::wishes(draft, case, unit, &text);
    let repeats = case.is_machine() || case.reading.kind == Some(Kind::Acknowledgement);
    if !case.controls.unreadable.is_empty() && !repeats {
        let lines = case.controls.unreadable.clone();
        draft.fact(&actor, Event::LineNotUnderstood { unit: unit.name.clone(), lines });
    }
    if !draft.ticket.status.is_open() || !is_working(draft, unit) {
        return late(draft, case, unit, &wishes, &text);
    }
    corrections(draft, case);
    let mut verdict = Verdict::Report;
    for wish in wishes {
        if !matches!(wish, Wish::Nothing(_)) {
            verdict = Verdict::Append;
            heard(draft, unit);
        }
        fulfil(draft, unit, wish, &text);
    }
    verdict
}

/// A person of the unit did something.
fn heard(draft: &mut Draft<'_>, unit: &Unit) {
    let now = draft.now;
    if let Some(leg) = draft.ticket.leg_mut(&unit.name) {
        leg.heard = Some(now);
    }
}

fn trail(draft: &mut Draft<'_>, case: &Case<'_>, unit: &Unit) {
    if let Some(kind) = case.reading.kind {
        let (dialect, rule) = (unit.dialect.name.clone(), case.reading.rule.clone());
        draft.because(Reason::DialectSays { dialect, kind: kind.word().to_owned(), rule });
    }
    for line in &case.controls.lines {
        draft.because(Reason::ControlLine { line: format!("{line:?}") });
    }
}

/// Any mail may be the first that carries the helpdesk's own id.
fn learn_foreign_id(draft: &mut Draft<'_>, case: &Case<'_>, unit: &Unit) {
    let written = case.controls.lines.iter().find_map(|line| match line {
        Control::LocalId(id) => Some(id.clone()),
        _ => None,
    });
    let given =
        written.or_else(|| case.form.fields.get(&Field::OriginId).cloned()).or_else(|| case.reading.foreign_id.clone());
    let Some(foreign_id) = given else { return };
    let key = (unit.name.clone(), foreign_id.clone());
    if draft.snapshot.foreign_ids.get(&key).is_some_and(|other| *other != draft.ticket.id) {
        return draft.note(format!("{} calls this ticket {foreign_id}, which is its name of another one.", unit.name));
    }
    // An id that is known is no news: mail about a merged ticket may go on under the old one.
    let news = |leg: &&mut Leg| !leg.foreign_ids.contains(&foreign_id);
    let Some(leg) = draft.ticket.leg_mut(&unit.name).filter(news) else { return };
    let earlier = leg.foreign_id().map(str::to_owned);
    leg.foreign_ids.push(foreign_id.clone());
    if leg.state == LegState::Sent {
        (leg.state, leg.since) = (LegState::Acknowledged, draft.now);
    }
    draft.because(Reason::ForeignId { unit: unit.name.clone(), foreign_id: foreign_id.clone() });
    let event = Event::Acknowledged { unit: unit.name.clone(), foreign_id, earlier };
    draft.fact(&Actor::Unit(unit.name.clone()), event);
}

/// Whether the unit still works on the ticket. The triaging unit may step in wherever it has a part.
fn is_working(draft: &Draft<'_>, unit: &Unit) -> bool {
    unit.name == draft.policy.default_unit || draft.ticket.leg(&unit.name).is_some_and(|leg| leg.state.is_live())
}

/// The ticket, or this unit's part in it, has ended: what comes is kept and changes nothing.
fn late(draft: &mut Draft<'_>, case: &Case<'_>, unit: &Unit, wishes: &[Wish], text: &str) -> Verdict {
    let (id, status) = (draft.ticket.id, draft.ticket.status);
    if status.is_open() {
        draft.keep_status(format!("the part of {} has ended", unit.name));
    } else {
        draft.because(Reason::TicketEnded { ticket: id, status });
    }
    // A helpdesk that closes its local ticket, as it was told to, says so; that is no late text. Nor is it one when its
    // system takes no more mail for what it has closed.
    let by_hand = !case.controls.lines.is_empty();
    let writes = |wish: &Wish| match wish {
        Wish::Accept | Wish::Nothing(_) => false,
        Wish::Refuse(_) => by_hand,
        Wish::Solve(text) | Wish::Unsolve(text) => is_news(draft, case, text.as_deref()),
        _ => true,
    };
    if text.is_empty() || case.is_machine() || !wishes.iter().any(writes) {
        draft.note(format!("A late mail of {} was kept.", unit.name));
        return Verdict::Report;
    }
    draft.fact(&Actor::Unit(unit.name.clone()), Event::LateMail { unit: unit.name.clone(), text: text.to_owned() });
    Verdict::Append
}

/// Whether a late solution says more than the one that the user has, in words of a person.
fn is_news(draft: &Draft<'_>, case: &Case<'_>, text: Option<&str>) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<String>();
    let known = draft.ticket.solution.as_ref().map(|solution| words(&solution.text));
    let by_closing = matches!(case.reading.kind, Some(Kind::Solved | Kind::Unsolved));
    !by_closing && text.is_some_and(|text| Some(words(text)) != known)
}

fn fulfil(draft: &mut Draft<'_>, unit: &Unit, wish: Wish, text: &str) {
    let actor = Actor::Unit(unit.name.clone());
    match wish {
        Wish::Accept => accept(draft, unit, &actor),
        Wish::Ask(question) if question.is_empty() => {
            draft.note(format!("{} asked for a reply without asking anything.", unit.name))
        }
        Wish::Ask(question) => {
            draft.status(Status::WaitingForReply);
            engage(draft, unit);
            draft.ticket.question = Some(question.clone());
            draft.fact(&actor, Event::Asked { unit: unit.name.clone(), text: question });
        }
        Wish::Comment(visibility) => comment(draft, unit, visibility, text),
        Wish::HandOver(target) => hand_over(draft, unit, &actor, &target, text),
        Wish::Hold => hold(draft, unit, &actor),
        Wish::Nothing(why) => draft.keep_status(why),
        Wish::Refuse(reason) => {
            refuse(draft, unit, &actor, if reason.trim().is_empty() { text } else { reason.trim() })
        }
        Wish::Solve(Some(solution)) => end(draft, unit, &actor, Status::Solved, solution),
        Wish::Unsolve(Some(reason)) => end(draft, unit, &actor, Status::Unsolved, reason),
        Wish::Solve(None) | Wish::Unsolve(None) => {
            if let Some(leg) = draft.ticket.leg_mut(&unit.name) {
                (leg.owes_solution, leg.owes_reason) = (true, wish == Wish::Unsolve(None));
            }
            draft.keep_status("a solution needs a text");
            draft.fact(&actor, Event::SolutionWithoutText { unit: unit.name.clone() });
        }
    }
}

fn engage(draft: &mut Draft<'_>, unit: &Unit) {
    draft.leg_state(&unit.name, LegState::Accepted);
}

/// "In progress" of a peer does not override on hold or waiting.
fn accept(draft: &mut Draft<'_>, unit: &Unit, actor: &Actor) {
    engage(draft, unit);
    match draft.ticket.status {
        Status::New | Status::Assigned | Status::Reopened => draft.status(Status::InProgress),
        Status::OnHold | Status::WaitingForReply => draft.keep_status("\"in progress\" does not override it"),
        _ => {}
    }
    draft.fact(actor, Event::Accepted { unit: unit.name.clone() });
}

fn comment(draft: &mut Draft<'_>, unit: &Unit, visibility: Visibility, text: &str) {
    let fields = draft.case.map(|case| &case.form.fields);
    let diary = match visibility {
        Visibility::Public => fields.and_then(|fields| fields.get(&Field::PublicDiary)),
        _ => fields.and_then(|fields| fields.get(&Field::InternalDiary)),
    };
    let text = diary.map_or(text, String::as_str);
    let text = unit.dialect.cut_own_tags(text, &unit.parameters).trim().to_owned();
    let attached = draft.case.is_some_and(|case| !case.mail.attachments.is_empty());
    if text.is_empty() && !attached {
        return draft.note(format!("A mail of {} without any new text was kept.", unit.name));
    }
    if visibility == Visibility::Public
        && let Some(leg) = draft.ticket.leg_mut(&unit.name)
    {
        leg.last_public = Some(text.clone());
    }
    draft.fact(&Actor::Unit(unit.name.clone()), Event::Commented { visibility, text });
}

fn hold(draft: &mut Draft<'_>, unit: &Unit, actor: &Actor) {
    let wake = draft.case.and_then(|case| {
        case.controls.lines.iter().find_map(|line| match line {
            Control::Wake(date) => Some(*date),
            _ => None,
        })
    });
    draft.ticket.wake = wake;
    draft.status(Status::OnHold);
    engage(draft, unit);
    draft.fact(actor, Event::OnHold { unit: unit.name.clone(), wake });
}

/// Back to the triaging unit; a unit that triages has nobody to give it back to.
fn refuse(draft: &mut Draft<'_>, unit: &Unit, actor: &Actor, reason: &str) {
    let tpm = draft.policy.default_unit.clone();
    if unit.name == tpm {
        return draft.note(format!("{tpm} refused: {reason}"));
    }
    draft.leg_state(&unit.name, LegState::Refused);
    draft.fact(actor, Event::Refused { unit: unit.name.clone(), reason: reason.to_owned() });
    let why = if reason.is_empty() { "no reason was given" } else { reason };
    draft.flag(format!("{} refused the ticket: {why}", unit.name));
    draft.assign(actor, &tpm, &format!("refusal of {}", unit.name));
}

fn hand_over(draft: &mut Draft<'_>, unit: &Unit, actor: &Actor, target: &str, text: &str) {
    let Some(to) = unit_named(draft, target) else {
        let lines = vec![format!("ASSIGN TO: {target}")];
        return draft.fact(actor, Event::LineNotUnderstood { unit: unit.name.clone(), lines });
    };
    if draft.ticket.unit.as_ref() == Some(&to) {
        return draft.note(format!("{to} has the ticket already."));
    }
    if let Some(previous) = draft.ticket.unit.clone().filter(|previous| *previous != unit.name) {
        draft.leg_state(&previous, LegState::Withdrawn);
        draft.fact(actor, Event::Withdrawn { unit: previous });
    }
    draft.leg_state(&unit.name, LegState::HandedOver);
    if !text.is_empty() {
        draft.fact(actor, Event::Commented { visibility: Visibility::Internal, text: text.to_owned() });
    }
    let (from, told) = (unit.name.clone(), Some(text.to_owned()).filter(|text| !text.is_empty()));
    draft.fact(actor, Event::HandedOver { from, to: to.clone(), text: told });
    draft.assign(actor, &to, &unit.name.to_string());
}

/// A unit by its name, without case, with hyphen, underscore and blank alike.
pub fn unit_named(draft: &Draft<'_>, name: &str) -> Option<UnitName> {
    let key = form::normalise(name);
    draft.policy.units.keys().find(|unit| form::normalise(&unit.0) == key).cloned()
}

fn end(draft: &mut Draft<'_>, unit: &Unit, actor: &Actor, status: Status, text: String) {
    let short = draft.case.and_then(|case| case.form.fields.get(&Field::ShortSolution).cloned());
    draft.end(status, Solution { short, text: text.clone(), by: unit.name.to_string(), at: draft.now });
    draft.leg_state(&unit.name, LegState::Solved);
    if let Some(leg) = draft.ticket.leg_mut(&unit.name) {
        leg.owes_solution = false;
    }
    end_other_legs(draft, &unit.name, actor);
    draft.fact(actor, if status == Status::Solved { Event::Solved { text } } else { Event::Unsolved { text } });
}

/// When the triaging unit solves what another has, the other is told to close its local ticket.
fn end_other_legs(draft: &mut Draft<'_>, solver: &UnitName, actor: &Actor) {
    let live = draft.ticket.legs.iter().filter(|leg| leg.state.is_live() && leg.unit != *solver);
    for unit in live.map(|leg| leg.unit.clone()).collect::<Vec<_>>() {
        draft.leg_state(&unit, LegState::Withdrawn);
        draft.fact(actor, Event::Withdrawn { unit });
    }
}

/// A unit's form may correct how urgent a ticket is and what it is about; whatever else it names changes nothing.
fn corrections(draft: &mut Draft<'_>, case: &Case<'_>) {
    if let Some(written) = case.form.fields.get(&Field::Priority)
        && let Some(priority) = form::priority_named(written).and_then(Priority::from_words)
        && priority != draft.ticket.priority
    {
        draft.ticket.priority = priority;
        draft.note(format!("Priority is now {}.", priority.words()));
    }
    if let Some(written) = case.form.fields.get(&Field::TypeOfProblem)
        && draft.ticket.type_of_problem.as_ref() != Some(written)
    {
        draft.ticket.type_of_problem = Some(written.clone());
        draft.note(format!("Type of problem is now {written}."));
    }
}

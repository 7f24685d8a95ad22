//! What a unit's mail asks for, whoever wrote it down in whatever form.
//!
//! First what was written on purpose (control lines, forms), then what the dialect takes the mail for, and last what the
//! unit's setting says of a plain reply. It reads wishes and fulfils none.

use super::bond;
use super::case::Case;
use super::dialect::Kind;
use super::draft::Draft;
use super::event::{Actor, Event, Visibility};
use super::policy::{ReplyMeans, Unit};
use super::ticket::{Status, TicketId};
use crate::mail::control::{AskedStatus, Control, Order};
use crate::mail::form::{self, Field};

/// One wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    Accept,
    /// A question to the submitter.
    Ask(String),
    Comment(Visibility),
    HandOver(String),
    Hold,
    /// Nothing to the ticket.
    Nothing(String),
    Refuse(String),
    Solve(Option<String>),
    Unsolve(Option<String>),
}

/// What may be shown to a user: the text without the helpdesk's boilerplate and own tags.
pub fn public_text(case: &Case<'_>, unit: &Unit) -> String {
    unit.dialect.cut_own_tags(case.prose(), &unit.parameters).trim().to_owned()
}

/// Orders about other tickets: carried out for the desk's own people, else a wish that TPM reads. Whether there was any.
pub fn orders(draft: &mut Draft<'_>, case: &Case<'_>, unit: &Unit, may: bool) -> bool {
    if case.is_machine() || case.reading.kind == Some(Kind::Acknowledgement) {
        return false;
    }
    let actor = Actor::Unit(unit.name.clone());
    let mut any = false;
    for order in case.orders() {
        any = true;
        let line = order.line();
        if !may {
            draft.flag(format!("{} asks for {line:?}, which only the desk can do, by a proven mail.", unit.name));
            continue;
        }
        let other = TicketId(order.other());
        let done = match order {
            Order::Master(_) => bond::enslave(draft, &actor, Some(other)),
            Order::MergeInto(_) => bond::merge(draft, &actor, other),
            Order::Parent(_) => bond::parent(draft, &actor, Some(other)),
            Order::RelatedTo(_) => bond::relate(draft, &actor, other),
        };
        if let Err(why) = done {
            draft.fact(&Actor::Desk, Event::LeftAlone { why: format!("{line} was not done: {why}.") });
        }
    }
    any
}

/// All wishes of a mail whose public text is `text`, in the order in which they are fulfilled.
pub fn wishes(draft: &Draft<'_>, case: &Case<'_>, unit: &Unit, text: &str) -> Vec<Wish> {
    // An acknowledgement repeats what the desk sent: the user's words, and the lines that the dispatch explains.
    if case.reading.kind == Some(Kind::Acknowledgement) {
        return vec![meant(draft, case, unit, text)];
    }
    let mut wishes = written(case, text);
    if wishes.is_empty() {
        wishes = formed(draft, case, text);
    }
    if wishes.is_empty() {
        wishes.push(meant(draft, case, unit, text));
    }
    wishes.into_iter().map(|wish| without_own_tags(wish, unit)).collect()
}

/// What a wish says to others, without the helpdesk's own tags; a text of which nothing is left is none.
fn without_own_tags(wish: Wish, unit: &Unit) -> Wish {
    let cut = |text: String| unit.dialect.cut_own_tags(&text, &unit.parameters).trim().to_owned();
    let kept = |text: Option<String>| text.map(cut).filter(|text| !text.is_empty());
    match wish {
        Wish::Ask(question) => Wish::Ask(cut(question)),
        Wish::Refuse(reason) => Wish::Refuse(cut(reason)),
        Wish::Solve(solution) => Wish::Solve(kept(solution)),
        Wish::Unsolve(reason) => Wish::Unsolve(kept(reason)),
        other => other,
    }
}

/// Control lines. Of a mail that is internal only the words of a SOLUTION line are for others.
fn written(case: &Case<'_>, text: &str) -> Vec<Wish> {
    let lines = &case.controls.lines;
    if lines.is_empty() {
        return Vec::new();
    }
    let solution = lines.iter().find_map(|line| match line {
        Control::Solution(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    });
    let newest = Some(text.to_owned()).filter(|text| !text.is_empty());
    let orders = case.orders().next().is_some();
    let internal = case.reading.internal || orders || lines.contains(&Control::Internal);
    let told = newest.clone().filter(|_| !internal);
    let mut wishes = Vec::new();
    for line in lines {
        wishes.extend(match line {
            Control::AssignTo(name) => Some(Wish::HandOver(name.clone())),
            Control::Refuse(reason) => Some(Wish::Refuse(reason.clone())),
            Control::Status(AskedStatus::InProgress) => Some(Wish::Accept),
            Control::Status(AskedStatus::OnHold) => Some(Wish::Hold),
            Control::Status(AskedStatus::Solved) => Some(Wish::Solve(solution.clone().or_else(|| told.clone()))),
            Control::Status(AskedStatus::Unsolved) => Some(Wish::Unsolve(solution.clone().or_else(|| told.clone()))),
            Control::Status(AskedStatus::WaitingForReply) if internal => {
                Some(Wish::Nothing("an internal question is put to nobody".to_owned()))
            }
            Control::Status(AskedStatus::WaitingForReply) => Some(Wish::Ask(text.to_owned())),
            Control::Status(AskedStatus::Verified) => Some(Wish::Nothing("only the user can verify".to_owned())),
            Control::Hurry(_)
            | Control::Internal
            | Control::LocalId(_)
            | Control::Order(_)
            | Control::Solution(_)
            | Control::Wake(_) => None,
        });
    }
    let states = |wish: &Wish| matches!(wish, Wish::Solve(_) | Wish::Unsolve(_));
    if lines.iter().any(|line| matches!(line, Control::Solution(_))) && !wishes.iter().any(states) {
        wishes.push(Wish::Solve(solution.or(told)));
    }
    // Text beside control lines that do not use it up is a comment of its own.
    let uses_text = |wish: &Wish| match wish {
        Wish::Accept | Wish::Hold => false,
        Wish::HandOver(_) | Wish::Refuse(_) => true,
        _ => !internal,
    };
    if newest.is_some() && !wishes.iter().any(uses_text) && (internal || !wishes.is_empty()) {
        wishes.push(Wish::Comment(if internal { Visibility::Internal } else { Visibility::Public }));
    }
    if wishes.is_empty() && newest.is_none() {
        wishes.push(Wish::Nothing("nothing but notes for the desk".to_owned()));
    }
    wishes
}

/// The fields of a machine form.
fn formed(draft: &Draft<'_>, case: &Case<'_>, text: &str) -> Vec<Wish> {
    let fields = &case.form.fields;
    let solution = fields.get(&Field::DetailedSolution).or(fields.get(&Field::ShortSolution)).cloned();
    let status = fields.get(&Field::Status).and_then(|text| form::status_named(text)).and_then(Status::from_words);
    let mut wishes = Vec::new();
    match status {
        Some(Status::Solved) => wishes.push(Wish::Solve(solution)),
        Some(Status::Unsolved) => wishes.push(Wish::Unsolve(solution)),
        Some(Status::InProgress) => wishes.push(Wish::Accept),
        Some(Status::OnHold) => wishes.push(Wish::Hold),
        Some(Status::WaitingForReply) => {
            wishes.push(Wish::Ask(fields.get(&Field::PublicDiary).map_or(text, String::as_str).to_owned()))
        }
        _ if solution.is_some() => wishes.push(Wish::Solve(solution)),
        _ => {}
    }
    let current = draft.ticket.unit.as_ref().map(ToString::to_string);
    if let Some(target) = fields.get(&Field::ResponsibleUnit).filter(|name| current.as_ref() != Some(name)) {
        wishes.push(Wish::HandOver(target.clone()));
    }
    let asks = matches!(wishes.first(), Some(Wish::Ask(_)));
    if fields.contains_key(&Field::PublicDiary) && !asks {
        wishes.push(Wish::Comment(Visibility::Public));
    }
    if fields.contains_key(&Field::InternalDiary) {
        wishes.push(Wish::Comment(Visibility::Internal));
    }
    wishes
}

/// What the dialect takes the mail for; without a sign of it, what a plain reply of this unit is.
fn meant(draft: &Draft<'_>, case: &Case<'_>, unit: &Unit, text: &str) -> Wish {
    let newest = Some(text.to_owned()).filter(|text| !text.is_empty());
    let last_public = || draft.ticket.leg(&unit.name).and_then(|leg| leg.last_public.clone());
    let written = || newest.clone().filter(|_| !case.reading.last_public || last_public().is_none());
    let solution = || case.reading.solution.clone().or_else(written).or_else(last_public);
    let caught = |name: &str| case.reading.values.get(name).cloned();
    match case.reading.kind {
        Some(Kind::Acknowledgement) => Wish::Nothing("the helpdesk has it".to_owned()),
        Some(Kind::Ignore) => Wish::Nothing("nothing to the ticket".to_owned()),
        Some(Kind::Accepted) => Wish::Accept,
        Some(Kind::Question) => Wish::Ask(text.to_owned()),
        Some(Kind::Refused) => Wish::Refuse(caught("reason").unwrap_or_else(|| text.to_owned())),
        Some(Kind::Solved) => Wish::Solve(solution()),
        Some(Kind::Unsolved) => Wish::Unsolve(solution()),
        Some(Kind::HandedOver) => caught("unit").map_or(Wish::Comment(Visibility::Internal), Wish::HandOver),
        Some(Kind::Reopened) => Wish::Comment(Visibility::Internal),
        None if case.signals.automatic() => Wish::Nothing("no person wrote it".to_owned()),
        Some(Kind::Comment) | None => plain_reply(draft, case, unit, newest),
    }
}

/// What a person of the unit wrote without a sign: a comment, or the solution that is owed or that the unit's setting
/// makes of it.
fn plain_reply(draft: &Draft<'_>, case: &Case<'_>, unit: &Unit, newest: Option<String>) -> Wish {
    let owing = draft.ticket.leg(&unit.name).filter(|leg| leg.owes_solution);
    let answers = owing.is_some() || unit.reply == ReplyMeans::Solution;
    if answers && !case.reading.internal && newest.is_some() {
        return if owing.is_some_and(|leg| leg.owes_reason) { Wish::Unsolve(newest) } else { Wish::Solve(newest) };
    }
    Wish::Comment(visibility(case, unit))
}

fn visibility(case: &Case<'_>, unit: &Unit) -> Visibility {
    if case.reading.internal || unit.reply == ReplyMeans::Internal { Visibility::Internal } else { Visibility::Public }
}

//! The decision about a mail: guard, match, speak-for, read, apply, notify. Each step is short and says why.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::bond;
use super::bounce;
use super::case::Case;
use super::decision::{Decision, Understood, Verdict};
use super::dialect::Kind;
use super::draft::Draft;
use super::event::{Actor, Event, Visibility};
use super::guard;
use super::inquiry::Snapshot;
use super::matching::{self, Match};
use super::open;
use super::ops;
use super::policy::{Policy, ReplyMeans, Unit};
use super::speak::{self, Role, Speaker};
use super::ticket::{Ticket, TicketId};
use super::trail::{KeyKind, Reason};
use super::unit;
use super::user::{self, UserAct};
use super::wish;
use crate::mail::MessageId;

/// Decides what becomes of a mail.
pub fn decide(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot, now: Timestamp) -> Decision {
    let mut trail = Vec::new();
    if let Some(verdict) = guard::before_matching(policy, case, snapshot, &mut trail) {
        return without_ticket(case, verdict, trail, snapshot.prior.as_ref().and_then(|prior| prior.ticket));
    }
    if let Some(report) = &case.report {
        let mut decision = bounce::decide(policy, case, report, snapshot, now);
        trail.append(&mut decision.trail);
        return Decision { trail, ..decision };
    }
    if let Some(mut decision) = ops::decide(policy, case, snapshot, now) {
        trail.append(&mut decision.trail);
        return Decision { trail, ..decision };
    }
    let mut found = matching::find(policy, case, snapshot);
    trail.append(&mut found.trail);
    if let Some(because) = &found.contradiction {
        trail.push(Reason::KeysDisagree { tickets: found.found.iter().map(|(_, id)| *id).collect() });
        guard::quarantine(&mut trail, because);
        return without_ticket(case, Verdict::Quarantine, trail, None);
    }
    let known = found.strongest().and_then(|(key, id)| Some((key, snapshot.tickets.get(&id)?)));
    let known = known.map(|(key, ticket)| (key, goes_on_in(case, snapshot, &mut found, &mut trail, ticket)));
    let mut decision = match known {
        Some((key, ticket)) => on_known(policy, case, snapshot, &found, key, ticket, now),
        None => on_unknown(policy, case, snapshot, BTreeSet::new(), now),
    };
    trail.append(&mut decision.trail);
    Decision { trail, ..decision }
}

/// Mail about a merged ticket goes to the one that it goes on in; not that of a helpdesk which only had the merged one.
fn goes_on_in<'a>(
    case: &Case<'_>,
    snapshot: &'a Snapshot,
    found: &mut Match,
    trail: &mut Vec<Reason>,
    ticket: &'a Ticket,
) -> &'a Ticket {
    let survivor = bond::survivor(snapshot, ticket);
    let had_only = |unit: &Unit| ticket.leg(&unit.name).is_some() && survivor.leg(&unit.name).is_none();
    if survivor.id == ticket.id || case.unit.is_some_and(had_only) {
        return ticket;
    }
    found.goes_on_in(ticket.id, survivor.id);
    trail.push(Reason::GoesOnIn { ticket: ticket.id, survivor: survivor.id });
    survivor
}

fn on_known(
    policy: &Policy,
    case: &Case<'_>,
    snapshot: &Snapshot,
    found: &Match,
    key: KeyKind,
    ticket: &Ticket,
    now: Timestamp,
) -> Decision {
    let speaker = speak::on_ticket(policy, case, found, ticket);
    let others = found.others();
    if !others.is_empty() && speaker.role == Role::Stranger {
        let mut trail = speaker.trail.clone();
        trail.push(Reason::KeysDisagree { tickets: found.found.iter().map(|(_, id)| *id).collect() });
        guard::quarantine(&mut trail, "its keys name several tickets and its sender may not speak on the first");
        return without_ticket(case, Verdict::Quarantine, trail, None);
    }
    // A tag or a block can be guessed: from somebody without a part in the ticket it is a hint and no more.
    if speaker.role == Role::Stranger && !speaker.listed && matches!(key, KeyKind::Tag | KeyKind::Block) {
        let mut decision = on_unknown(policy, case, snapshot, BTreeSet::from([ticket.id]), now);
        decision.trail.insert(0, Reason::NoPart { ticket: ticket.id });
        return decision;
    }
    let mut draft = Draft::new(policy, snapshot, ticket.clone(), now);
    draft.case = Some(case);
    draft.trail = speaker.trail.clone();
    for other in others {
        draft.note(format!("The mail also names ticket {other}."));
    }
    let understood = |verdict_ticket| understood(case, Some((key, verdict_ticket)), &speaker);
    if is_repeat(policy, case, snapshot, ticket, &speaker) {
        let mut trail = draft.trail;
        trail.push(Reason::Repeated);
        return Decision {
            understood: understood(ticket.id),
            ..without_ticket(case, Verdict::Absorb, trail, Some(ticket.id))
        };
    }
    let verdict = match &speaker.role {
        Role::Stranger => unverified(&mut draft, case, &speaker),
        Role::Unit(name) => match policy.units.get(name) {
            Some(unit) => from_unit(&mut draft, case, unit, &speaker),
            None => unverified(&mut draft, case, &speaker),
        },
        Role::Site(_) => from_site(&mut draft, case, &speaker.actor(case)),
        Role::Submitter | Role::Copy => {
            if speaker.role == Role::Submitter {
                thread(&mut draft.ticket.submitter.thread, case.mail.message_id.as_ref());
            }
            let author = case.mail.sender();
            if let Some(person) =
                draft.ticket.joined.iter_mut().find(|person| author.is_some_and(|author| person.is(author)))
            {
                thread(&mut person.thread, case.mail.message_id.as_ref());
            }
            origin_id(&mut draft, case);
            match user::apply(&mut draft, case, &speaker.actor(case), speaker.role == Role::Submitter) {
                UserAct::Done(verdict) => verdict,
                UserAct::OpenNew => {
                    let ended = Reason::TicketEnded { ticket: ticket.id, status: ticket.status };
                    let mut decision = on_unknown(policy, case, snapshot, BTreeSet::from([ticket.id]), now);
                    decision.trail.insert(0, ended);
                    return decision;
                }
            }
        }
    };
    draft.finish(verdict, understood(ticket.id))
}

/// No ticket yet: a new one, or a mail that must not open one.
fn on_unknown(
    policy: &Policy,
    case: &Case<'_>,
    snapshot: &Snapshot,
    related: BTreeSet<TicketId>,
    now: Timestamp,
) -> Decision {
    let speaker = speak::on_new(policy, case);
    let mut trail = speaker.trail.clone();
    let stop = if guard::is_from_ourselves(policy, case) {
        trail.push(Reason::FromOurselves);
        guard::quarantine(&mut trail, "mail from the desk's own address names no ticket")
    } else {
        case.unit.and_then(|unit| unit_may_not_open(case, unit, &mut trail))
    };
    if let Some(verdict) = stop {
        let mut decision = without_ticket(case, verdict, trail, None);
        decision.understood = understood(case, None, &speaker);
        return decision;
    }
    let mut draft = open::open(policy, case, snapshot, &speaker, related, now);
    trail.append(&mut draft.trail);
    draft.trail = trail;
    let mut understood = understood(case, None, &speaker);
    understood.ticket = Some(draft.ticket.id);
    draft.finish(Verdict::Open, understood)
}

/// A helpdesk's mail without a key opens a ticket only when a person wrote it and the unit may open.
fn unit_may_not_open(case: &Case<'_>, unit: &Unit, trail: &mut Vec<Reason>) -> Option<Verdict> {
    if let Some(kind) = case.reading.kind {
        let (dialect, rule) = (unit.dialect.name.clone(), case.reading.rule.clone());
        trail.push(Reason::DialectSays { dialect, kind: kind.word().to_owned(), rule });
    }
    match case.reading.kind {
        Some(Kind::Ignore) => Some(Verdict::Absorb),
        Some(Kind::Comment) if unit.opens => None,
        Some(_) => guard::quarantine(trail, "a helpdesk answers about a ticket that it does not name"),
        None if case.signals.automatic() => guard::quarantine(trail, "an automatic mail of a helpdesk opens no ticket"),
        None if !unit.opens => guard::quarantine(trail, "this unit does not open tickets by mail"),
        None => None,
    }
}

fn from_unit(draft: &mut Draft<'_>, case: &Case<'_>, unit: &Unit, speaker: &Speaker) -> Verdict {
    if let Some(leg) = draft.ticket.leg_mut(&unit.name) {
        leg.last_from_unit = case.mail.message_id.clone().or(leg.last_from_unit.take());
        leg.watermark = case.reading.watermark.clone().or(leg.watermark.take());
        thread(&mut leg.thread, case.mail.message_id.as_ref());
    }
    let gives_orders = unit.name == draft.policy.default_unit && speaker.is_strong();
    if wish::orders(draft, case, unit, gives_orders) && !draft.ticket.status.is_open() {
        draft.keep(&speaker.actor(case), Visibility::Internal, case.prose());
        return Verdict::Append;
    }
    unit::apply(draft, case, unit)
}

/// What the site that was woken says goes to whoever works on the ticket and to whoever raised the alarm. It ends nothing.
fn from_site(draft: &mut Draft<'_>, case: &Case<'_>, actor: &Actor) -> Verdict {
    let text = case.controls.rest.trim();
    if case.is_machine() {
        draft.note("An automatic answer of the emergency address was kept and changes nothing.");
        return Verdict::Report;
    }
    if draft.ticket.status.is_open() {
        draft.keep(actor, Visibility::Public, text);
    } else {
        draft.keep_status("the ticket has ended");
        draft.keep(actor, Visibility::Internal, text);
        draft.flag("The emergency address of the site wrote after the end.");
    }
    Verdict::Append
}

/// Everything else on a known ticket: kept for TPM, changes nothing, is sent to nobody.
fn unverified(draft: &mut Draft<'_>, case: &Case<'_>, speaker: &Speaker) -> Verdict {
    if case.is_machine() {
        draft.note("An automatic mail of somebody without a part in the ticket was kept.");
        return Verdict::Report;
    }
    let actor = speaker.actor(case);
    draft.fact(&actor, Event::Commented { visibility: Visibility::Unverified, text: case.prose().to_owned() });
    let who = case.mail.sender().map(ToString::to_string).unwrap_or_default();
    draft.flag(format!("{who} wrote to this ticket, and nothing proves that they may."));
    Verdict::Append
}

/// A repeated text is kept once. An answer that is waited for, and a helpdesk's sign, are no repeats.
fn is_repeat(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot, ticket: &Ticket, speaker: &Speaker) -> bool {
    let awaited = match &speaker.role {
        Role::Unit(name) => {
            let owes = ticket.leg(name).is_some_and(|leg| leg.owes_solution);
            let solves = policy.units.get(name).is_some_and(|unit| unit.reply == ReplyMeans::Solution);
            let signs = case.reading.kind.is_some_and(|kind| kind != Kind::Comment);
            let asks = signs || !case.controls.lines.is_empty() || !case.form.places.is_empty();
            asks || (ticket.status.is_open() && (owes || solves))
        }
        Role::Site(_) | Role::Stranger => false,
        Role::Copy | Role::Submitter => {
            ticket.status == super::ticket::Status::WaitingForReply || !ticket.status.is_open()
        }
    };
    !awaited && snapshot.repeats.contains(&ticket.id)
}

/// The helpdesk that brought the ticket tells its own id by any mail.
fn origin_id(draft: &mut Draft<'_>, case: &Case<'_>) {
    let Some(unit) = case.unit else { return };
    let Some(origin) = draft.ticket.origin.as_mut().filter(|origin| origin.unit.as_ref() == Some(&unit.name)) else {
        return;
    };
    if origin.foreign_id.is_none()
        && let Some(id) = &case.reading.foreign_id
    {
        origin.foreign_id = Some(id.clone());
        let note = format!("{} calls its own ticket {id}.", unit.name);
        draft.note(note);
    }
}

fn thread(ids: &mut Vec<MessageId>, id: Option<&MessageId>) {
    if let Some(id) = id.filter(|id| !ids.contains(id)) {
        ids.push(id.clone());
    }
}

fn understood(case: &Case<'_>, matched: Option<(KeyKind, TicketId)>, speaker: &Speaker) -> Understood {
    Understood {
        ticket: matched.map(|(_, ticket)| ticket),
        matched_by: matched.map(|(key, _)| key),
        speaker: Some((speaker.actor(case), speaker.proof)),
        unit: case.unit.map(|unit| unit.name.clone()),
        dialect: case.unit.map(|unit| unit.dialect.name.clone()),
        kind: case.reading.kind,
        foreign_id: case.reading.foreign_id.clone(),
        text: case.prose().to_owned(),
        checked: case.mail.checked.clone(),
    }
}

fn without_ticket(case: &Case<'_>, verdict: Verdict, trail: Vec<Reason>, ticket: Option<TicketId>) -> Decision {
    let understood = Understood {
        ticket,
        unit: case.unit.map(|unit| unit.name.clone()),
        dialect: case.unit.map(|unit| unit.dialect.name.clone()),
        kind: case.reading.kind,
        foreign_id: case.reading.foreign_id.clone(),
        text: case.prose().to_owned(),
        checked: case.mail.checked.clone(),
        ..Understood::default()
    };
    Decision { verdict, ticket: None, events: Vec::new(), outbound: Vec::new(), trail, understood }
}

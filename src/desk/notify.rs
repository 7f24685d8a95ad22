//! Who hears of what: the one place where facts become mails.
//!
//! Each fact makes at most one mail per recipient. What a unit said internally, and its ids, reach nobody but the desk
//! and that unit: a mail is built from the ticket and from one public text, never from another mail.

use super::alarm::Refusal;
use super::bond;
use super::decision::{Outbound, Recipient, Template};
use super::dialect::Kind;
use super::draft::Draft;
use super::event::{Actor, Event, Visibility};
use super::hurry;
use super::leg::Notice;
use super::letter;
use super::open;
use super::policy::UnitName;
use super::timer::tell::{self, Told};
use super::trail::Reason;
use crate::mail::report::Delivery;

/// All mails of a draft, in the order of its facts.
pub fn mails(draft: &mut Draft<'_>) -> Vec<Outbound> {
    let mut mails = Vec::new();
    for (actor, event) in draft.events.clone() {
        of_event(draft, &actor, &event, &mut mails);
    }
    of_timers(draft, &mut mails);
    mails
}

fn of_event(draft: &mut Draft<'_>, actor: &Actor, event: &Event, mails: &mut Vec<Outbound>) {
    match event {
        Event::AlarmRaised { site, .. } => mails.extend(letter::to_emergency(draft, site)),
        Event::AlarmRefused { why } => alarm_refused(draft, *why, mails),
        Event::Opened => receipt(draft, mails),
        Event::Assigned { unit, .. } => dispatch(draft, unit, mails),
        Event::Asked { text, .. } => to_users(draft, Template::Question, actor, text, mails),
        Event::Commented { visibility: Visibility::Public, text } => comment(draft, actor, text, mails),
        Event::Solved { text } => ended(draft, Template::Solution, actor, text, mails),
        Event::Unsolved { text } => ended(draft, Template::Unsolved, actor, text, mails),
        Event::Reopened { text } => reopened(draft, actor, text, mails),
        Event::HandedOver { from, to, .. } => {
            let mail = letter::to_unit(draft, from, Template::HandoverAcknowledged, "", actor);
            mails.extend(mail.map(|mut mail| {
                mail.words.other_unit = to.to_string();
                mail
            }));
        }
        Event::Refused { unit, reason } => {
            acknowledge(draft, unit, Template::RefusalAcknowledged, reason, actor, mails)
        }
        Event::Withdrawn { unit } => mails.extend(letter::to_unit(draft, unit, Template::Withdrawn, "", actor)),
        Event::SolutionWithoutText { unit } => once(draft, unit, Notice::SolutionText, "", mails),
        Event::LineNotUnderstood { unit, lines } => {
            once(draft, unit, Notice::LineNotUnderstood, &lines.join("\n"), mails)
        }
        Event::LateMail { unit, .. } => once(draft, unit, Notice::TicketEnded, "", mails),
        Event::DeliveryFailed { number, .. } if is_to_tpm(draft, *number) => {}
        Event::DeliveryFailed { recipient, report, .. } => {
            let how = match report.delivery {
                Delivery::Failed => "could not be delivered",
                _ => "was not delivered, though the address may be good",
            };
            tpm(draft, &format!("Mail to {recipient} {how}: {}", report.why()), mails);
        }
        Event::Hurried { level, text } => hurried(draft, *level, text, mails),
        Event::Enslaved { master } => {
            let text = bond::enslaved(draft.policy, *master);
            to_current_unit(draft, Template::CommentUnit, &text, &Actor::Desk, mails);
        }
        Event::Merged { into } => to_users(draft, Template::Merged, &Actor::Desk, &into.to_string(), mails),
        Event::Joined { ticket, text } => {
            let text = format!("Another user has the same problem (ticket {ticket}, merged into this one):\n\n{text}");
            to_current_unit(draft, Template::CommentUnit, &text, &Actor::Desk, mails);
        }
        Event::LeftAlone { why } => tpm(draft, why, mails),
        Event::Unanswered => unanswered(draft, mails),
        Event::Woke => {
            let text = "The day has come until which this ticket was on hold.";
            to_current_unit(draft, Template::Reminder, text, &Actor::Desk, mails);
        }
        _ => {}
    }
}

/// What fell due together goes in one mail to each who hears of it.
fn of_timers(draft: &mut Draft<'_>, mails: &mut Vec<Outbound>) {
    let steps = draft.events.iter().filter_map(|(_, event)| match event {
        Event::FellDue { timer, step } => Some((*timer, *step)),
        _ => None,
    });
    let Told { unit, triage, people, submitter } = tell::told(draft.policy, &draft.ticket, &steps.collect::<Vec<_>>());
    if submitter {
        let question = draft.ticket.question.clone().unwrap_or_default();
        mails.extend(letter::to_submitter(draft, Template::ReplyReminder, &question, &Actor::Desk));
    }
    if !unit.is_empty() {
        to_current_unit(draft, Template::Reminder, &unit.join("\n\n"), &Actor::Desk, mails);
    }
    if !triage.is_empty() {
        tpm(draft, &triage.join("\n"), mails);
    }
    mails.extend(letter::about_ticket(draft, &people));
}

/// The unit hears each time; above it somebody else hears too.
fn hurried(draft: &mut Draft<'_>, level: u8, text: &str, mails: &mut Vec<Outbound>) {
    to_current_unit(draft, Template::Reminder, &hurry::to_unit(level, text), &Actor::Desk, mails);
    let others = hurry::to_others(&draft.ticket, level);
    let above = hurry::above(draft.policy, &draft.ticket);
    let triaging = draft.ticket.unit.as_ref() == Some(&draft.policy.default_unit);
    match level {
        1 => {}
        2 if triaging => {}
        3.. if !above.is_empty() => {
            let people: Vec<_> = above.iter().map(|address| (address.clone(), vec![others.clone()])).collect();
            mails.extend(letter::about_ticket(draft, &people));
        }
        _ => tpm(draft, &others, mails),
    }
}

/// The question was answered by nobody.
fn unanswered(draft: &mut Draft<'_>, mails: &mut Vec<Outbound>) {
    let question = draft.ticket.question.clone().unwrap_or_default();
    mails.extend(letter::to_submitter(draft, Template::Unanswered, &question, &Actor::Desk));
    let reason = draft.ticket.solution.as_ref().map(|solution| solution.text.clone()).unwrap_or_default();
    to_current_unit(draft, Template::SolutionAcknowledged, &reason, &Actor::Desk, mails);
}

/// The user hears that the desk has the mail; not a machine, not a list, not a helpdesk.
fn receipt(draft: &mut Draft<'_>, mails: &mut Vec<Outbound>) {
    let Some(case) = draft.case else { return };
    let silent = if draft.ticket.watched.is_some() {
        Some("a monitoring system is not answered".to_owned())
    } else if case.unit.is_some() {
        Some("a registered unit is never answered automatically".to_owned())
    } else if case.signals.automatic() {
        Some("its mail carries an automatic mark".to_owned())
    } else {
        None
    };
    match silent {
        Some(because) => draft.because(Reason::NotAnswered { because }),
        None => {
            let said = |(_, event): &(Actor, Event)| match event {
                Event::AlarmRaised { .. } => Some((Template::AlarmReceipt, "")),
                Event::AlarmRefused { why } => Some((Template::AlarmRefused, why.word())),
                _ => None,
            };
            let (template, refusal) = draft.events.iter().find_map(said).unwrap_or((Template::Receipt, ""));
            let mail = letter::to_submitter(draft, template, "", &Actor::Desk).map(|mut mail| {
                mail.words.refusal = refusal.to_owned();
                mail
            });
            push_limited(draft, mail, mails);
        }
    }
}

fn dispatch(draft: &mut Draft<'_>, unit: &UnitName, mails: &mut Vec<Outbound>) {
    let plan = tell::plan(draft.policy, &draft.ticket).map(|plan| format!("\n\n{plan}")).unwrap_or_default();
    let text = format!("{}{plan}", draft.ticket.description);
    let by = Actor::User(draft.ticket.submitter.address.clone());
    mails.extend(letter::to_unit(draft, unit, Template::Dispatch, &text, &by));
    mails.extend(letter::to_site(draft, unit, &text));
}

/// It may be an emergency all the same: TPM hears of it, also where the ticket goes to another unit.
fn alarm_refused(draft: &mut Draft<'_>, why: Refusal, mails: &mut Vec<Outbound>) {
    if draft.ticket.unit.as_ref() != Some(&draft.policy.default_unit) {
        tpm(draft, &format!("An alarm was asked for and not raised: {}.", why.words()), mails);
    }
}

/// A public comment goes to everybody concerned but the one who wrote it.
fn comment(draft: &mut Draft<'_>, actor: &Actor, text: &str, mails: &mut Vec<Outbound>) {
    if !matches!(actor, Actor::User(_)) {
        to_users(draft, Template::Comment, actor, text, mails);
    }
    if !matches!(actor, Actor::Unit(unit) if draft.ticket.unit.as_ref() == Some(unit)) {
        to_current_unit(draft, Template::CommentUnit, text, actor, mails);
    }
}

fn ended(draft: &mut Draft<'_>, template: Template, actor: &Actor, text: &str, mails: &mut Vec<Outbound>) {
    to_users(draft, template, actor, text, mails);
    let unit = match actor {
        Actor::Unit(unit) => Some(unit.clone()),
        _ => draft.ticket.unit.clone(),
    };
    if let Some(unit) = unit {
        acknowledge(draft, &unit, Template::SolutionAcknowledged, text, actor, mails);
    }
}

/// The unit hears that the desk knows of its end, so that it can close its local ticket.
fn acknowledge(
    draft: &mut Draft<'_>,
    unit: &UnitName,
    template: Template,
    text: &str,
    actor: &Actor,
    mails: &mut Vec<Outbound>,
) {
    if has_closed(draft, unit) {
        let because = format!("{unit} has closed its ticket, and a mail would open it again");
        return draft.because(Reason::NotAnswered { because });
    }
    let template = if draft.ticket.probe { Template::TestEnded } else { template };
    mails.extend(letter::to_unit(draft, unit, template, text, actor));
}

/// Whether the unit's helpdesk told by itself that its ticket is closed, and would open it again for any mail.
fn has_closed(draft: &Draft<'_>, unit: &UnitName) -> bool {
    let Some((case, sender)) = draft.case.and_then(|case| Some((case, case.unit?))) else { return false };
    let closes = matches!(case.reading.kind, Some(Kind::Refused | Kind::Solved | Kind::Unsolved));
    let by_hand = !case.controls.lines.is_empty();
    sender.name == *unit && sender.dialect.writing().mail_reopens && closes && !by_hand
}

fn reopened(draft: &mut Draft<'_>, actor: &Actor, text: &str, mails: &mut Vec<Outbound>) {
    if matches!(actor, Actor::User(_)) {
        let mail = letter::to_submitter(draft, Template::Reopened, "", &Actor::Desk);
        push_limited(draft, mail, mails);
    } else {
        to_users(draft, Template::Reopened, actor, text, mails);
    }
    to_current_unit(draft, Template::ReopenedUnit, text, actor, mails);
    if draft.ticket.unit.as_ref() != Some(&draft.policy.default_unit) {
        let why = match actor {
            Actor::Operator(name) => format!("{name} of the desk has reopened the ticket."),
            Actor::Monitor(name) => format!("The alarm of {name} has come again, so the ticket is open again."),
            _ => "The user was not content with the solution and has reopened the ticket.".to_owned(),
        };
        tpm(draft, &why, mails);
    }
}

fn to_users(draft: &mut Draft<'_>, template: Template, actor: &Actor, text: &str, mails: &mut Vec<Outbound>) {
    mails.extend(letter::to_submitter(draft, template, text, actor));
    for at in 0..draft.ticket.joined.len() {
        mails.extend(letter::to_joined(draft, at, template, text, actor));
    }
    for address in draft.ticket.cc.clone() {
        mails.extend(letter::to_copy(draft, &address, template, text, actor));
    }
}

fn to_current_unit(draft: &mut Draft<'_>, template: Template, text: &str, actor: &Actor, mails: &mut Vec<Outbound>) {
    if let Some(unit) = draft.ticket.unit.clone() {
        mails.extend(letter::to_unit(draft, &unit, template, text, actor));
    }
}

/// The triaging unit hears of something outside the path of a ticket.
fn tpm(draft: &mut Draft<'_>, why: &str, mails: &mut Vec<Outbound>) {
    if draft.ticket.probe {
        return draft.note(why);
    }
    let unit = draft.policy.default_unit.clone();
    draft.flag(why);
    let mail = letter::to_unit(draft, &unit, Template::TpmNotice, why, &Actor::Desk);
    push_limited(draft, mail, mails);
}

/// Whether it was a mail to the triaging unit: a notice to it could not be delivered either.
fn is_to_tpm(draft: &Draft<'_>, number: u32) -> bool {
    let letter = draft.snapshot.letters.get(&(draft.ticket.id, number));
    letter.is_some_and(|letter| letter.recipient == Recipient::Unit(draft.policy.default_unit.clone()))
}

/// What a unit is told once per leg.
fn once(draft: &mut Draft<'_>, unit: &UnitName, notice: Notice, text: &str, mails: &mut Vec<Outbound>) {
    let fresh = draft.ticket.leg_mut(unit).is_some_and(|leg| leg.said.insert(notice));
    if !fresh {
        let because = format!("{unit} was told before");
        return draft.because(Reason::NotAnswered { because });
    }
    let template = match notice {
        Notice::LineNotUnderstood => Template::LineNotUnderstood,
        Notice::SolutionText => Template::SolutionTextWanted,
        Notice::TicketEnded => Template::TicketEnded,
        // Operators are told of this one; the unit is left in peace.
        Notice::OnManual => return,
    };
    let mail = letter::to_unit(draft, unit, template, text, &Actor::Desk);
    push_limited(draft, mail, mails);
}

/// Takes a mail; where a limit on automatic mail is reached it is parked until a person releases it, the leg goes on
/// manual, TPM is asked to look, and operators are told.
fn push_limited(draft: &mut Draft<'_>, mail: Option<Outbound>, mails: &mut Vec<Outbound>) {
    let Some(mut mail) = mail else { return };
    if let Some(limit) = limit_reached(draft, &mail, mails) {
        draft.because(Reason::LimitReached { limit: limit.clone() });
        draft.flag(format!("Automatic mail to {} is held back: {limit}.", mail.to));
        match mail.recipient.clone() {
            Recipient::Unit(unit) => on_manual(draft, &unit, &limit, mails),
            _ => tell_of_storm(draft, &mail, &limit, mails),
        }
        mail.parked = Some(limit);
    }
    mails.push(mail);
}

/// Operators hear of an address that is over a limit, once in an hour: notices with one key are one mail.
fn tell_of_storm(draft: &Draft<'_>, mail: &Outbound, limit: &str, mails: &mut Vec<Outbound>) {
    let text = format!(
        "Automatic mail to {} is held back: {limit}. Nothing is lost: `outbox list` shows what waits, `outbox retry N` \
         sends it, `outbox drop N` does not.",
        mail.to
    );
    let hour = draft.now.strftime("%Y%m%d%H");
    mails.extend(letter::to_operators(draft.policy, &text, &format!("held.{hour}.{}", mail.to.key())));
}

/// Nothing automatic goes to this leg any more, until it is given out anew. Operators are told, once.
fn on_manual(draft: &mut Draft<'_>, unit: &UnitName, limit: &str, mails: &mut Vec<Outbound>) {
    let (id, number) = (draft.ticket.id, draft.ticket.mails_sent);
    let Some(leg) = draft.ticket.leg_mut(unit) else { return };
    leg.manual = true;
    if leg.said.insert(Notice::OnManual) {
        let text = format!(
            "Ticket {id} at {unit} is on manual: {limit}. Nothing automatic goes there any more; `outbox list --ticket {id}` \
             shows what waits, `outbox retry N` sends it."
        );
        mails.extend(letter::to_operators(draft.policy, &text, &format!("manual.{id}.{number}")));
    }
}

fn limit_reached(draft: &Draft<'_>, mail: &Outbound, mails: &[Outbound]) -> Option<String> {
    let limits = &draft.policy.limits;
    let limited = |other: &&Outbound| other.template.is_limited() && other.parked.is_none();
    let here = mails.iter().filter(limited).count() as u32;
    let in_ticket = draft.snapshot.answers_in_ticket.get(&draft.ticket.id).copied().unwrap_or_default() + here;
    let correspondent = draft.case.and_then(|case| open::correspondent(draft.policy, case));
    if let Recipient::Unit(unit) = &mail.recipient
        && draft.ticket.leg(unit).is_some_and(|leg| leg.manual)
    {
        return Some(format!("the leg at {unit} is on manual"));
    }
    if in_ticket >= limits.answers_per_ticket {
        return Some(format!("{in_ticket} automatic mails in this ticket within an hour"));
    }
    let to_them = draft.snapshot.answers_to_correspondent;
    (correspondent.as_ref() == Some(&mail.to) && to_them >= limits.answers_per_correspondent)
        .then(|| format!("{to_them} automatic mails to this address within an hour"))
}

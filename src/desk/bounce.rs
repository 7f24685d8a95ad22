//! Delivery failures of our own mail: reported by a DSN (RFC 3464), or by our relay when it gave a mail up.
//!
//! A report counts only when it comes to the envelope address of that very mail; others change nothing, though TPM may
//! look. One that counts is told to TPM, and where nobody has the address takes the ticket from that unit to TPM, rather
//! than into silence.

use jiff::Timestamp;

use super::case::Case;
use super::decision::{Decision, Outbound, Recipient, Understood, Verdict};
use super::draft::Draft;
use super::event::{Actor, Event};
use super::inquiry::{Letter, Snapshot};
use super::leg::LegState;
use super::letter;
use super::policy::{Policy, UnitName};
use super::tag::{self, Party};
use super::ticket::TicketId;
use super::trail::Reason;
use crate::mail::report::{Delivery, Report};
use crate::mail::{Address, MessageId};

/// Decides about a mail that is a delivery report.
pub fn decide(policy: &Policy, case: &Case<'_>, report: &Report, snapshot: &Snapshot, now: Timestamp) -> Decision {
    let about = proven(policy, case, snapshot);
    let named = || report.returned_ids.iter().find_map(|id| tag::read_message_id(&policy.desk, id));
    let key = about.or_else(named).filter(|(ticket, _)| snapshot.tickets.contains_key(ticket));
    let ticket = key.and_then(|(ticket, _)| snapshot.tickets.get(&ticket));
    let (Some((id, number)), Some(ticket)) = (key, ticket) else {
        let trail = vec![Reason::DeliveryReport { about: None }];
        return Decision {
            verdict: Verdict::Absorb,
            ticket: None,
            events: vec![],
            outbound: vec![],
            trail,
            understood: understood(case, None),
        };
    };
    let mut draft = Draft::new(policy, snapshot, ticket.clone(), now);
    let letter = snapshot.letters.get(&(id, number));
    let to = letter.map(|letter| letter.to.to_string());
    draft.because(Reason::DeliveryReport { about: Some(format!("mail {number} of ticket {id}")) });
    match (about, letter) {
        (Some(_), Some(letter)) if report.delivery.is_failure() => failed(&mut draft, number, letter, report.clone()),
        (Some(_), _) => {
            draft.note(format!("Mail {number} to {}: {}.", to.unwrap_or_default(), report.delivery.words()))
        }
        (None, _) => {
            let because =
                "a delivery report that does not come to the envelope address of the mail proves nothing".to_owned();
            draft.because(Reason::NotAnswered { because });
            let to = to.unwrap_or_default();
            let said = format!("An unproven report says of mail {number} to {to}: {}.", report.delivery.words());
            // Whoever sent it has seen the mail, so it may be true; it marks no address.
            match report.delivery.is_failure() && !to.is_empty() {
                true => draft.flag(said),
                false => draft.note(said),
            }
        }
    }
    let notices = match (about, letter) {
        (Some(_), Some(letter)) if report.delivery.is_failure() => of_triage(policy, case, letter, report),
        _ => Vec::new(),
    };
    let mut decision = draft.finish(Verdict::Report, understood(case, Some(id)));
    decision.outbound.extend(notices);
    decision
}

/// Where the triaging unit itself can't be reached, the operators are told: nobody else is left.
fn of_triage(policy: &Policy, case: &Case<'_>, letter: &Letter, report: &Report) -> Vec<Outbound> {
    if letter.recipient != Recipient::Unit(policy.default_unit.clone()) {
        return Vec::new();
    }
    let text = format!("Mail to {}, at {}, could not be delivered: {}", policy.default_unit, letter.to, report.why());
    letter::to_operators(policy, &text, &format!("failed.{}", case.mail.digest.0))
}

/// A mail that our relay gave up, or that was refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Ticket and number of the mail; `None` for a notice that has no ticket.
    pub ticket: Option<(TicketId, u32)>,
    pub recipient: Recipient,
    pub to: Address,
    pub subject: String,
    pub message_id: MessageId,
    pub error: String,
}

/// Decides about a mail that did not go out: its ticket learns of it, and operators are told. A notice to operators
/// that fails ends there.
pub fn dead_letter(policy: &Policy, snapshot: &Snapshot, mail: Undelivered, now: Timestamp) -> Option<Decision> {
    if mail.recipient == Recipient::Operator {
        return None;
    }
    let text = format!("A mail to {} was given up: {}\nIts subject was: {}", mail.to, mail.error, mail.subject);
    let notices = letter::to_operators(policy, &text, mail.message_id.as_str());
    let on_ticket = mail.ticket.and_then(|(id, number)| {
        let mut draft = Draft::new(policy, snapshot, snapshot.tickets.get(&id)?.clone(), now);
        let letter = snapshot.letters.get(&(id, number))?;
        failed(&mut draft, number, letter, report_of(&mail));
        Some(draft.finish(Verdict::Report, Understood { ticket: Some(id), ..Understood::default() }))
    });
    let mut decision = on_ticket.unwrap_or_else(|| Decision::nothing(Verdict::Report));
    decision.outbound.extend(notices);
    Some(decision)
}

fn report_of(mail: &Undelivered) -> Report {
    Report {
        delivery: Delivery::Failed,
        recipients: vec![mail.to.clone()],
        status: None,
        diagnostic: Some(mail.error.clone()),
        returned_ids: vec![mail.message_id.clone()],
    }
}

/// The mail whose envelope address the report came to.
fn proven(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot) -> Option<(TicketId, u32)> {
    case.keys.tokens.iter().find_map(|token| {
        let number = token.number?;
        let known = snapshot.tickets.contains_key(&token.ticket);
        let ours = policy.desk.keys.verify(&token.token, token.ticket, &Party::Envelope(number));
        (known && ours).then_some((token.ticket, number))
    })
}

fn failed(draft: &mut Draft<'_>, number: u32, letter: &Letter, report: Report) {
    let for_good = report.delivery == Delivery::Failed;
    let event = Event::DeliveryFailed { number, recipient: letter.to.to_string(), report };
    match &letter.recipient {
        // An address that may be good keeps its ticket; TPM hears and decides.
        Recipient::Unit(unit) if *unit != draft.policy.default_unit && !for_good => {}
        Recipient::Unit(unit) if *unit != draft.policy.default_unit => unreachable_unit(draft, unit),
        // TPM itself can't be reached: its own notice could not either. Operators are told instead.
        Recipient::Unit(_) => draft.fact(&Actor::Desk, Event::Flagged { why: format!("Mail to {} fails.", letter.to) }),
        _ => {}
    }
    draft.fact(&Actor::Desk, event);
}

/// A unit that can't be reached must neither keep a ticket that is open, nor get one back of which it never heard.
fn unreachable_unit(draft: &mut Draft<'_>, unit: &UnitName) {
    let has_it = draft.ticket.unit.as_ref() == Some(unit);
    let Some(leg) = draft.ticket.leg(unit).filter(|_| has_it) else { return };
    let (was_live, was_silent) = (leg.state.is_live(), leg.last_from_unit.is_none());
    if !draft.ticket.status.is_open() {
        if was_silent {
            draft.leg_state(unit, LegState::Undeliverable);
        }
        return;
    }
    if !was_live {
        return;
    }
    draft.leg_state(unit, LegState::Undeliverable);
    let tpm = draft.policy.default_unit.clone();
    draft.flag(format!("Mail to {unit} can't be delivered."));
    draft.assign(&Actor::Desk, &tpm, &format!("failed delivery to {unit}"));
}

fn understood(case: &Case<'_>, ticket: Option<TicketId>) -> Understood {
    Understood { ticket, text: case.prose().to_owned(), ..Understood::default() }
}

//! Probes: a test ticket of the desk's own, by which a unit's helpdesk is tried the whole way, with real mails.
//!
//! A probe is about one unit. It has no user, is no work for TPM, counts in no statistics, and ends by itself: with the
//! unit's solution, or when the unit is out of it.

use jiff::Timestamp;

use super::decision::{Decision, Understood, Verdict};
use super::draft::Draft;
use super::event::{Actor, Event};
use super::inquiry::Snapshot;
use super::policy::{Policy, UnitName};
use super::ticket::{Status, Submitter, Ticket};
use super::trail::Reason;

/// Opens a test ticket at a unit; the error says why that can't be.
pub fn open(
    policy: &Policy,
    unit: &UnitName,
    by: &str,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Decision, String> {
    if !policy.units.contains_key(unit) {
        return Err(format!("unit {unit} does not exist, `unit list` shows those that do"));
    }
    let mut draft = Draft::new(policy, snapshot, ticket(policy, snapshot, now), now);
    let actor = Actor::Operator(by.to_owned());
    draft.fact(&actor, Event::Opened);
    draft.assign(&actor, unit, "a test");
    let understood = Understood { ticket: Some(draft.ticket.id), ..Understood::default() };
    Ok(draft.finish(Verdict::Open, understood))
}

/// Ends a probe that has nothing to wait for any more.
pub fn end_when_over(draft: &mut Draft<'_>) {
    let ticket = &draft.ticket;
    let waits = ticket.status.is_open() && ticket.legs.iter().any(|leg| leg.state.is_live());
    if ticket.probe && !waits && !ticket.status.is_final() {
        draft.because(Reason::ProbeOver);
        draft.status(Status::Closed);
        draft.fact(&Actor::Desk, Event::Closed);
    }
}

/// The words are for the helpdesk's people, who should see at once that nothing is broken.
fn ticket(policy: &Policy, snapshot: &Snapshot, now: Timestamp) -> Ticket {
    let desk = &policy.desk;
    let subject = format!("TEST of the mail between {} and your helpdesk, nothing is broken", desk.name);
    let description = "This is a test ticket. Nothing is broken, and no user is waiting.\n\n\
                       It tries the mail between the desk and your helpdesk. Please treat it like any other ticket: \
                       let your helpdesk acknowledge it, then answer that it is solved, with any text. The desk \
                       closes its side by itself.";
    let submitter = Submitter {
        address: desk.address.clone(),
        answers_to: None,
        name: Some(desk.display_name.clone()),
        login_name: None,
        phone: None,
        thread: Vec::new(),
        language: desk.language,
    };
    Ticket { probe: true, ..Ticket::new(snapshot.next_ticket, submitter, subject, description.to_owned(), now) }
}

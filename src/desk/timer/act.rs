//! What is done when steps fall due: facts, as for a mail. Who hears of them is decided where all facts become mails.

use jiff::Timestamp;

use super::{Step, Timer};
use crate::desk::bond;
use crate::desk::decision::{Decision, Understood, Verdict};
use crate::desk::draft::Draft;
use crate::desk::event::{Actor, Event};
use crate::desk::inquiry::Snapshot;
use crate::desk::policy::Policy;
use crate::desk::ticket::{Solution, Status, Ticket, TicketId};

/// Takes the steps of a ticket that are due. Where none is (a person was quicker, or a setting has changed), only the
/// time of the next one is noted. `None` for a ticket that is not there.
pub fn decide(policy: &Policy, snapshot: &Snapshot, id: TicketId, now: Timestamp) -> Option<Decision> {
    let ticket = snapshot.tickets.get(&id)?;
    let mut draft = Draft::new(policy, snapshot, ticket.clone(), now);
    let steps = if bond::follow(&mut draft) { Vec::new() } else { super::due(policy, ticket, now) };
    if steps.is_empty() && draft.events.is_empty() {
        return Some(Decision { ticket: Some(noted(policy, ticket)), ..Decision::nothing(Verdict::Report) });
    }
    for step in steps {
        draft.ticket.clock.take(step, now);
        take(&mut draft, step);
    }
    Some(draft.finish(Verdict::Append, Understood { ticket: Some(id), ..Understood::default() }))
}

/// The ticket with the time of its next step, and nothing else changed.
fn noted(policy: &Policy, ticket: &Ticket) -> Ticket {
    let mut ticket = ticket.clone();
    ticket.clock.due = super::ahead(policy, &ticket).first().map(|step| step.due);
    ticket
}

fn take(draft: &mut Draft<'_>, step: Step) {
    match step.timer {
        Timer::Closing => {
            draft.status(Status::Closed);
            draft.fact(&Actor::Desk, Event::Closed);
        }
        Timer::Reply if step.number == draft.policy.clocks.reply_reminders.len() => unanswered(draft),
        Timer::Wake => {
            draft.status(Status::InProgress);
            draft.fact(&Actor::Desk, Event::Woke);
        }
        timer => draft.fact(&Actor::Desk, Event::FellDue { timer, step: step.number }),
    }
}

/// The reason of an end that nobody chose.
const UNANSWERED: &str = "The user has not answered the question.";

/// Whether a ticket ended because its user was silent: that is nobody else's solution.
pub fn is_unanswered(policy: &Policy, solution: &Solution) -> bool {
    solution.text == UNANSWERED && solution.by == policy.desk.display_name
}

/// Nobody answered the question: the ticket ends, and the unit's part in it. An answer within the days for it opens it again.
fn unanswered(draft: &mut Draft<'_>) {
    let text = UNANSWERED.to_owned();
    let solution = Solution { short: None, text, by: draft.policy.desk.display_name.clone(), at: draft.now };
    draft.end(Status::Unsolved, solution);
    draft.end_legs();
    draft.fact(&Actor::Desk, Event::Unanswered);
}

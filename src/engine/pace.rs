//! Pace: which mails to a helpdesk wait, so that it goes on answering.
//!
//! A helpdesk that got too many new tickets from one address in a time stops to acknowledge them, and with that to tell
//! its ids. Only dispatches count: what follows in a ticket makes no helpdesk answer by itself. But nothing of a ticket
//! overtakes its dispatch. What waits is ready, due later, and holds up nobody else's mail.

use jiff::{SignedDuration, Timestamp};

use crate::desk::decision::{Recipient, Template};
use crate::desk::dialect::Pace;
use crate::desk::policy::{Policy, UnitName};
use crate::desk::ticket::TicketType;
use crate::store::{Batch, OutboxLine, StoreError};

/// A mail that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub until: Timestamp,
    /// For people.
    pub why: String,
}

/// Whether a mail that is due must wait all the same.
pub fn hold(
    policy: &Policy,
    batch: &mut Batch<'_>,
    line: &OutboxLine,
    now: Timestamp,
) -> Result<Option<Hold>, StoreError> {
    let Recipient::Unit(unit) = &line.recipient else { return Ok(None) };
    let Some(pace) = policy.units.get(unit).and_then(|unit| unit.dialect.writing().pace) else { return Ok(None) };
    if let Some(until) = batch.held_before(line)?.filter(|until| *until > now) {
        return Ok(Some(Hold { until, why: "held back with the dispatch of its ticket".to_owned() }));
    }
    if line.template != Template::Dispatch {
        return Ok(None);
    }
    let since = now.saturating_sub(pace.window).unwrap_or(Timestamp::MIN);
    let going = batch.dispatches(unit, line.id, (since, now), pace.mails as usize)?;
    let Some(until) = turn(pace, &going, now) else { return Ok(None) };
    let ticket = line.ticket.map(|ticket| batch.reader().ticket(ticket)).transpose()?.flatten();
    // An alarm waits for nobody, whether a number comes back for it or not.
    let is_alarm = ticket.is_some_and(|ticket| ticket.kind == TicketType::Alarm);
    Ok((!is_alarm).then(|| Hold { until, why: why(unit, pace) }))
}

/// When a dispatch may go that comes behind those that go at `going`, the latest first; `None`: now.
fn turn(pace: Pace, going: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let last_of_them = going.get((pace.mails as usize).checked_sub(1)?)?;
    let free = last_of_them.saturating_add(pace.window).unwrap_or(Timestamp::MAX);
    (free > now).then_some(free)
}

fn why(unit: &UnitName, Pace { mails, window }: Pace) -> String {
    format!("held back: {unit} gets {mails} new tickets in {}", span(window))
}

/// `24 h`, `10 min`.
fn span(window: SignedDuration) -> String {
    match window.as_secs() {
        hours if hours % 3_600 == 0 => format!("{} h", hours / 3_600),
        minutes if minutes % 60 == 0 => format!("{} min", minutes / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn a_mail_goes_when_the_last_one_before_it_that_fills_the_window_has_left_it() {
        let pace = Pace { mails: 2, window: SignedDuration::from_mins(10) };
        for (going, now, free) in [
            (&[][..], 5, None),
            (&[4], 5, None),
            (&[4, 3], 5, Some(13)),
            (&[4, 3], 13, None),
            // Two wait already, until minutes 13 and 14.
            (&[14, 13, 4, 3], 5, Some(23)),
        ] {
            let going: Vec<_> = going.iter().copied().map(minute).collect();
            assert_eq!(turn(pace, &going, minute(now)), free.map(minute), "{going:?} at {now}");
        }
    }

    #[test]
    fn a_window_is_written_as_people_write_it() {
        let words = |seconds| span(SignedDuration::from_secs(seconds));
        assert_eq!([86_400, 600, 90].map(words), ["24 h", "10 min", "90 s"]);
    }
}

//! Replays mail that opened tickets through two configurations. Nothing is recorded, nothing is sent.

use jiff::Timestamp;
use serde::Serialize;

use super::intake::read_bytes;
use crate::desk::policy::Policy;
use crate::desk::recognise;
use crate::desk::reroute::{Way, way};
use crate::desk::ticket::TicketId;
use crate::store::{Reader, StoreError};

/// What came of a replay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replay {
    /// Tickets whose first mail was replayed.
    pub replayed: usize,
    /// Those whose mail is kept without its text, or not any more.
    pub without_text: usize,
    /// Those that would have gone elsewhere.
    pub elsewhere: Vec<Elsewhere>,
}

/// A ticket that would have gone elsewhere.
#[derive(Clone, Debug, Serialize)]
pub struct Elsewhere {
    pub ticket: Option<TicketId>,
    pub subject: String,
    pub old: Way,
    pub new: Way,
}

/// Replays what opened tickets since a time, oldest first, `most` of them at most.
pub fn replay(
    reader: &Reader,
    old: &Policy,
    new: &Policy,
    since: Timestamp,
    most: usize,
) -> Result<Replay, StoreError> {
    let known = reader.recognised()?;
    let (old, new) = (recognise::in_force(old, &known), recognise::in_force(new, &known));
    let mut replay = Replay::default();
    for number in reader.opening(since, most)? {
        let kept = match reader.mail(number) {
            Ok(Some(kept)) => kept,
            Ok(None) | Err(StoreError::Refused(_)) => {
                replay.without_text += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        replay.replayed += 1;
        let under =
            |policy: &Policy| way(policy, &read_bytes(policy, &kept.raw, &kept.understood.checked), kept.line.received);
        let (old, new) = (under(&old), under(&new));
        if !old.leads_where(&new) {
            let (ticket, subject) = (kept.line.ticket, kept.line.subject);
            replay.elsewhere.push(Elsewhere { ticket, subject, old, new });
        }
    }
    Ok(replay)
}

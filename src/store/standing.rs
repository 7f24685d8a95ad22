//! The store in numbers for whoever watches: each is kept or found by an index, so that asking costs nothing however many
//! tickets there are.

use jiff::Timestamp;

use super::cells::{self, sql_count};
use super::error::{Fault, StoreError};
use super::reader::{MOST_UNITS, Reader, count};
use super::rows::OutboxState;
use super::sql;
use crate::desk::policy::UnitName;
use crate::desk::ticket::Status;

/// What there is, and what waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Tickets of a unit (`None`: of none yet) in a status; tests of units are left out.
    pub tickets: Vec<(Option<UnitName>, Status, u64)>,
    /// Mails that are ready, leased or dead.
    pub outbox: Vec<(OutboxState, u64)>,
    /// Of those ready, what is held back on purpose.
    pub held: u64,
    /// When the oldest mail was queued that waits and is not held back.
    pub waiting_since: Option<Timestamp>,
    /// Mails that a person must decide about.
    pub quarantine: u64,
    /// When the next step of any ticket falls due.
    pub next_step: Option<Timestamp>,
}

impl Reader {
    /// How things stand.
    pub fn standing(&self) -> Result<Standing, StoreError> {
        self.ask(|conn| {
            let mut standing = Standing::default();
            let kept = cells::rows(conn, sql::TICKETS_BY_UNIT, [sql_count(MOST_UNITS)], |row| {
                Ok((row.plain::<String>("unit")?, row.word("status", Status::from_words)?, row.number("tickets")?))
            })?;
            for (unit, status, tickets) in kept {
                let tests = count(conn, sql::UNIT_PROBE_COUNT, (&unit, status.words()))?;
                let unit = Some(UnitName(unit)).filter(|unit| !unit.0.is_empty());
                standing.tickets.push((unit, status, tickets.saturating_sub(tests)));
            }
            for state in [OutboxState::Ready, OutboxState::Leased, OutboxState::Dead] {
                standing.outbox.push((state, count(conn, sql::OUTBOX_IN_STATE_COUNT, [state.word()])?));
            }
            standing.held = count(conn, sql::OUTBOX_HELD_COUNT, [])?;
            let oldest = cells::value::<Option<i64>, _>(conn, sql::OUTBOX_WAITING_SINCE, [])?;
            standing.waiting_since = oldest.map(|at| cells::time("created", at)).transpose()?;
            standing.quarantine = count(conn, sql::QUARANTINE_COUNT, [])?;
            let due = cells::value::<Option<i64>, _>(conn, sql::NEXT_STEP, [])?;
            standing.next_step = due.map(|at| cells::time("due", at)).transpose()?;
            Ok::<_, Fault>(standing)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    const TICKET: &str = "INSERT INTO ticket (id, status, open, kind, priority, unit, submitter, subject, created, changed, \
                          whole) VALUES ";

    /// Counted by walking all tickets.
    fn counted(store: &Store) -> Vec<(String, String, u64)> {
        let text =
            "SELECT coalesce(unit, '') AS unit, status, count(*) AS tickets FROM ticket GROUP BY 1, 2 ORDER BY 2, 1";
        let read = |row: &cells::Cells<'_>| Ok((row.plain("unit")?, row.plain("status")?, row.number("tickets")?));
        store.reader().ask(|conn| cells::rows(conn, text, [], read)).unwrap()
    }

    #[test]
    fn tickets_are_counted_as_they_come_and_change() {
        let store = Store::in_memory().unwrap();
        let run = |text: &str| store.reader().conn().execute_batch(text).unwrap();
        run(&format!(
            "{TICKET} (1, 'new', 1, 'USER', 'less urgent', NULL, 'a@x.example', 's', 0, 0, '{{}}'), \
             (2, 'assigned', 1, 'USER', 'less urgent', 'ROC_Italy', 'a@x.example', 's', 0, 0, '{{}}'), \
             (3, 'assigned', 1, 'USER', 'less urgent', 'ROC_Italy', 'a@x.example', 's', 0, 0, '{{}}')"
        ));
        run("UPDATE ticket SET status = 'assigned', unit = 'ROC_Italy' WHERE id = 1");
        run(
            "UPDATE ticket SET status = 'solved' WHERE id = 2; UPDATE ticket SET subject = 't', status = 'solved' WHERE id = 2",
        );
        run("UPDATE ticket SET unit = 'ROC_CE' WHERE id = 3");
        let kept: Vec<_> = store.reader().standing().unwrap().tickets;
        let kept = kept.into_iter().filter(|(_, _, tickets)| *tickets > 0);
        let kept: Vec<_> = kept
            .map(|(unit, status, tickets)| {
                (unit.map_or_else(String::new, |unit| unit.0), status.words().to_owned(), tickets)
            })
            .collect();
        assert_eq!(kept, counted(&store));
        assert_eq!(kept.len(), 3);
    }
}

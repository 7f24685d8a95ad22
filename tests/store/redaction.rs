//! The one thing that the store takes out: the people in tickets that are over, so that no byte of its files tells of
//! them, and everything that must be known again is.

use std::fs;
use std::path::Path;

use ggus_gateway::desk::decision::{Decision, Verdict};
use ggus_gateway::desk::event::{Actor, Event};
use ggus_gateway::desk::inquiry::Inquiry;
use ggus_gateway::desk::leg::Leg;
use ggus_gateway::desk::retention::Retention;
use ggus_gateway::desk::ticket::{Solution, Status, Ticket, TicketId};
use ggus_gateway::desk::trail::{KeyKind, Reason};
use ggus_gateway::engine::retention::{Place, Retained, redact, retain, turn};
use ggus_gateway::mail::MessageId;
use ggus_gateway::store::{
    Looked, MailNumber, OutboxFilter, OutboxState, QuarantineFilter, Redaction, Resolution, Settlement, Store,
    StoreError,
};
use jiff::Timestamp;

use crate::world::*;

/// What no file may hold any more. All of them stand in what `lived` keeps.
const PEOPLE: [&str; 6] = ["Anna@lab.example", "CE is down", "mail-1@lab.example", "It is.", "Hello", "zirconium"];

/// A ticket with a mail, two letters, a history, a solution and a foreign id; all that goes out has gone.
fn lived(store: &mut Store, n: u64, status: Status) -> TicketId {
    let id = open_ticket(store, at(0), n);
    let leg = Leg {
        foreign_ids: vec!["4711".to_owned()],
        last_public: Some("Hello Anna@lab.example".to_owned()),
        thread: vec![their_id(n)],
        ..Leg::new("ROC_Italy".into(), at(0))
    };
    let solution = Solution {
        short: None,
        text: "Hello, CE is down no more. Zirconium it was.".into(),
        by: "ROC_Italy".into(),
        at: at(5),
    };
    let ended = Ticket {
        status,
        legs: vec![leg],
        solution: Some(solution),
        mails_sent: 2,
        cc: vec![anna()],
        changed: at(5),
        ended: Some(at(5)),
        ..ticket(id)
    };
    let solved = Event::Solved { text: "Hello, CE is down no more.".to_owned() };
    let events = vec![(Actor::Unit("ROC_Italy".into()), solved)];
    let decision = Decision { ticket: Some(ended), events, ..decision(Verdict::Append) };
    store.batch(|batch| keep(batch, at(5), None, &decision)).unwrap();
    for letter in claim(store, at(5)) {
        let sent = Settlement::Sent { answer: "250 ok, Anna@lab.example".to_owned() };
        store.batch(|batch| batch.settle(letter, &sent, at(6))).unwrap();
    }
    id
}

fn quarantined(store: &mut Store, now: Timestamp, n: u64, names: TicketId) -> MailNumber {
    let trail = vec![
        Reason::KeyFound { key: KeyKind::Tag, ticket: names },
        Reason::Quarantined { because: "Anna@lab.example says CE is down".to_owned() },
    ];
    let decision = Decision { trail, ..decision(Verdict::Quarantine) };
    store.batch(|batch| keep(batch, now, Some(n), &decision)).unwrap().unwrap()
}

fn order(store: &mut Store, id: TicketId, rehearse: bool) -> Result<Redaction, String> {
    redact(&policy(), store, id, ("olga", "by request"), at(60), rehearse).map_err(|error| error.to_string())
}

/// Which of the words are in any file of a folder.
fn told(folder: &Path) -> Vec<&'static str> {
    let bytes: Vec<u8> =
        fs::read_dir(folder).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    let holds = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    PEOPLE.into_iter().filter(|word| holds(word)).collect()
}

#[test]
fn no_byte_of_the_files_tells_of_people_once_they_are_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("desk.sqlite")).unwrap();
    let id = lived(&mut store, 1, Status::Closed);
    let dropped = quarantined(&mut store, at(7), 2, id);
    store.batch(|batch| batch.quarantine_resolve(dropped, Resolution::Dropped, "olga", at(8))).unwrap();
    assert_eq!(told(folder.path()), PEOPLE);
    let done = order(&mut store, id, false);
    assert_eq!(done, Ok(Redaction { mails: 2, letters: 2, facts: 3 }));
    assert_eq!(store.erase(), Ok(true));
    assert_eq!(told(folder.path()), [""; 0]);
    assert_eq!(store.erase(), Ok(false), "there is nothing left to do");
    store.reader().check_integrity().unwrap();
}

/// A process that dies after the commit leaves the rewriting to the next one.
#[test]
fn what_was_redacted_before_a_crash_is_erased_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("desk.sqlite");
    let mut store = Store::open(&file).unwrap();
    let id = lived(&mut store, 1, Status::Closed);
    order(&mut store, id, false).unwrap();
    std::mem::forget(store);
    assert_eq!(Store::open(&file).unwrap().erase(), Ok(true));
    assert_eq!(told(folder.path()), [""; 0]);
}

/// SQLite moves rows between pages as they grow and shrink, and leaves copies where they were.
#[test]
fn rows_that_were_moved_about_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("desk.sqlite")).unwrap();
    for n in 1..=100 {
        lived(&mut store, n, Status::Closed);
    }
    for step in 1..=800_u64 {
        let id = TicketId(1 + step * 37 % 100);
        let text = format!("CE is down. {}", "It is. ".repeat((step * 61 % 200) as usize));
        let grown = Ticket { description: text, ..kept(&mut store, id) };
        let decision = Decision { ticket: Some(grown), ..decision(Verdict::Append) };
        store.batch(|batch| keep(batch, at(9), None, &decision)).unwrap();
    }
    for n in 1..=100 {
        order(&mut store, TicketId(n), false).unwrap();
    }
    store.erase().unwrap();
    assert_eq!(told(folder.path()), [""; 0]);
}

fn kept(store: &mut Store, id: TicketId) -> Ticket {
    store.batch(|batch| batch.ticket(id)).unwrap().unwrap()
}

#[test]
fn what_finds_the_ticket_still_finds_it() {
    let mut store = Store::in_memory().unwrap();
    let id = lived(&mut store, 1, Status::Closed);
    order(&mut store, id, false).unwrap();
    let thread = |message_id: MessageId| Inquiry { message_ids: [message_id].into(), ..Inquiry::default() };
    for inquiry in [
        Inquiry { tickets: [id].into(), ..Inquiry::default() },
        thread(their_id(1)),
        thread(our_id(id, 1)),
        Inquiry { foreign_ids: [("ROC_Italy".into(), "4711".to_owned())].into(), ..Inquiry::default() },
        Inquiry { letters: [(id, 2)].into(), ..Inquiry::default() },
    ] {
        let found = store.batch(|batch| batch.look(&inquiry)).unwrap();
        assert_eq!(found.tickets.keys().collect::<Vec<_>>(), [&id], "{inquiry:?}");
    }
    let (digest, fingerprint) = (Some(mail(1).digest), mail(1).fingerprint);
    for inquiry in [Inquiry { digest, ..Inquiry::default() }, Inquiry { fingerprint, ..Inquiry::default() }] {
        let prior = store.batch(|batch| batch.look(&inquiry)).unwrap().prior;
        assert_eq!(prior.and_then(|prior| prior.ticket), Some(id), "the same mail is not taken for new");
    }
    let again = store.batch(|batch| batch.has_letter(&opening(id).outbound[0])).unwrap();
    assert!(again, "the same letter is not sent twice");
}

#[test]
fn numbers_states_and_times_stay_and_the_history_says_what_happened() {
    let mut store = Store::in_memory().unwrap();
    let id = lived(&mut store, 1, Status::Verified);
    let before = kept(&mut store, id);
    order(&mut store, id, false).unwrap();
    let after = kept(&mut store, id);
    assert_eq!((after.status, after.created, after.ended), (Status::Verified, before.created, before.ended));
    assert_eq!((&after.site, &after.vo, &after.unit, after.mails_sent), (&before.site, &before.vo, &before.unit, 2));
    assert_eq!((after.changed, after.redacted), (at(60), Some(at(60))));
    let history = store.reader().history(id, 10).unwrap();
    assert_eq!(history.iter().map(|row| row.at).collect::<Vec<_>>(), [at(0), at(0), at(5), at(60)]);
    let last = history.last().unwrap();
    assert_eq!(last.actor, Actor::Operator("olga".to_owned()));
    assert_eq!(last.event, Event::Redacted { reason: "by request".to_owned() });
    let bytes = store.reader().mail(MailNumber(1)).unwrap_err();
    assert!(bytes.to_string().starts_with("mail 1 is kept without its text: it was redacted"), "{bytes}");
}

#[test]
fn a_rehearsal_tells_the_same_and_changes_nothing() {
    let mut store = Store::in_memory().unwrap();
    let id = lived(&mut store, 1, Status::Closed);
    let (before, rehearsed) = (kept(&mut store, id), order(&mut store, id, true));
    assert_eq!(kept(&mut store, id), before);
    assert_eq!(store.reader().mail(MailNumber(1)).unwrap().unwrap().raw, raw(1));
    assert_eq!(store.erase(), Ok(false));
    assert_eq!(order(&mut store, id, false), rehearsed);
}

#[test]
fn tickets_in_which_somebody_may_still_write_are_refused() {
    let mut store = Store::in_memory().unwrap();
    let refused = |store: &mut Store, id: TicketId| order(store, id, false).unwrap_err();
    assert!(refused(&mut store, TicketId(1)).starts_with("ticket 1 does not exist"));
    let open = lived(&mut store, 1, Status::InProgress);
    assert_eq!(refused(&mut store, open), "ticket 1 is in progress; solve and close it first");
    let solved = lived(&mut store, 2, Status::Solved);
    assert_eq!(refused(&mut store, solved), "ticket 2 is solved and can still be reopened by its user; close it first");
    let queued = open_ticket(&mut store, at(0), 3);
    let closed = Ticket { status: Status::Closed, mails_sent: 2, ..ticket(queued) };
    let decision = Decision { ticket: Some(closed), ..decision(Verdict::Append) };
    store.batch(|batch| keep(batch, at(5), None, &decision)).unwrap();
    assert_eq!(refused(&mut store, queued), "mail 5 of ticket 3 has still to go out; wait, or `outbox drop` it");
    let named = lived(&mut store, 4, Status::Closed);
    quarantined(&mut store, at(7), 5, named);
    assert_eq!(
        refused(&mut store, named),
        "mail 5 in quarantine names ticket 4; `quarantine retry` or `quarantine drop` it first"
    );
    let done = lived(&mut store, 6, Status::Closed);
    order(&mut store, done, false).unwrap();
    assert_eq!(refused(&mut store, done), "ticket 5 was redacted already; nothing came since");
}

#[test]
fn a_letter_that_was_given_up_is_never_sent_once_it_is_redacted() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let closed = Ticket { status: Status::Closed, ..kept(&mut store, id) };
    let decision = Decision { ticket: Some(closed), ..decision(Verdict::Append) };
    store.batch(|batch| keep(batch, at(1), None, &decision)).unwrap();
    for letter in claim(&mut store, at(1)) {
        let dead = Settlement::Dead { error: "550 Anna@lab.example is unknown".to_owned() };
        store.batch(|batch| batch.settle(letter, &dead, at(2))).unwrap();
    }
    order(&mut store, id, false).unwrap();
    let rows = store.reader().outbox(&OutboxFilter::default(), 10).unwrap();
    assert!(rows.iter().all(|row| row.state == OutboxState::Dropped && row.answer.is_empty()), "{rows:?}");
    let again = store.batch(|batch| batch.outbox_retry(rows[0].id, at(61)));
    assert!(matches!(again, Err(StoreError::Refused(_))), "{again:?}");
}

#[test]
fn what_comes_after_a_redaction_can_be_redacted_too() {
    let mut store = Store::in_memory().unwrap();
    let id = lived(&mut store, 1, Status::Closed);
    order(&mut store, id, false).unwrap();
    let late = Ticket { changed: at(70), ..kept(&mut store, id) };
    let decision = Decision { ticket: Some(late), ..decision(Verdict::Append) };
    store.batch(|batch| keep(batch, at(70), Some(9), &decision)).unwrap();
    assert_eq!(order(&mut store, id, false), Ok(Redaction { mails: 2, letters: 2, facts: 4 }));
}

fn ages(raw_mails: Option<&str>, tickets: Option<&str>) -> Retention {
    let age = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    Retention { raw_mails: age(raw_mails), tickets: age(tickets) }
}

/// 24 November 2006, 14:05 UTC: a day after `at(0)`.
fn next_day(store: &mut Store, ages: &Retention, rehearse: bool) -> Retained {
    retain(&policy(), ages, store, at(24 * 60), rehearse).unwrap()
}

#[test]
fn what_is_over_its_age_goes_and_the_rest_stays() {
    let mut store = Store::in_memory().unwrap();
    let closed = lived(&mut store, 1, Status::Closed);
    let open = lived(&mut store, 2, Status::InProgress);
    let solved = lived(&mut store, 3, Status::Solved);
    let waits = quarantined(&mut store, at(7), 4, open);
    let absorbed = store.batch(|batch| keep(batch, at(8), Some(5), &decision(Verdict::Absorb))).unwrap().unwrap();
    for (ages, redacted, mails) in [
        (ages(None, None), 0, 0),
        (ages(Some("2 days"), Some("2 days")), 0, 0),
        (ages(Some("23h"), None), 0, 3),
        (ages(None, Some("23h")), 1, 1),
        (ages(Some("23h"), Some("23h")), 1, 2),
    ] {
        let would = next_day(&mut store, &ages, true);
        assert_eq!((would.redacted.len(), would.mails), (redacted, mails), "{ages:?}: {would:?}");
    }
    let done = next_day(&mut store, &ages(Some("23h"), Some("23h")), false);
    assert_eq!(done.redacted, [(closed, Redaction { mails: 1, letters: 2, facts: 3 })]);
    let why = "ticket 3 is solved and can still be reopened by its user; close it first".to_owned();
    assert_eq!(done.waiting, [(solved, why)]);
    assert_eq!((done.mails, done.letters), (2, 2), "of the solved ticket, and the mail that was absorbed");
    assert!(next_day(&mut store, &ages(Some("23h"), Some("23h")), false).is_nothing());
    assert_eq!(store.reader().mail(waits).unwrap().unwrap().raw, raw(4), "a person has yet to look");
    assert_eq!(store.reader().mail(MailNumber(2)).unwrap().unwrap().raw, raw(2), "its ticket is open");
    assert!(store.reader().mail(absorbed).is_err());
    assert_eq!(kept(&mut store, solved).subject, "CE is down");
    assert_eq!(store.reader().quarantine(QuarantineFilter::Open, 9).unwrap().len(), 1);
    assert_eq!(store.erase(), Ok(true));
}

/// A gateway that takes out a lot goes on taking mails in: no turn is longer than a short transaction.
#[test]
fn a_turn_takes_out_a_part_and_the_next_goes_on_behind_it() {
    let mut store = Store::in_memory().unwrap();
    for n in 1..=150 {
        lived(&mut store, n, if n % 50 == 0 { Status::Solved } else { Status::Closed });
    }
    let ages = ages(Some("23h"), Some("23h"));
    let (policy, now) = (policy(), at(24 * 60));
    let (mut place, mut turns) = (Some(Place::default()), Vec::new());
    while let Some(here) = place {
        let (done, next) = turn(&policy, &ages, &mut store, now, here).unwrap();
        turns.push((done.redacted.len(), done.waiting.len(), done.mails));
        place = next;
        open_ticket(&mut store, now, 1_000 + turns.len() as u64);
    }
    assert_eq!(turns, [(63, 1, 0), (63, 1, 0), (21, 1, 0), (0, 0, 3)]);
    assert!(retain(&policy, &ages, &mut store, now, false).unwrap().is_nothing());
}

/// What stays for ever (here: mails of tickets that are open) is looked at once a day, and not again for each that goes.
#[test]
fn bytes_are_looked_at_in_windows() {
    let mut store = Store::in_memory().unwrap();
    for n in 1..=1_100 {
        match n % 2 {
            0 => drop(store.batch(|batch| keep(batch, at(0), Some(n), &decision(Verdict::Absorb))).unwrap()),
            _ => assert_ne!(open_ticket(&mut store, at(0), n), TicketId(0)),
        }
    }
    let ages = ages(Some("23h"), None);
    let mut place = Some(Place::Bytes(Looked::default()));
    let mut turns = Vec::new();
    while let Some(here) = place {
        let (done, next) = turn(&policy(), &ages, &mut store, at(24 * 60), here).unwrap();
        turns.push(done.mails);
        place = next;
    }
    assert_eq!(turns, [250, 250, 50]);
}

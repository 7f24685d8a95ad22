//! The outbox: its whole state space as a table, who gets what when, and the rule of delivery on top of it.

use std::collections::BTreeSet;

use ggus_gateway::desk::decision::Recipient;
use ggus_gateway::engine::delivery::{self, Departure, OutboxSettings};
use ggus_gateway::relay::Outcome;
use ggus_gateway::store::{OutboxFilter, OutboxId, OutboxRow, OutboxState, Settlement, Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::world::*;

const FIRST: OutboxId = OutboxId(1);

fn row(store: &Store) -> OutboxRow {
    store.reader().outbox_row(FIRST).unwrap().unwrap()
}

fn settle(store: &mut Store, settlement: &Settlement, now: Timestamp) -> bool {
    store.batch(|batch| batch.settle(FIRST, settlement, now)).unwrap()
}

fn again(minutes: i64) -> Settlement {
    Settlement::Again { at: at(minutes), error: "451 later".to_owned(), unknown: false }
}

fn sent() -> Settlement {
    Settlement::Sent { answer: "250 queued".to_owned() }
}

fn dead() -> Settlement {
    Settlement::Dead { error: "550 no".to_owned() }
}

/// A store whose first outbox row is in the state that the table calls so at minute 30. No other row is under way.
fn with_row(state: &str) -> Store {
    let mut store = Store::in_memory().unwrap();
    open_ticket(&mut store, at(0), 1);
    store.batch(|batch| batch.outbox_drop(OutboxId(2), "paul", at(0))).unwrap();
    if state != "ready" {
        let lease = SignedDuration::from_mins(if state == "ended" { 10 } else { 60 });
        store.batch(|batch| take_up(batch, at(0), 1, lease)).unwrap();
    }
    match state {
        "later" => assert!(settle(&mut store, &again(90), at(1))),
        "sent" => assert!(settle(&mut store, &sent(), at(1))),
        "dead" => assert!(settle(&mut store, &dead(), at(1))),
        "dropped" => {
            assert!(settle(&mut store, &dead(), at(1)));
            store.batch(|batch| batch.outbox_drop(FIRST, "paul", at(2))).unwrap();
        }
        _ => {}
    }
    store
}

/// What an action at minute 30 makes of it: the next state, `-` where nothing changes, or `refused`.
fn act(store: &mut Store, action: &str) -> String {
    let before = row(store);
    let now = at(30);
    let done = store.batch(|batch| match action {
        "claim" => take_up(batch, now, 1, SignedDuration::from_mins(60)).map(drop),
        "sent" => batch.settle(FIRST, &sent(), now).map(drop),
        "again" => batch.settle(FIRST, &again(40), now).map(drop),
        "dead" => batch.settle(FIRST, &dead(), now).map(drop),
        "retry" => batch.outbox_retry(FIRST, now),
        _ => batch.outbox_drop(FIRST, "paul", now),
    });
    match done {
        Ok(()) if row(store) == before => "-".to_owned(),
        Ok(()) => row(store).line.state.word().to_owned(),
        Err(StoreError::Refused(_)) => "refused".to_owned(),
        Err(error) => panic!("{action}: {error}"),
    }
}

#[test]
fn every_action_in_every_state_does_what_the_table_says() {
    let table = "
        state   claim   sent  again  dead  retry    drop
        ready   leased  sent  -      -     ready    dropped
        later   -       sent  -      -     ready    dropped
        leased  -       sent  ready  dead  refused  refused
        ended   leased  sent  ready  dead  ready    dropped
        sent    -       -     -      -     refused  refused
        dead    -       sent  -      -     ready    dropped
        dropped -       sent  -      -     ready    refused";
    let mut lines =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|line| !line.is_empty());
    let actions = lines.next().unwrap();
    for line in lines {
        for (action, expected) in actions.iter().zip(&line).skip(1) {
            assert_eq!(&act(&mut with_row(line[0]), action), expected, "{} a row that is {}", action, line[0]);
        }
    }
}

#[test]
fn attempts_are_counted_before_they_are_made() {
    let mut store = with_row("ready");
    assert_eq!((row(&store).line.attempts, row(&store).line.first_tried), (0, None));
    for attempt in 1..4_u32 {
        let now = at(100 * i64::from(attempt));
        let claimed = store.batch(|batch| take_up(batch, now, 1, SignedDuration::from_mins(10))).unwrap();
        assert_eq!((claimed[0].line.attempts, claimed[0].line.first_tried), (attempt, Some(at(100))));
        assert!(settle(&mut store, &again(100 * i64::from(attempt) + 50), now));
    }
    store.batch(|batch| batch.outbox_retry(FIRST, at(1_000))).unwrap();
    assert_eq!((row(&store).line.attempts, row(&store).line.first_tried), (0, None));
}

#[test]
fn what_has_been_due_longest_goes_first_and_no_more_than_asked() {
    let mut store = Store::in_memory().unwrap();
    for (n, minute) in [(1, 9), (2, 8), (3, 7)] {
        open_ticket(&mut store, at(minute), n);
    }
    let ids = |rows: Vec<OutboxRow>| rows.into_iter().map(|row| row.line.id.0).collect::<Vec<_>>();
    let mut claim =
        |now, most| ids(store.batch(|batch| take_up(batch, now, most, SignedDuration::from_mins(5))).unwrap());
    assert_eq!(claim(at(6), 10), [0; 0]);
    assert_eq!(claim(at(10), 3), [5, 6, 3]);
    assert_eq!(claim(at(10), 3), [4, 1, 2]);
    assert_eq!(claim(at(10), 3), [0; 0]);
}

#[test]
fn the_next_due_time_is_that_of_a_row_or_the_end_of_a_lease() {
    let mut store = Store::in_memory().unwrap();
    let due = |store: &mut Store| store.batch(|batch| batch.next_due()).unwrap();
    assert_eq!(due(&mut store), None);
    open_ticket(&mut store, at(5), 1);
    assert_eq!(due(&mut store), Some(at(5)));
    assert_eq!(claim(&mut store, at(6)).len(), 2);
    assert_eq!(due(&mut store), Some(at(66)));
    settle(&mut store, &again(30), at(7));
    assert_eq!(due(&mut store), Some(at(30)));
}

#[test]
fn leases_that_a_dead_daemon_left_are_ended_by_the_next() {
    let mut store = with_row("leased");
    assert_eq!(store.batch(|batch| batch.end_leases(at(2))), Ok(1));
    assert_eq!(claim(&mut store, at(2)), [FIRST]);
    assert!(row(&store).line.unknown);
}

#[test]
fn a_row_that_is_not_there_is_not_found() {
    let mut store = with_row("ready");
    for id in [OutboxId(0), OutboxId(99), OutboxId(u64::MAX)] {
        let calls = [
            store.batch(|batch| batch.settle(id, &sent(), at(1)).map(drop)),
            store.batch(|batch| batch.outbox_retry(id, at(1))),
            store.batch(|batch| batch.outbox_drop(id, "paul", at(1))),
        ];
        assert!(calls.iter().all(|call| matches!(call, Err(StoreError::NotFound { .. }))), "{calls:?}");
        assert_eq!(store.reader().outbox_row(id).unwrap(), None);
    }
}

#[test]
fn two_daemons_never_hold_the_same_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sqlite");
    let mut store = Store::open(&path).unwrap();
    open_tickets(&mut store, 30);
    let daemon = || {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut store = Store::open(&path).unwrap();
            let mut held = Vec::new();
            while let Ok([row]) =
                <[_; 1]>::try_from(store.batch(|batch| take_up(batch, at(1), 1, SignedDuration::from_mins(9))).unwrap())
            {
                held.push(row.line.id);
            }
            held
        })
    };
    let held: Vec<_> = [daemon(), daemon()].into_iter().flat_map(|daemon| daemon.join().unwrap()).collect();
    assert_eq!(held.len(), 60);
    assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), 60);
}

fn depart(store: &mut Store, now: Timestamp) -> Departure {
    let settings = OutboxSettings { at_once: 1, ..OutboxSettings::default() };
    delivery::claim(&policy(), store, now, &settings).unwrap().remove(0)
}

#[test]
fn a_mail_that_nobody_takes_goes_out_with_the_same_bytes_until_it_is_given_up() {
    let mut store = Store::in_memory().unwrap();
    open_ticket(&mut store, at(0), 1);
    claim_first_letter_away(&mut store);
    let settings = OutboxSettings::default();
    let (mut now, mut parcels, mut attempts) = (at(0), BTreeSet::new(), 0);
    let letter = loop {
        let departure = depart(&mut store, now);
        parcels.insert(departure.parcel.bytes.clone());
        attempts += 1;
        let outcome = Outcome::Transient("451 4.7.1 greylisted".to_owned());
        let died = store.batch(|batch| delivery::settle(batch, &departure.line, &outcome, now, &settings)).unwrap();
        match died {
            Some(letter) => break letter,
            None => now = store.batch(|batch| batch.next_due()).unwrap().unwrap(),
        }
    };
    assert_eq!(now, at(5 * 24 * 60));
    assert!((125..=160).contains(&attempts), "{attempts}");
    assert_eq!((letter.attempts, parcels.len()), (attempts, 1));
    assert_eq!(letter.unit(), Some(&"ROC_Italy".into()));
    assert_eq!(letter.recipient, Recipient::Unit("ROC_Italy".into()));
    assert_eq!(letter.error, "given up after 120h: 451 4.7.1 greylisted");
    let dead = store.reader().outbox(&OutboxFilter { state: Some(OutboxState::Dead), ticket: None }, 9).unwrap();
    assert_eq!((dead.len(), dead[0].id, dead[0].due), (1, letter.id, None));
}

/// Only the dispatch is left to be sent.
fn claim_first_letter_away(store: &mut Store) {
    store.batch(|batch| batch.outbox_drop(FIRST, "paul", at(0))).unwrap();
}

#[test]
fn an_answer_that_comes_too_late_kills_nothing_unless_it_says_sent() {
    let mut store = Store::in_memory().unwrap();
    open_ticket(&mut store, at(0), 1);
    let settings = OutboxSettings::default();
    let late = depart(&mut store, at(0));
    let mut settle = |outcome: Outcome| {
        store.batch(|batch| delivery::settle(batch, &late.line, &outcome, at(90), &settings)).unwrap()
    };
    let died = settle(Outcome::Permanent("550 no".to_owned())).unwrap();
    assert_eq!((died.id, died.error.as_str(), died.unknown), (FIRST, "550 no", false));
    assert_eq!(settle(Outcome::Permanent("550 no".to_owned())), None);
    assert_eq!(settle(Outcome::Sent("250 ok".to_owned())), None);
    assert_eq!((row(&store).line.state, row(&store).line.answer.as_str()), (OutboxState::Sent, "250 ok"));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Claim,
    Settle(u64, u8),
    Retry(u64),
    Drop(u64),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 1..5_u64;
    let step = prop_oneof![
        Just(Step::Claim),
        (id.clone(), 0..3_u8).prop_map(|(id, how)| Step::Settle(id, how)),
        id.clone().prop_map(Step::Retry),
        id.prop_map(Step::Drop),
        (1..90_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, in whatever order: no letter is lost, none leaves `sent`, none changes its bytes, and whatever
    /// is not settled will be due some time.
    #[test]
    fn no_letter_is_lost(steps in steps()) {
        let mut store = Store::in_memory().unwrap();
        open_tickets(&mut store, 2);
        let all = |store: &Store| (1..5).map(|id| store.reader().outbox_row(OutboxId(id)).unwrap().unwrap()).collect::<Vec<_>>();
        let start = all(&store);
        let mut minute = 0;
        for step in steps {
            let before = all(&store);
            let now = at(minute);
            let settlement = |how| match how { 0 => sent(), 1 => dead(), _ => again(minute + 10) };
            let done = store.batch(|batch| match step {
                Step::Claim => take_up(batch, now, 2, SignedDuration::from_mins(20)).map(drop),
                Step::Settle(id, how) => batch.settle(OutboxId(id), &settlement(how), now).map(drop),
                Step::Retry(id) => batch.outbox_retry(OutboxId(id), now),
                Step::Drop(id) => batch.outbox_drop(OutboxId(id), "paul", now),
                Step::Wait(_) => Ok(()),
            });
            prop_assert!(matches!(done, Ok(()) | Err(StoreError::Refused(_))), "{done:?}");
            if let Step::Wait(minutes) = step { minute += minutes; }
            for ((then, before), first) in all(&store).iter().zip(&before).zip(&start) {
                prop_assert_eq!(&then.bytes, &first.bytes);
                prop_assert!(before.line.state != OutboxState::Sent || then == before);
                prop_assert!(!before.line.unknown || then.line.unknown);
                let under_way = matches!(then.line.state, OutboxState::Ready | OutboxState::Leased);
                prop_assert_eq!(then.line.due.is_some(), under_way);
                prop_assert_eq!(then.line.settled.is_none(), under_way);
            }
        }
    }
}

//! A batch is kept whole or not at all, an item in it stands or falls alone, and neither minds a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::store::{Batch, Reader, Store, StoreError, TicketFilter};

use crate::world::*;

fn tickets(reader: &Reader) -> Vec<u64> {
    let all = reader.tickets(&TicketFilter::default(), 1_000).unwrap();
    all.into_iter().rev().map(|line| line.id.0).collect()
}

/// Opens a ticket and then fails.
fn spoilt(batch: &mut Batch<'_>, n: u64) -> Result<(), String> {
    open_in(batch, at(0), n).map_err(|error| error.to_string())?;
    Err("spoilt".to_owned())
}

fn poison(batch: &mut Batch<'_>, n: u64) -> Result<(), String> {
    spoilt(batch, n).unwrap_or_else(|why| panic!("poison mail: {why}"));
    Ok(())
}

#[test]
fn an_item_that_fails_takes_only_itself_along() {
    let mut store = Store::in_memory().unwrap();
    let kept = store.batch(|batch| {
        open_in(batch, at(0), 1)?;
        assert_eq!(batch.item(|item| spoilt(item, 2))?, Err("spoilt".to_owned()));
        batch.item(|item| open_in(item, at(0), 3))?
    });
    // The number that the failed item took was given back with it.
    assert_eq!(kept, Ok(TicketId(2)));
    assert_eq!(tickets(store.reader()), [1, 2]);
    assert_eq!(store.reader().mail_by_digest(&mail(2).digest).unwrap(), None);
}

#[test]
fn an_item_that_panics_takes_only_itself_along() {
    let mut store = Store::in_memory().unwrap();
    let kept = store.batch(|batch| {
        open_in(batch, at(0), 1)?;
        let caught = catch_unwind(AssertUnwindSafe(|| batch.item(|item| poison(item, 2))));
        assert!(caught.is_err());
        open_in(batch, at(0), 3)
    });
    assert_eq!(kept, Ok(TicketId(2)));
    assert_eq!(tickets(store.reader()), [1, 2]);
}

#[test]
fn items_nest() {
    let mut store = Store::in_memory().unwrap();
    let done = store.batch(|batch| {
        batch.item(|outer| {
            open_in(outer, at(0), 1)?;
            assert!(outer.item(|inner| spoilt(inner, 2))?.is_err());
            let caught = catch_unwind(AssertUnwindSafe(|| outer.item(|inner| poison(inner, 3))));
            assert!(caught.is_err());
            open_in(outer, at(0), 4)
        })?
    });
    assert_eq!(done, Ok(TicketId(2)));
    let undone = store.batch(|batch| {
        batch.item(|outer| {
            assert!(outer.item(|inner| open_in(inner, at(0), 5))?.is_ok());
            Err::<(), StoreError>(StoreError::Refused("the outer one fails".to_owned()))
        })
    });
    assert!(matches!(undone, Ok(Err(StoreError::Refused(_)))));
    assert_eq!(tickets(store.reader()), [1, 2]);
}

#[test]
fn a_batch_that_fails_or_panics_leaves_nothing_and_the_store_goes_on() {
    let mut store = Store::in_memory().unwrap();
    let failed = store.batch(|batch| {
        open_in(batch, at(0), 1)?;
        Err::<(), _>(StoreError::Refused("no".to_owned()))
    });
    assert_eq!(failed, Err(StoreError::Refused("no".to_owned())));
    let caught = catch_unwind(AssertUnwindSafe(|| store.batch(|batch| Ok(poison(batch, 2)))));
    assert!(caught.is_err());
    assert_eq!(tickets(store.reader()), [0; 0]);
    assert_eq!(open_ticket(&mut store, at(0), 3), TicketId(1));
}

#[test]
fn a_batch_sees_what_it_did_and_others_see_it_when_it_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sqlite");
    let mut store = Store::open(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    store
        .batch(|batch| {
            open_in(batch, at(0), 1)?;
            assert_eq!(tickets(batch.reader()), [1]);
            assert_eq!(tickets(&reader), [0; 0]);
            Ok(())
        })
        .unwrap();
    assert_eq!(tickets(&reader), [1]);
}

#[test]
fn two_writers_take_turns_and_give_no_number_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sqlite");
    // Both begin with the file that is not there yet.
    let write = |writer: u64| {
        let path = path.clone();
        thread::spawn(move || {
            let mut store = Store::open(&path).unwrap();
            (0..20).map(|n| open_ticket(&mut store, at(0), writer * 100 + n).0).collect::<Vec<_>>()
        })
    };
    let mut given: Vec<u64> = [write(1), write(2)].into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    given.sort_unstable();
    assert_eq!(given, (1..=40).collect::<Vec<_>>());
    let reader = Reader::open(&path).unwrap();
    assert_eq!(tickets(&reader), given);
    assert_eq!(reader.check_integrity(), Ok(()));
}

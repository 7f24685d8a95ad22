//! The file as a crash would leave it, at every step of a batch and at every place where its log can be torn: what was
//! committed is there, the rest never was.

use std::fs;
use std::path::{Path, PathBuf};

use ggus_gateway::desk::decision::{Decision, Verdict};
use ggus_gateway::desk::ticket::{Ticket, TicketId};
use ggus_gateway::store::{
    HealthState, OutboxFilter, OutboxState, Reader, Settlement, Store, StoreError, TicketFilter,
};
use jiff::SignedDuration;
use tempfile::TempDir;

use crate::world::*;

/// A store in a directory, and copies of its files as a crash would leave them.
struct Disk {
    directory: TempDir,
    copies: u32,
}

impl Disk {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), copies: 0 }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("desk.sqlite")
    }

    /// What is on the disk now. The third file of SQLite, `-shm`, lives in memory and does not survive.
    fn crash(&mut self) -> PathBuf {
        self.copies += 1;
        let copy = self.directory.path().join(format!("crash-{}.sqlite", self.copies));
        fs::copy(self.path(), &copy).unwrap();
        if log(&self.path()).exists() {
            fs::copy(log(&self.path()), log(&copy)).unwrap();
        }
        copy
    }
}

fn log(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// Everything that a person could see, as text.
fn everything(reader: &Reader) -> String {
    let tickets = reader.tickets(&TicketFilter::default(), 100).unwrap();
    let histories: Vec<_> = tickets.iter().map(|line| reader.history(line.id, 100).unwrap()).collect();
    let mails: Vec<_> = tickets.iter().map(|line| reader.mails_of(line.id, 100).unwrap()).collect();
    let outbox = reader.outbox(&OutboxFilter::default(), 100).unwrap();
    let letters: Vec<_> = outbox.iter().map(|line| reader.outbox_row(line.id).unwrap().unwrap().bytes).collect();
    format!("{tickets:?} {histories:?} {mails:?} {outbox:?} {letters:?} {:?}", reader.healths().unwrap())
}

fn reopened(path: &Path) -> String {
    let store = Store::open(path).unwrap();
    assert_eq!(store.reader().check_integrity(), Ok(()));
    everything(store.reader())
}

#[test]
fn a_crash_between_any_two_calls_of_a_batch_undoes_the_batch() {
    let mut disk = Disk::new();
    let mut store = Store::open(&disk.path()).unwrap();
    open_ticket(&mut store, at(0), 1);
    let before = everything(store.reader());
    let mut crashes = Vec::new();
    store
        .batch(|batch| {
            crashes.push(disk.crash());
            let id = open_in(batch, at(1), 2)?;
            crashes.push(disk.crash());
            let solved = Decision { ticket: Some(Ticket { vo: None, ..ticket(id) }), ..decision(Verdict::Append) };
            keep(batch, at(1), Some(3), &solved)?;
            crashes.push(disk.crash());
            let rows = take_up(batch, at(2), 10, SignedDuration::from_mins(1))?;
            crashes.push(disk.crash());
            batch.settle(rows[0].line.id, &Settlement::Sent { answer: "250".to_owned() }, at(2))?;
            crashes.push(disk.crash());
            let dropped = batch.item(|item| {
                open_in(item, at(2), 4)?;
                crashes.push(disk.crash());
                Err::<(), _>(StoreError::Refused("no".to_owned()))
            })?;
            assert!(dropped.is_err());
            batch.set_health("source support", HealthState::Well, "idle", at(2))?;
            crashes.push(disk.crash());
            Ok(())
        })
        .unwrap();
    assert_eq!(crashes.len(), 7);
    for crash in crashes {
        assert_eq!(reopened(&crash), before, "{}", crash.display());
    }
    let after = everything(store.reader());
    assert_ne!(after, before);
    assert_eq!(reopened(&disk.crash()), after);
}

#[test]
fn a_log_that_was_torn_anywhere_holds_the_whole_batch_or_nothing_of_it() {
    let mut disk = Disk::new();
    let mut store = Store::open(&disk.path()).unwrap();
    open_ticket(&mut store, at(0), 1);
    let before = everything(store.reader());
    let start = fs::metadata(log(&disk.path())).unwrap().len();
    store.batch(|batch| (2..6).try_for_each(|n| open_in(batch, at(1), n).map(drop))).unwrap();
    let after = everything(store.reader());
    let end = fs::metadata(log(&disk.path())).unwrap().len();
    let (mut undone, mut kept) = (0, 0);
    // Steps that are no multiple of SQLite's frames, and the very end.
    for length in (start..end).step_by(1_531).chain([end]) {
        let crash = disk.crash();
        fs::File::options().write(true).open(log(&crash)).unwrap().set_len(length).unwrap();
        let found = reopened(&crash);
        assert!(found == before || found == after, "torn at {length} of {end}");
        if found == before { undone += 1 } else { kept += 1 }
    }
    assert!(undone > 10 && kept >= 1, "{undone} undone, {kept} kept");
}

#[test]
fn a_store_that_is_dropped_in_mid_batch_forgets_the_batch() {
    let disk = Disk::new();
    let mut store = Store::open(&disk.path()).unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        store
            .batch(|batch| {
                open_in(batch, at(0), 1)?;
                panic!("the end")
            })
            .unwrap_or(())
    }));
    assert!(caught.is_err());
    let mut store = Store::open(&disk.path()).unwrap();
    assert_eq!(store.reader().ticket(TicketId(1)).unwrap(), None);
    assert_eq!(open_ticket(&mut store, at(1), 1), TicketId(1));
}

#[test]
fn what_was_under_way_in_a_crash_goes_out_again_and_says_so() {
    let mut disk = Disk::new();
    let mut store = Store::open(&disk.path()).unwrap();
    open_ticket(&mut store, at(0), 1);
    let leased = claim(&mut store, at(0));
    assert_eq!(leased.len(), 2);
    let crash = disk.crash();
    drop(store);
    let mut store = Store::open(&crash).unwrap();
    assert_eq!(claim(&mut store, at(59)), []);
    let rows = store.batch(|batch| take_up(batch, at(60), 10, SignedDuration::from_mins(1))).unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(row.line.unknown && row.line.attempts == 2 && row.line.state == OutboxState::Leased, "{row:?}");
        assert!(String::from_utf8(row.bytes).unwrap().contains(row.line.message_id.as_str()));
    }
}

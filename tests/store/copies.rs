//! Copies: of a store that is written to meanwhile, of a damaged one, and put back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use ggus_gateway::desk::inquiry::Inquiry;
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::store::{Reader, Store, StoreError, restore};
use tempfile::TempDir;

use crate::world::*;

struct Place {
    folder: TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("desk.sqlite")).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn next_ticket(store: &mut Store) -> TicketId {
    store.batch(|batch| batch.look(&Inquiry::default())).unwrap().next_ticket
}

#[test]
fn a_copy_is_of_one_moment_and_for_its_owner_only() {
    let mut place = Place::new();
    open_tickets(&mut place.store, 3);
    let reader = Reader::open(&place.path("desk.sqlite")).unwrap();
    reader.copy_to(&place.path("copy")).unwrap();
    open_ticket(&mut place.store, at(0), 4);
    open_ticket(&mut place.store, at(0), 5);
    let copy = Reader::open(&place.path("copy")).unwrap();
    assert_eq!(copy.ticket(TicketId(3)).unwrap(), reader.ticket(TicketId(3)).unwrap());
    assert_eq!((copy.ticket(TicketId(4)).unwrap(), copy.check_integrity()), (None, Ok(())));
    assert_eq!(fs::metadata(place.path("copy")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_copy_takes_nobodys_place_and_leaves_nothing_half_done() {
    let mut place = Place::new();
    open_tickets(&mut place.store, 1);
    fs::write(place.path("there"), "mine").unwrap();
    let refused = place.store.reader().copy_to(&place.path("there")).unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(why) if why.contains("name a new file")), "{refused}");
    assert_eq!(fs::read_to_string(place.path("there")).unwrap(), "mine");
    let nowhere = place.store.reader().copy_to(&place.path("no/copy")).unwrap_err();
    assert!(matches!(nowhere, StoreError::CannotOpen { .. }), "{nowhere}");
    assert_eq!(place.names(), ["desk.sqlite", "desk.sqlite-shm", "desk.sqlite-wal", "there"]);
}

#[test]
fn a_restored_store_gives_no_number_twice() {
    let mut place = Place::new();
    open_tickets(&mut place.store, 3);
    place.store.reader().copy_to(&place.path("copy")).unwrap();
    open_ticket(&mut place.store, at(0), 4);
    open_ticket(&mut place.store, at(0), 5);
    let sent = place.store.reader().ticket(TicketId(3)).unwrap().unwrap().mails_sent;
    let (copy, desk) = (place.path("copy"), place.path("desk.sqlite"));
    drop(place.store);
    let kept = restore(&copy, &desk, ".aside", 500).unwrap().unwrap();
    let mut store = Store::open(&desk).unwrap();
    assert_eq!(next_ticket(&mut store), TicketId(504));
    assert_eq!(store.reader().ticket(TicketId(4)).unwrap(), None);
    assert_eq!(store.reader().ticket(TicketId(3)).unwrap().unwrap().mails_sent, sent + 1_000);
    assert!(Reader::open(&kept).unwrap().ticket(TicketId(5)).unwrap().is_some(), "what was there is still there");
}

#[test]
fn a_damaged_copy_changes_nothing() {
    let mut place = Place::new();
    open_tickets(&mut place.store, 50);
    place.store.reader().copy_to(&place.path("copy")).unwrap();
    let mut bytes = fs::read(place.path("copy")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0xff);
    fs::write(place.path("copy"), bytes).unwrap();
    fs::write(place.path("text"), "no store at all").unwrap();
    let desk = place.path("desk.sqlite");
    let before = place.names();
    for wrong in ["copy", "text", "nothing"] {
        let error = restore(&place.path(wrong), &desk, ".aside", 1).unwrap_err().to_string();
        assert!(error.contains(&format!("/{wrong} ")) && error.contains("nothing was changed"), "{error}");
        assert_eq!(place.names(), before, "{wrong}");
    }
    assert_eq!(next_ticket(&mut place.store), TicketId(51));
}

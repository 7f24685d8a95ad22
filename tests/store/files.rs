//! The file: made, refused, damaged, shared; and ids that are never given twice.

use std::fs::{self, File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ggus_gateway::desk::decision::{Decision, Verdict};
use ggus_gateway::desk::inquiry::Inquiry;
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::store::{HealthState, Lock, OutboxFilter, OutboxId, Reader, Store, StoreError, note, probe};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::world::*;

/// A directory with a closed store of three tickets in it.
fn store_on_disk() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sqlite");
    let mut store = Store::open(&path).unwrap();
    open_tickets(&mut store, 3);
    (directory, path)
}

/// Somebody else's hand in the file.
fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn refusals(path: &Path) -> [StoreError; 2] {
    [Store::open(path).unwrap_err(), Reader::open(path).unwrap_err()]
}

#[test]
fn what_was_kept_is_there_after_closing() {
    let (_directory, path) = store_on_disk();
    assert_eq!(Reader::open(&path).unwrap().ticket(TicketId(3)).unwrap(), opening(TicketId(3)).ticket);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.batch(|batch| batch.look(&Inquiry::default())).unwrap().next_ticket, TicketId(4));
    assert_eq!(store.reader().check_integrity(), Ok(()));
}

#[test]
fn peoples_mail_is_for_its_owner_only() {
    let (_directory, path) = store_on_disk();
    let _store = Store::open(&path).unwrap();
    let log = PathBuf::from(format!("{}-wal", path.display()));
    for file in [&path, &log] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn a_reader_reads_while_a_writer_writes_and_can_write_nothing() {
    let (_directory, path) = store_on_disk();
    let mut store = Store::open(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    store
        .batch(|batch| {
            open_in(batch, at(1), 4)?;
            assert_eq!(reader.ticket(TicketId(4)).unwrap(), None);
            Ok(())
        })
        .unwrap();
    assert!(reader.ticket(TicketId(4)).unwrap().is_some());
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("nowhere");
    let error = Store::open(&missing.join("desk.sqlite")).unwrap_err();
    assert_eq!(error, StoreError::NoDirectory { directory: missing.display().to_string() });
    assert!(error.to_string().ends_with("create it or name another in the configuration"), "{error}");
    let error = Reader::open(&missing.join("desk.sqlite")).unwrap_err();
    assert!(matches!(error, StoreError::NoStore { .. }), "{error}");
}

#[test]
fn a_reader_makes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sqlite");
    assert!(matches!(Reader::open(&path), Err(StoreError::NoStore { .. })));
    assert!(!path.exists());
    // An empty file is what a crash between making it and filling it leaves.
    File::create(&path).unwrap();
    assert!(matches!(Reader::open(&path), Err(StoreError::Older { found: 0, .. })));
    assert!(Store::open(&path).is_ok());
    assert!(Reader::open(&path).is_ok());
}

#[test]
fn a_directory_or_a_text_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error}");
    let path = directory.path().join("notes.txt");
    fs::write(&path, "not a database, ".repeat(100)).unwrap();
    for error in refusals(&path) {
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(!error.is_transient());
    }
}

#[test]
fn another_programs_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.sqlite");
    tamper(&path, "CREATE TABLE theirs (id INTEGER)");
    let before = fs::read(&path).unwrap();
    for error in refusals(&path) {
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_newer_store_is_refused_politely() {
    let (_directory, path) = store_on_disk();
    tamper(
        &path,
        "INSERT INTO schema_migration (version, name, sha256, applied) VALUES (99, 'later', 'x', 0); \
         PRAGMA user_version = 99;",
    );
    let file = path.display();
    for error in refusals(&path) {
        let text = format!("store {file} has the newer schema 99, this gateway knows ");
        assert!(error.to_string().starts_with(&text) && error.to_string().ends_with("; start the newer gateway"));
    }
}

#[test]
fn a_running_gateway_stops_writing_when_a_newer_one_renewed_the_store() {
    let (_directory, path) = store_on_disk();
    let mut store = Store::open(&path).unwrap();
    tamper(&path, "PRAGMA user_version = 99;");
    let error = store.batch(|batch| open_in(batch, at(1), 9)).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
}

#[test]
fn a_file_that_was_moved_away_is_written_no_more_until_it_is_back() {
    let (directory, path) = store_on_disk();
    let mut store = Store::open(&path).unwrap();
    let aside = directory.path().join("aside");
    for (n, file) in [(4, path.clone()), (5, PathBuf::from(format!("{}-wal", path.display())))] {
        fs::rename(&file, &aside).unwrap();
        let gone = store.batch(|batch| open_in(batch, at(1), n)).unwrap_err();
        assert_eq!(gone, StoreError::Gone { file: path.display().to_string() });
        // Another file in its place is not the one that was opened.
        fs::copy(&aside, &file).unwrap();
        assert_eq!(store.batch(|batch| open_in(batch, at(1), n)).unwrap_err(), gone);
        fs::rename(&aside, &file).unwrap();
        store.batch(|batch| open_in(batch, at(1), n)).unwrap();
    }
}

#[test]
fn a_lock_is_held_by_one_and_tells_how_the_store_fares() {
    let (_directory, path) = store_on_disk();
    assert_eq!(note(&path), None);
    let lock = Lock::take(&path).unwrap();
    let refused = Lock::take(&path).unwrap_err().to_string();
    assert!(refused.ends_with("is held by a gateway that runs already; stop that one first"), "{refused}");
    for (state, text) in [(HealthState::Blocked, "ü".repeat(9_999)), (HealthState::Well, "mail is kept".to_owned())] {
        lock.note(state, &text, at(0));
        let noted = note(&path).unwrap();
        assert_eq!((noted.state, noted.at), (state, at(0)));
        assert!(text.starts_with(&noted.text) && noted.text.len() > 10, "{}", noted.text);
    }
    drop(lock);
    assert_eq!(note(&path), None);
    assert!(Lock::take(&path).is_ok());
}

#[test]
fn room_is_tried_without_a_trace() {
    let (directory, path) = store_on_disk();
    let names = || fs::read_dir(directory.path()).unwrap().count();
    let before = names();
    assert_eq!((probe(&path), names()), (Ok(()), before));
    assert!(matches!(probe(&path.join("x")), Err(StoreError::NoDirectory { .. })));
}

#[test]
fn a_store_with_an_edited_migration_is_refused() {
    let (_directory, path) = store_on_disk();
    tamper(&path, "UPDATE schema_migration SET sha256 = 'another' WHERE version = 1");
    for error in refusals(&path) {
        assert!(matches!(error, StoreError::Edited { version: 1, .. }), "{error}");
    }
}

#[test]
fn a_file_that_must_not_be_written_is_read_only() {
    let (directory, path) = store_on_disk();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o555)).unwrap();
    let may_write = File::options().write(true).open(&path).is_ok();
    let opened = Store::open(&path);
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    // The superuser may write whatever the mode says; then the store opens. Everybody else is told.
    match opened {
        Ok(_) => assert!(may_write),
        Err(error) => assert_eq!(error, StoreError::ReadOnly { file: path.display().to_string() }),
    }
}

#[test]
fn a_damaged_page_is_found() {
    let (_directory, path) = store_on_disk();
    let size = fs::metadata(&path).unwrap().len();
    assert_eq!(size % 4096, 0);
    let damaged = (1..size / 4096).filter(|page| {
        let copy = path.with_extension(format!("page-{page}"));
        fs::copy(&path, &copy).unwrap();
        let mut file = File::options().write(true).open(&copy).unwrap();
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0x5a; 4096]).unwrap();
        drop(file);
        let checked = Store::open(&copy).and_then(|store| store.reader().check_integrity());
        matches!(checked, Err(StoreError::Damaged { .. }))
    });
    assert_eq!(damaged.count() as u64, size / 4096 - 1, "every page that is spoilt is noticed");
}

#[test]
fn a_row_that_cannot_be_read_is_damage_and_names_itself() {
    let (_directory, path) = store_on_disk();
    tamper(&path, "UPDATE ticket SET whole = '{}' WHERE id = 2; UPDATE outbox SET template = 'new' WHERE id = 1");
    let mut store = Store::open(&path).unwrap();
    let error = store.batch(|batch| batch.ticket(TicketId(2))).unwrap_err().to_string();
    assert!(error.contains("ticket 2"), "{error}");
    let error = store.reader().outbox_row(OutboxId(1)).unwrap_err().to_string();
    assert!(error.contains("template: new"), "{error}");
    assert!(store.reader().ticket(TicketId(1)).unwrap().is_some());
}

/// Highest number of each kind that was given so far.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    ticket: u64,
    mail: u64,
    outbox: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whoever deletes what, and however often the store is closed in between: a number that was given is gone.
    #[test]
    fn no_number_is_given_twice(steps in prop::collection::vec(0..4_u8, 1..12)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("desk.sqlite");
        let mut given = Given::default();
        let mut store = Store::open(&path).unwrap();
        for (n, step) in (1..).zip(steps) {
            match step {
                0 => tamper(&path, "DELETE FROM event; DELETE FROM thread; DELETE FROM outbox_bytes; DELETE FROM outbox; \
                                    DELETE FROM sighting; DELETE FROM mail_raw; DELETE FROM mail; DELETE FROM known; DELETE FROM ticket"),
                1 => {
                    drop(store);
                    store = Store::open(&path).unwrap();
                }
                _ => {
                    let ticket = open_ticket(&mut store, at(0), n);
                    let mail = store.reader().mail_by_digest(&mail(n).digest).unwrap().unwrap();
                    let rows = store.reader().outbox(&OutboxFilter { state: None, ticket: Some(ticket) }, 9).unwrap();
                    let outbox = rows.iter().map(|line| line.id.0).collect::<Vec<_>>();
                    prop_assert!(ticket.0 > given.ticket && mail.0 > given.mail, "{given:?}");
                    prop_assert!(outbox.iter().all(|id| *id > given.outbox), "{given:?} {outbox:?}");
                    given = Given { ticket: ticket.0, mail: mail.0, outbox: outbox.into_iter().max().unwrap() };
                }
            }
        }
    }
}

#[test]
fn the_first_number_stays_behind_even_when_its_ticket_was_deleted() {
    let (_directory, path) = store_on_disk();
    tamper(&path, "PRAGMA foreign_keys = OFF; DELETE FROM ticket");
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.set_first_ticket(TicketId(1)), Ok(false));
    assert!(matches!(store.reader().check_integrity(), Err(StoreError::Damaged { .. })));
    let late = Decision { ticket: Some(ticket(TicketId(1))), ..decision(Verdict::Append) };
    let kept = store.batch(|batch| keep(batch, at(0), None, &late));
    assert!(matches!(kept, Err(StoreError::Misused { .. })), "{kept:?}");
}

//! Opening the file: identity, pragmas, migrations. Refuses another program's database, a newer schema, and a store
//! whose migrations are not this gateway's, before it changes a byte of it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, params};
use sha2::{Digest, Sha256};

use super::error::{Fault, StoreError};
use super::{known, place};

/// A step of the schema. Its number is its place in the list, from 1.
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    /// What SQL can't do, in the same transaction.
    pub(super) fill: Option<Fill>,
}

type Fill = fn(&Connection) -> Result<(), Fault>;

/// All of them. A step that was released is never edited: a change is a new step.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { name: "the_desk", sql: include_str!("migrations/0001_the_desk.sql"), fill: None },
    Migration { name: "held_mail", sql: include_str!("migrations/0002_held_mail.sql"), fill: None },
    Migration { name: "recognised", sql: include_str!("migrations/0003_recognised.sql"), fill: None },
    Migration { name: "interface", sql: include_str!("migrations/0004_interface.sql"), fill: None },
    Migration { name: "probe", sql: include_str!("migrations/0005_probe.sql"), fill: None },
    Migration { name: "redacted", sql: include_str!("migrations/0006_redacted.sql"), fill: None },
    Migration { name: "due", sql: include_str!("migrations/0007_due.sql"), fill: None },
    Migration { name: "digest", sql: include_str!("migrations/0008_digest.sql"), fill: None },
    Migration { name: "ops", sql: include_str!("migrations/0009_ops.sql"), fill: None },
    Migration { name: "known", sql: include_str!("migrations/0010_known.sql"), fill: Some(known::fill) },
    Migration { name: "operation", sql: include_str!("migrations/0011_operation.sql"), fill: None },
];

/// `GGUS` in the file's header: this is a store of ours.
const APPLICATION_ID: i64 = 0x4747_5553;

/// How long a call waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// Statements kept compiled; more than there are.
const STATEMENTS: usize = 128;

/// The schema that this gateway knows.
pub(super) fn latest() -> u32 {
    number_of(MIGRATIONS)
}

fn number_of(migrations: &[Migration]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

/// Opens for writing; makes the file where there is none, and brings it up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let file = path.display().to_string();
    make_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> Result<Connection, Fault> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(PATIENCE)?;
        Ok(conn)
    };
    let mut conn = open().map_err(|fault| fault.at(&file))?;
    // Asked first: a write-ahead log that can't be written can't be read either, and that would be the wrong complaint.
    if conn.is_readonly(MAIN_DB).map_err(|error| Fault::from(error).at(&file))? {
        return Err(StoreError::ReadOnly { file });
    }
    refuse_foreign(&conn, &file)?;
    prepare_writer(&mut conn, &file)?;
    Ok(conn)
}

/// A store that lives as long as its connection.
pub(super) fn open_memory() -> Result<Connection, StoreError> {
    let file = ":memory:";
    let mut conn = Connection::open_in_memory().map_err(|error| Fault::from(error).at(file))?;
    prepare_writer(&mut conn, file)?;
    Ok(conn)
}

/// Opens for reading only. The file must be there and up to date.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let file = path.display().to_string();
    if !path.exists() {
        return Err(StoreError::NoStore { file });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> Result<Connection, Fault> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(PATIENCE)?;
        Ok(conn)
    };
    let conn = open().map_err(|fault| fault.at(&file))?;
    refuse_foreign(&conn, &file)?;
    common_pragmas(&conn).map_err(|fault| fault.at(&file))?;
    match applied(&conn, &file, MIGRATIONS)? {
        found if found < latest() => Err(StoreError::Older { file, found, known: latest() }),
        _ => Ok(conn),
    }
}

/// The file, readable by its owner only: it holds people's mail. SQLite gives its side files the same rights.
fn make_file(path: &Path) -> Result<(), StoreError> {
    place::directory(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::of_io(path, &error)),
    }
}

fn refuse_foreign(conn: &Connection, file: &str) -> Result<(), StoreError> {
    let ask = || -> Result<bool, Fault> {
        // Both from one state of the file: another process may be making the store just now.
        let at_once = conn.unchecked_transaction()?;
        let id: i64 = at_once.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let tables: i64 = at_once.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(id != APPLICATION_ID && (id != 0 || tables > 0))
    };
    match ask() {
        Ok(true) => Err(StoreError::Foreign { file: file.to_owned() }),
        Ok(false) => Ok(()),
        Err(fault) => Err(fault.at(file)),
    }
}

fn prepare_writer(conn: &mut Connection, file: &str) -> Result<(), StoreError> {
    let pragmas = |conn: &Connection| -> Result<(), Fault> {
        common_pragmas(conn)?;
        let mode = write_ahead(conn)?;
        if mode != "wal" && mode != "memory" {
            return Err(Fault::Misused(format!("its file system allows no write-ahead log, only {mode}")));
        }
        // FULL: what a source was told is kept must outlive a power cut. What is deleted is written over.
        conn.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON;",
        )?;
        Ok(())
    };
    pragmas(conn).map_err(|fault| fault.at(file))?;
    migrate(conn, file, MIGRATIONS)
}

/// Switches to the write-ahead log. The answer is the mode that holds from now on: `memory` for a store without a file.
///
/// Two processes that make the file at the same moment meet here, and SQLite has neither of them wait, so that they do
/// not wait for each other: one asks again.
fn write_ahead(conn: &Connection) -> Result<String, Fault> {
    const PAUSE: Duration = Duration::from_millis(10);
    let ask = || conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        match ask() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => thread::sleep(PAUSE),
            answer => return Ok(answer?),
        }
    }
    Ok(ask()?)
}

fn common_pragmas(conn: &Connection) -> Result<(), Fault> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; \
         PRAGMA cell_size_check = ON;",
    )?;
    Ok(())
}

/// Applies what is missing, all of it in one transaction.
pub(super) fn migrate(conn: &mut Connection, file: &str, migrations: &[Migration]) -> Result<(), StoreError> {
    // Most openings find nothing to do and need no write lock for that.
    if applied(conn, file, migrations)? == number_of(migrations) {
        return Ok(());
    }
    let fault = |error: rusqlite::Error| Fault::from(error).at(file);
    let transaction = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(fault)?;
    // Another process may have been faster.
    let done = applied(&transaction, file, migrations)?;
    for (version, migration) in (1_u32..).zip(migrations).skip(done as usize) {
        apply(&transaction, version, migration).map_err(|fault| fault.at(file))?;
    }
    transaction.commit().map_err(fault)
}

fn apply(conn: &Connection, version: u32, migration: &Migration) -> Result<(), Fault> {
    if version == 1 {
        conn.execute_batch(
            "CREATE TABLE schema_migration (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, \
             sha256 TEXT NOT NULL, applied INTEGER NOT NULL) STRICT;",
        )?;
    }
    conn.execute_batch(migration.sql)?;
    migration.fill.map_or(Ok(()), |fill| fill(conn))?;
    // The one time that the store takes from SQLite's clock: for people who look into the file, never read back.
    conn.execute(
        "INSERT INTO schema_migration (version, name, sha256, applied) VALUES (?1, ?2, ?3, unixepoch() * 1000000)",
        params![version, migration.name, checksum(migration)],
    )?;
    conn.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"))?;
    Ok(())
}

/// How many of the migrations the file has; an error where it has others.
fn applied(conn: &Connection, file: &str, migrations: &[Migration]) -> Result<u32, StoreError> {
    let rows = match read_applied(conn) {
        Ok(rows) => rows,
        Err(fault) => return Err(fault.at(file)),
    };
    let known = number_of(migrations);
    if let Some((found, ..)) = rows.last().filter(|(version, ..)| *version > known) {
        return Err(StoreError::Newer { file: file.to_owned(), found: *found, known });
    }
    for ((version, sum), (number, migration)) in rows.iter().zip((1_u32..).zip(migrations)) {
        if *version != number || *sum != checksum(migration) {
            return Err(StoreError::Edited { file: file.to_owned(), version: *version });
        }
    }
    Ok(number_of(&migrations[..rows.len().min(migrations.len())]))
}

fn read_applied(conn: &Connection) -> Result<Vec<(u32, String)>, Fault> {
    // A query, because `Connection::table_exists` answers out of a schema that may be older than the file.
    let table = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'";
    if !conn.query_row(table, [], |row| row.get::<_, bool>(0))? {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare("SELECT version, sha256 FROM schema_migration ORDER BY version")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Of the text with `\n` line ends, so that a checkout elsewhere has the same.
fn checksum(migration: &Migration) -> String {
    let sum = Sha256::digest(migration.sql.replace("\r\n", "\n").as_bytes());
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Migration =
        Migration { name: "first", sql: "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;", fill: None };
    const SECOND: Migration =
        Migration { name: "second", sql: "CREATE TABLE b (id INTEGER PRIMARY KEY) STRICT;", fill: None };

    fn version(conn: &Connection) -> u32 {
        conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn steps_are_applied_once_and_in_order() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, "x", &[FIRST]).unwrap();
        assert_eq!(version(&conn), 1);
        migrate(&mut conn, "x", &[FIRST, SECOND]).unwrap();
        migrate(&mut conn, "x", &[FIRST, SECOND]).unwrap();
        assert_eq!(version(&conn), 2);
        assert!(conn.table_exists(None, "b").unwrap());
    }

    #[test]
    fn an_older_gateway_refuses_a_newer_store_and_says_what_to_do() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, "x.sqlite", &[FIRST, SECOND]).unwrap();
        let error = migrate(&mut conn, "x.sqlite", &[FIRST]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "store x.sqlite has the newer schema 2, this gateway knows 1; start the newer gateway"
        );
    }

    #[test]
    fn an_edited_step_is_refused_and_another_line_end_is_no_edit() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(
            &mut conn,
            "x",
            &[Migration { name: "first", sql: "CREATE TABLE a\n(id INTEGER) STRICT;", fill: None }],
        )
        .unwrap();
        let other_ends = Migration { name: "first", sql: "CREATE TABLE a\r\n(id INTEGER) STRICT;", fill: None };
        assert_eq!(migrate(&mut conn, "x", &[other_ends]), Ok(()));
        let error = migrate(&mut conn, "x", &[FIRST]).unwrap_err();
        assert!(matches!(error, StoreError::Edited { version: 1, .. }), "{error}");
    }

    #[test]
    fn a_step_that_fails_leaves_the_store_as_it_was() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, "x", &[FIRST]).unwrap();
        let broken =
            Migration { name: "broken", sql: "CREATE TABLE c (id INTEGER) STRICT; CREATE TABLE a (id);", fill: None };
        assert!(migrate(&mut conn, "x", &[FIRST, broken]).is_err());
        assert_eq!(version(&conn), 1);
        assert!(!conn.table_exists(None, "c").unwrap());
        assert_eq!(migrate(&mut conn, "x", &[FIRST, SECOND]), Ok(()));
    }

    #[test]
    fn tickets_of_an_older_store_are_found_by_their_words() {
        use crate::desk::ticket::{Status, Submitter, Ticket, TicketId};
        use crate::mail::Address;
        use crate::mail::language::Language;
        let mut conn = Connection::open_in_memory().unwrap();
        let before = MIGRATIONS.iter().position(|migration| migration.name == "known").unwrap();
        migrate(&mut conn, "x", &MIGRATIONS[..before]).unwrap();
        for (id, status, ending) in
            [(1, Status::Closed, "solved"), (2, Status::Closed, "unsolved"), (3, Status::New, "")]
        {
            let address = Address::parse("anna@lab.example").unwrap();
            let (name, login_name, phone, answers_to) = (None, None, None, None);
            let (thread, language) = (Vec::new(), Language::En);
            let submitter = Submitter { address, answers_to, name, login_name, phone, thread, language };
            let new =
                Ticket::new(TicketId(id), submitter, "Quorum lost".into(), "x".into(), jiff::Timestamp::UNIX_EPOCH);
            let solution = crate::desk::ticket::Solution {
                short: None,
                text: "Arbiter restarted".into(),
                by: "a".into(),
                at: jiff::Timestamp::UNIX_EPOCH,
            };
            let whole = serde_json::to_string(&Ticket { status, solution: Some(solution), ..new }).unwrap();
            let text = "INSERT INTO ticket (id, status, open, kind, priority, submitter, subject, created, changed, whole) \
                        VALUES (?1, ?2, 0, '', '', '', '', 0, 0, ?3)";
            conn.execute(text, params![id as i64, status.words(), whole]).unwrap();
            let event = format!("{{\"event\":\"{ending}\",\"text\":\"x\"}}");
            let text = "INSERT INTO event (ticket, n, at, actor, event) VALUES (?1, 1, 0, '\"desk\"', ?2)";
            conn.execute(text, params![id as i64, event]).unwrap();
        }
        migrate(&mut conn, "x", MIGRATIONS).unwrap();
        let found = |words: &str| -> Vec<i64> {
            let text = "SELECT rowid FROM known_words WHERE known_words MATCH ?1 ORDER BY rowid";
            conn.prepare(text).unwrap().query_map([words], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(found("quorum"), [1, 2, 3]);
        assert_eq!(found("arbiter"), [1]);
    }
}

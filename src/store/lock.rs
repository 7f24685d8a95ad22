//! One gateway for one store: a file beside it that the gateway holds locked. In it the gateway notes how its store
//! fares, for `status`: what is wrong with a store can't be kept in it. The note is written over in place, for which a
//! full disk has room, and is worth nothing once the lock is gone.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::error::StoreError;
use super::place;
use super::rows::{HealthRow, HealthState};

/// Octets of a note, the blanks behind it among them.
const LENGTH: usize = 2_048;

/// Whoever asks whether a gateway runs has the lock for a moment: so often it is tried again.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Held as long as this lives; it goes with the process.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// # Errors
    /// Another gateway holds it, or its file can't be made.
    pub fn take(store: &Path) -> Result<Self, StoreError> {
        place::directory(store)?;
        let path = file_of(store);
        // Not emptied: it may be another gateway's.
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(|error| StoreError::of_io(store, &error))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(StoreError::of_io(store, &error)),
            }
        }
        let shown = path.display();
        Err(StoreError::Refused(format!("{shown} is held by a gateway that runs already; stop that one first")))
    }

    /// Notes how the store fares. A note that can't be written is missing for `status`, which looks for itself too.
    pub fn note(&self, state: HealthState, text: &str, at: Timestamp) {
        let mut note = format!("{} {at} {text}", state.word());
        note.truncate(note.floor_char_boundary(LENGTH));
        let _ = self.file.write_all_at(format!("{note:LENGTH$}").as_bytes(), 0);
    }
}

/// What the gateway that runs has noted about its store; `None` where none runs.
pub fn note(store: &Path) -> Option<HealthRow> {
    let path = file_of(store);
    let held = File::open(&path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
    if !held {
        return None;
    }
    let note = std::fs::read_to_string(path).ok()?;
    let mut words = note.trim().splitn(3, ' ');
    let (state, at) = (HealthState::from_word(words.next()?)?, words.next()?.parse().ok()?);
    Some(HealthRow { part: "gateway".to_owned(), state, text: words.next()?.to_owned(), at, since: at, told: None })
}

fn file_of(store: &Path) -> PathBuf {
    store.with_extension("lock")
}

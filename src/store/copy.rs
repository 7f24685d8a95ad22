//! Copies of a store: taken while the gateway runs, compared before they count, and put back without losing what was
//! there. It never writes over a file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::cells;
use super::error::StoreError;
use super::{Reader, Store};

/// SQLite's files beside a store.
const SIDE_FILES: [&str; 2] = ["-wal", "-shm"];

impl Reader {
    /// Writes the store as it is at this moment into a new file, and reads that file once more from end to end.
    /// Nobody waits meanwhile. The file appears under its name only when it is whole.
    ///
    /// # Errors
    /// A file of that name is there already, or can't be written; the store is damaged.
    pub fn copy_to(&self, target: &Path) -> Result<(), StoreError> {
        refuse_to_write_over(target)?;
        let unfinished = beside(target, ".unfinished");
        let written = self.write_into(&unfinished).and_then(|()| publish(&unfinished, target));
        if written.is_err() {
            // What could not be finished is of no use to anybody.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    fn write_into(&self, file: &Path) -> Result<(), StoreError> {
        let shown = file.display().to_string();
        new_private_file(file).map_err(|error| StoreError::of_io(file, &error))?;
        self.conn().execute("VACUUM INTO ?1", [&shown]).map_err(|error| self.fault(error))?;
        Self::open(file)?.check_integrity()
    }
}

/// Numbers of mails that are passed over in each ticket of a restored store: a Message-ID of ours is made of ticket and
/// number, and must not name a second mail.
const MAILS_SKIPPED: &str =
    "UPDATE ticket SET whole = json_set(whole, '$.mails_sent', json_extract(whole, '$.mails_sent') + 1000)";
const TICKETS_SKIPPED: &str = "UPDATE counter SET next = next + ?1, given = given + ?1 WHERE name = 'ticket'";

/// Puts a copy in the place of a store that no gateway uses. What was in that place is kept under a name that ends in
/// `aside`, which comes back. No number is given again that was given between copy and loss: the next `skipped` of
/// tickets are passed over.
///
/// # Errors
/// The copy is damaged, another program's, or a newer gateway's; then nothing has changed.
pub fn restore(copy: &Path, store: &Path, aside: &str, skipped: u32) -> Result<Option<PathBuf>, StoreError> {
    let unfinished = beside(store, ".unfinished");
    let made = prepare(copy, &unfinished, skipped);
    if made.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    made.map_err(|error| unfit(copy, error))?;
    let kept = put_aside(store, aside).map_err(|error| StoreError::of_io(store, &error))?;
    publish(&unfinished, store)?;
    Ok(kept)
}

/// A copy of the copy, sound, up to date and closed, ready to be renamed.
fn prepare(copy: &Path, unfinished: &Path, skipped: u32) -> Result<(), StoreError> {
    if !copy.exists() {
        return Err(StoreError::NoStore { file: copy.display().to_string() });
    }
    new_private_file(unfinished).map_err(|error| StoreError::of_io(unfinished, &error))?;
    fs::copy(copy, unfinished).map_err(|error| StoreError::of_io(unfinished, &error))?;
    let mut store = Store::open(unfinished)?;
    store.reader().check_integrity()?;
    store.batch(|batch| {
        batch.call(|conn| {
            cells::execute(conn, TICKETS_SKIPPED, [skipped])?;
            cells::execute(conn, MAILS_SKIPPED, []).map(drop)
        })
    })?;
    drop(store);
    Ok(())
}

/// The error about a copy, in the name of the file that was given.
fn unfit(copy: &Path, error: StoreError) -> StoreError {
    let file = copy.display();
    let why = match error {
        StoreError::Damaged { detail, .. } => format!("{file} is damaged ({detail})"),
        StoreError::Foreign { .. } => format!("{file} is another program's database"),
        StoreError::Newer { found, known, .. } => {
            format!("{file} has the newer schema {found}, this gateway knows {known}")
        }
        StoreError::NoStore { .. } => format!("{file} does not exist"),
        // The disk, not the copy, is at fault.
        other => return other,
    };
    StoreError::Refused(format!("{why}, and nothing was changed; name a sound file that `backup` made"))
}

/// Moves a store and its side files out of the way; `None` where there is none.
fn put_aside(store: &Path, aside: &str) -> io::Result<Option<PathBuf>> {
    let kept = beside(store, aside);
    for side in SIDE_FILES {
        let file = beside(store, side);
        if file.exists() {
            fs::rename(file, beside(&kept, side))?;
        }
    }
    if !store.exists() {
        return Ok(None);
    }
    fs::rename(store, &kept)?;
    Ok(Some(kept))
}

/// Gives a finished file its name, so that it outlives a power cut.
fn publish(file: &Path, target: &Path) -> Result<(), StoreError> {
    let named = || -> io::Result<()> {
        File::open(file)?.sync_all()?;
        fs::rename(file, target)?;
        let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    named().map_err(|error| StoreError::of_io(target, &error))
}

fn refuse_to_write_over(target: &Path) -> Result<(), StoreError> {
    match target.exists() {
        true => Err(StoreError::Refused(format!("{} is there already; name a new file", target.display()))),
        false => Ok(()),
    }
}

/// An empty file, readable by its owner only: it will hold people's mail.
fn new_private_file(path: &Path) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

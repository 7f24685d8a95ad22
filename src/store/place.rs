//! Where a store lies: whether its files are still those that were opened, and whether there is room for more.
//!
//! SQLite goes on with files that were moved away or deleted, and what it keeps then may be gone with the process: a
//! writer looks before each transaction.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::copy::beside;
use super::error::StoreError;

/// Octets that [`probe`] writes: a large mail and what follows from it.
const ROOM: usize = 1 << 20;

/// The files of an open store, by what the file system calls them for as long as they live.
#[derive(Debug)]
pub(super) struct Place {
    files: Vec<(PathBuf, (u64, u64))>,
}

impl Place {
    /// Of a store that was opened just now.
    pub(super) fn of(store: &Path) -> Self {
        let files = [store.to_owned(), beside(store, "-wal")];
        Self {
            files: files
                .into_iter()
                .filter_map(|file| Some((identity(&file)?, file)))
                .map(|(id, file)| (file, id))
                .collect(),
        }
    }

    /// The path leads to the same files still.
    pub(super) fn is_the_same(&self) -> bool {
        self.files.iter().all(|(file, id)| identity(file) == Some(*id))
    }
}

fn identity(file: &Path) -> Option<(u64, u64)> {
    fs::metadata(file).ok().map(|found| (found.dev(), found.ino()))
}

/// The directory of a store.
pub(super) fn directory(store: &Path) -> Result<(), StoreError> {
    let parent = store.parent().filter(|parent| !parent.as_os_str().is_empty());
    match parent.filter(|parent| !parent.is_dir()) {
        Some(missing) => Err(StoreError::NoDirectory { directory: missing.display().to_string() }),
        None => Ok(()),
    }
}

/// Whether more could be kept: writes a file beside the store and takes it away again.
///
/// # Errors
/// There is no room, or no right to write.
pub fn probe(store: &Path) -> Result<(), StoreError> {
    directory(store)?;
    let file = beside(store, ".probe");
    let written = write(&file);
    let _ = fs::remove_file(&file);
    written.map_err(|error| StoreError::of_io(store, &error))
}

fn write(file: &Path) -> io::Result<()> {
    let mut file = File::create(file)?;
    file.write_all(&vec![0; ROOM])?;
    file.sync_all()
}

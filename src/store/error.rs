//! What can go wrong with the store, in an operator's words. Every text names the file and ends in what to do.
//!
//! [`Fault`] is the inner half: SQL code fails with it and does not know the file; the public methods add that.

use std::fmt::Display;
use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

/// Why the store could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("store {file} is locked by another process; try again, and if it stays so end the other one")]
    Busy { file: String },
    #[error("store {file} can't be opened ({detail}); check the path and the rights of its directory")]
    CannotOpen { file: String, detail: String },
    #[error("store {file} is damaged ({detail}); stop the gateway, keep a copy of the file and restore a backup")]
    Damaged { file: String, detail: String },
    #[error("store {file} has another migration {version} than this gateway; use the build that made the store")]
    Edited { file: String, version: u32 },
    #[error("store {file} is another program's database; name another file in the configuration")]
    Foreign { file: String },
    #[error("store {file} has no room left on its disk; free some space, until then mail waits at its source")]
    Full { file: String },
    #[error(
        "store {file} was moved, deleted or replaced under the gateway; put it back, or stop the gateway and restore a backup"
    )]
    Gone { file: String },
    #[error("store {file} can't be read or written ({detail}); check its disk and its mount")]
    Io { file: String, detail: String },
    #[error("store {file} refuses what it was asked to keep ({detail}); please report this as a fault of the gateway")]
    Misused { file: String, detail: String },
    #[error("store {file} has the newer schema {found}, this gateway knows {known}; start the newer gateway")]
    Newer { file: String, found: u32, known: u32 },
    #[error(
        "directory {directory} of the store does not exist; mount its disk, create it or name another in the configuration"
    )]
    NoDirectory { directory: String },
    #[error("store {file} does not exist; start the gateway once or name another file in the configuration")]
    NoStore { file: String },
    #[error("{what} does not exist; look at the list for what there is")]
    NotFound { what: String },
    #[error("store {file} has the older schema {found}, this gateway wants {known}; start the gateway to renew it")]
    Older { file: String, found: u32, known: u32 },
    #[error(
        "store {file} is read-only; mount its disk for writing, or let the gateway's user write to the file and to its directory"
    )]
    ReadOnly { file: String },
    /// The row is in a state in which this can't be done. The text says which and what to do.
    #[error("{0}")]
    Refused(String),
    #[error("store {file} undid the transaction and kept nothing of it; try again")]
    Undone { file: String },
}

impl StoreError {
    /// Whether the machine is at fault for now, not the mail: the same call may succeed later, and the mail is to be
    /// left where it lies until then.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::CannotOpen { .. }
                | Self::Full { .. }
                | Self::Gone { .. }
                | Self::Io { .. }
                | Self::ReadOnly { .. }
                | Self::Undone { .. }
        )
    }

    /// Whether the store itself fares well, and only can't do what it was asked to.
    pub fn concerns_one_call(&self) -> bool {
        matches!(self, Self::Misused { .. } | Self::NotFound { .. } | Self::Refused(_))
    }

    /// A failure of the file system.
    pub(super) fn of_io(path: &Path, error: &io::Error) -> Self {
        let file = path.display().to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { file },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { file },
            _ => Self::CannotOpen { file, detail: error.to_string() },
        }
    }
}

/// A failure on the way, before the file is known.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    /// A row holds what this gateway can't read.
    Unreadable(String),
    /// The caller broke a rule of the store.
    Misused(String),
    NotFound(String),
    Refused(String),
    /// The transaction is gone, for nobody knows what.
    Undone,
    /// The transaction is gone since this happened.
    Lost(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    /// A value in the store that can't be read.
    pub(super) fn unreadable(what: impl Display, why: impl Display) -> Self {
        Self::Unreadable(format!("{what}: {why}"))
    }

    /// SQLite found the file damaged.
    pub(super) fn is_damage(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }

    /// The error that the caller sees.
    pub(super) fn at(self, file: &str) -> StoreError {
        let file = file.to_owned();
        match self {
            Self::Sql(error) => of_sqlite(&error, file),
            Self::Unreadable(detail) => StoreError::Damaged { file, detail },
            Self::Misused(detail) => StoreError::Misused { file, detail },
            Self::NotFound(what) => StoreError::NotFound { what },
            Self::Refused(why) => StoreError::Refused(why),
            Self::Undone => StoreError::Undone { file },
            Self::Lost(error) => error,
        }
    }
}

fn of_sqlite(error: &rusqlite::Error, file: String) -> StoreError {
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { file },
        Some(ErrorCode::DiskFull) => StoreError::Full { file },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { file },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StoreError::CannotOpen { file, detail },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged { file, detail },
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport,
        ) => StoreError::Io { file, detail },
        Some(_) => StoreError::Misused { file, detail },
        // A conversion failed: the row does not hold what its schema promises.
        None => StoreError::Damaged { file, detail },
    }
}

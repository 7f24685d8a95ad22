//! `backup` and `restore`: a copy of the store, taken while the gateway runs, and put back when it does not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::table::count;
use super::{Failure, open_reader, print};
use crate::config;
use crate::daemon::clock;
use crate::store::{self, Lock, Reader};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The gateway may run meanwhile. The copy is read from end to end before it gets its name.\n\n    \
    ggus-gateway backup /var/backups/ggus-$(date +%F).sqlite"
)]
pub struct BackupArgs {
    /// A new file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Stop the gateway first. The store that is there now is kept beside the restored one.\n\
    Mail that came after the backup lies where the gateway put it in the mailbox. Move it back to the inbox, or give it to\n\
    ggus-gateway ingest: what the backup knows already is not taken twice.")]
pub struct RestoreArgs {
    /// A file that `backup` made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Ticket numbers to pass over, so that none is given twice that people have seen since the backup
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    skip: u32,
}

pub fn backup(config: &Path, args: &BackupArgs) -> Result<ExitCode, Failure> {
    let (loaded, reader) = open_reader(config)?;
    reader.copy_to(&args.file)?;
    let bytes = std::fs::metadata(&args.file)?.len();
    print(&format!(
        "{}: a sound copy of {}, {}, {} KiB",
        args.file.display(),
        loaded.plant.store.display(),
        contents(&Reader::open(&args.file)?)?,
        bytes.div_ceil(1 << 10)
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub fn restore(config: &Path, args: &RestoreArgs) -> Result<ExitCode, Failure> {
    let loaded = config::load(config)?;
    let path = &loaded.plant.store;
    let _lock = Lock::take(path)?;
    let aside = format!(".before-{}", clock::now().strftime("%Y-%m-%dT%H%M%SZ"));
    let kept = store::restore(&args.file, path, &aside, args.skip)?;
    print(&format!("{}: restored from {}, {}", path.display(), args.file.display(), contents(&Reader::open(path)?)?))?;
    print(&format!("the next {} ticket numbers are passed over", args.skip))?;
    if let Some(kept) = kept {
        print(&format!("what was there is kept as {}", kept.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `12 tickets, 3 of them open`.
pub fn contents(reader: &Reader) -> Result<String, Failure> {
    let counts = reader.counts(clock::now())?;
    let open: u64 = counts.tickets.iter().filter(|(status, _)| status.is_open()).map(|(_, number)| number).sum();
    Ok(format!("{}, {open} of them open", count(counts.tickets.values().sum(), "ticket")))
}

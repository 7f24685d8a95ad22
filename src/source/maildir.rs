//! The Maildir source: an MTA on this host delivers into `new/`; what is kept is moved to `cur/`.
//!
//! It never deletes. A file that can't be read, or is larger than the limit, blocks nobody: it stays and is reported.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{Health, Incoming, Mailroom, Receipt, Stay};
use crate::settings::Problem;

/// `[source.NAME.maildir]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Maildir; its folders are made where they are missing.
    pub path: PathBuf,
    /// How often `new/` is looked at, in milliseconds.
    #[serde(default = "five_seconds")]
    pub poll_ms: u64,
    /// Mails handed over at once.
    #[serde(default = "sixty_four")]
    pub batch: usize,
}

fn five_seconds() -> u64 {
    5_000
}

fn sixty_four() -> usize {
    64
}

impl Settings {
    /// Faults that can be seen without looking at the directory: key, message, hint.
    pub fn problems(&self) -> Vec<Problem> {
        let wrong =
            |key, message: &str, hint: &str| Problem { key, message: message.to_owned(), hint: hint.to_owned() };
        let mut problems = Vec::new();
        if self.poll_ms == 0 {
            problems.push(wrong("poll_ms", "0 would never rest", "write 5000 for five seconds"));
        }
        if self.batch == 0 {
            problems.push(wrong("batch", "0 would take no mail", "write 64"));
        }
        problems
    }
}

/// Takes mail until told to stop, or once.
pub async fn run(name: &str, settings: &Settings, mailroom: &Mailroom, stay: Stay) {
    let part = format!("source {name}");
    loop {
        let report = match take(name, settings, mailroom).await {
            Ok(note) => Health::Well(note),
            Err(why) => Health::Trouble(why),
        };
        mailroom.report(&part, report).await;
        if stay == Stay::Once {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(settings.poll_ms)) => {}
            () = mailroom.stopped() => return,
        }
    }
}

/// Whether the Maildir can be used, in words.
pub async fn probe(settings: &Settings) -> Result<String, String> {
    make_folders(&settings.path)?;
    let waiting = listing(&settings.path)?.len();
    Ok(format!("Maildir {} is there, mails waiting in new/: {waiting}", settings.path.display()))
}

/// Takes all that waits; says how much that was.
async fn take(name: &str, settings: &Settings, mailroom: &Mailroom) -> Result<String, String> {
    make_folders(&settings.path)?;
    let (mut taken, mut left, mut unreadable) = (0, 0, Vec::new());
    for batch in listing(&settings.path)?.chunks(settings.batch) {
        let mut files = Vec::new();
        let mut mails = Vec::new();
        for file in batch {
            match std::fs::read(settings.path.join("new").join(file)) {
                Ok(raw) => {
                    let identity = format!("maildir:{}:{}", settings.path.display(), unique_part(file));
                    mails.push(Incoming::new(name, identity, raw));
                    files.push(file);
                }
                Err(error) => unreadable.push(format!("{file}: {error}")),
            }
        }
        for (file, receipt) in files.iter().zip(mailroom.deliver(mails).await) {
            match receipt {
                Receipt::Kept => {
                    put_away(&settings.path, file)?;
                    taken += 1;
                }
                Receipt::Later(_) => left += 1,
            }
        }
    }
    match (left, unreadable.first()) {
        (0, None) => Ok(format!("mails taken: {taken}")),
        (0, Some(first)) => Err(format!(
            "{} files can't be read, the first is {first}; let the gateway's user read them",
            unreadable.len()
        )),
        _ => Err(format!("{left} mails wait until the store can take them")),
    }
}

fn listing(path: &Path) -> Result<Vec<String>, String> {
    let folder = path.join("new");
    let cannot = |error| format!("{} can't be read ({error}); let the gateway's user read it", folder.display());
    let entries = std::fs::read_dir(&folder).map_err(cannot)?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// The name without the flags that mail programs put behind it.
fn unique_part(file: &str) -> &str {
    file.split(":2,").next().unwrap_or(file)
}

/// `cur/` with the flag S(een): mail programs show it as read.
fn put_away(path: &Path, file: &str) -> Result<(), String> {
    let target = path.join("cur").join(format!("{}:2,S", unique_part(file)));
    std::fs::rename(path.join("new").join(file), &target)
        .map_err(|error| format!("{file} can't be moved to cur/ ({error}); let the gateway's user write there"))
}

fn make_folders(path: &Path) -> Result<(), String> {
    for folder in ["tmp", "new", "cur"] {
        let folder = path.join(folder);
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{} can't be made ({error}); make it or name another", folder.display()))?;
    }
    Ok(())
}

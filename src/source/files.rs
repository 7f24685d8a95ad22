//! Mails in files and on standard input: a single mail, an mbox (RFC 4155), a Maildir, a folder of mails.
//!
//! One mail is in memory at a time, however large the mbox is.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// One mail of a path.
#[derive(Debug)]
pub struct Found {
    /// The file it lay in; `-` for standard input.
    pub path: String,
    /// Its place in the file, from 0.
    pub index: usize,
    pub raw: Vec<u8>,
}

/// All mails of a path, in order. A file that can't be read gives one error and the rest goes on.
pub fn mails(path: &Path) -> Mails {
    let first = if path == Path::new("-") { Entry::Stdin } else { Entry::Path(path.to_owned()) };
    Mails { waiting: VecDeque::from([first]), open: None }
}

/// The mails of a path.
pub struct Mails {
    waiting: VecDeque<Entry>,
    open: Option<Letters>,
}

enum Entry {
    Path(PathBuf),
    Stdin,
}

impl std::fmt::Debug for Mails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mails({} paths waiting)", self.waiting.len())
    }
}

impl Iterator for Mails {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(letters) = &mut self.open {
                match letters.next() {
                    Some(found) => return Some(found),
                    None => self.open = None,
                }
            }
            let opened = match self.waiting.pop_front()? {
                Entry::Stdin => Letters::new("-".to_owned(), Box::new(BufReader::new(io::stdin()))),
                Entry::Path(path) => match self.enter(&path) {
                    Ok(Some(file)) => Letters::new(path.display().to_string(), Box::new(BufReader::new(file))),
                    Ok(None) => continue,
                    Err(error) => return Some(Err(named(&path, &error))),
                },
            };
            match opened {
                Ok(letters) => self.open = Some(letters),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Mails {
    /// A file is opened; of a folder the entries are queued, of a Maildir only `new` and `cur`.
    fn enter(&mut self, path: &Path) -> io::Result<Option<File>> {
        if !path.is_dir() {
            return File::open(path).map(Some);
        }
        let is_maildir = path.join("new").is_dir() && path.join("cur").is_dir();
        let mut entries: Vec<PathBuf> = match is_maildir {
            true => vec![path.join("cur"), path.join("new")],
            false => {
                std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?
            }
        };
        entries.retain(|entry| !entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
        entries.sort();
        entries.into_iter().rev().for_each(|entry| self.waiting.push_front(Entry::Path(entry)));
        Ok(None)
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The mails of one open file.
struct Letters {
    path: String,
    index: usize,
    lines: Box<dyn BufRead>,
    /// The file is an mbox: its next `From ` line was read.
    mbox: bool,
    /// What was read to find out whether it is one.
    start: Vec<u8>,
    done: bool,
}

impl Letters {
    fn new(path: String, mut lines: Box<dyn BufRead>) -> io::Result<Self> {
        let mut start = Vec::new();
        lines.read_until(b'\n', &mut start)?;
        let mbox = start.starts_with(b"From ");
        let done = start.is_empty();
        Ok(Self { path, index: 0, lines, mbox, start, done })
    }

    fn read_one(&mut self) -> io::Result<Vec<u8>> {
        if !self.mbox {
            let mut raw = std::mem::take(&mut self.start);
            self.lines.read_to_end(&mut raw)?;
            self.done = true;
            return Ok(raw);
        }
        self.start.clear();
        let mut raw = Vec::new();
        let mut blank = true;
        loop {
            let mut line = Vec::new();
            if self.lines.read_until(b'\n', &mut line)? == 0 {
                self.done = true;
                break;
            }
            // A mail ends where a `From ` line follows an empty one; the empty line belongs to the mbox.
            if blank && line.starts_with(b"From ") && !raw.is_empty() {
                break;
            }
            blank = matches!(&line[..], b"\n" | b"\r\n");
            raw.extend_from_slice(unescaped(&line));
        }
        Ok(without_last_blank_line(raw))
    }
}

/// `>From ` and `>>From ` lose one mark (mboxrd).
fn unescaped(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|byte| **byte == b'>').count();
    if marks > 0 && line[marks..].starts_with(b"From ") { &line[1..] } else { line }
}

fn without_last_blank_line(mut raw: Vec<u8>) -> Vec<u8> {
    if raw.ends_with(b"\r\n\r\n") {
        raw.truncate(raw.len() - 2);
    } else if raw.ends_with(b"\n\n") {
        raw.truncate(raw.len() - 1);
    }
    raw
}

impl Iterator for Letters {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.read_one() {
            Ok(raw) => {
                let found = Found { path: self.path.clone(), index: self.index, raw };
                self.index += 1;
                Some(Ok(found))
            }
            Err(error) => {
                self.done = true;
                Some(Err(io::Error::new(error.kind(), format!("{}: {error}", self.path))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Vec<(String, usize, String)> {
        let found = mails(path).map(Result::unwrap);
        let name = |path: &str| Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
        found.map(|found| (name(&found.path), found.index, String::from_utf8(found.raw).unwrap())).collect()
    }

    #[test]
    fn an_mbox_is_split_at_from_lines_and_unescaped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        std::fs::write(
            &path,
            "From a@x Mon\nSubject: 1\n\n>From here\nFrom there\n\nFrom b@x Tue\nSubject: 2\n\ntext\n\n",
        )
        .unwrap();
        let seen = read(&path);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].2, "Subject: 1\n\nFrom here\nFrom there\n");
        assert_eq!((seen[1].1, seen[1].2.as_str()), (1, "Subject: 2\n\ntext\n"));
    }

    #[test]
    fn a_maildir_a_folder_and_a_single_mail() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("box/new/1", "A: 1\n\n"),
            ("box/cur/2:2,S", "A: 2\n\n"),
            ("box/tmp/3", "A: 3\n\n"),
            ("one.eml", "A: 4\n\n"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let names = |path: &Path| read(path).into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
        assert_eq!(names(&folder.path().join("box")), ["2:2,S", "1"]);
        assert_eq!(names(folder.path()), ["2:2,S", "1", "one.eml"]);
        assert_eq!(names(&folder.path().join("one.eml")), ["one.eml"]);
        let missing = mails(&folder.path().join("none")).next().unwrap().unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
    }
}

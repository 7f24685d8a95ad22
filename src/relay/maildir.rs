//! The Maildir relay: writes each parcel as a file into a Maildir. For trying things out, and where the mailboxes of
//! the recipients lie on this very machine.
//!
//! This is final delivery (RFC 5321 section 4.4): `Return-Path` and `Delivered-To` go on top, as an MTA would put
//! them. A file is whole or not there: written in `tmp`, synced, renamed into `new`. Its name follows from the
//! Message-ID, so that a repeated delivery replaces itself. It never reads a mail that lies there, and removes none.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Outcome, Parcel, Problem, Trouble};
use crate::mail::Address;

/// Longest name of a recipient's folder, in octets; file systems take 255.
const FOLDER_MAX: usize = 200;

/// The settings of one Maildir relay.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Maildir; made when it is missing.
    pub path: PathBuf,
    /// One Maildir per recipient, as folders below `path`.
    #[serde(default)]
    pub folders: bool,
}

impl Settings {
    /// All faults that can be seen without a look at the disk.
    pub fn problems(&self) -> Vec<Problem> {
        if !self.path.as_os_str().is_empty() {
            return Vec::new();
        }
        let hint = "write the directory that mails go to, such as \"var/sent\"".to_owned();
        vec![Problem { key: "path", message: "the path is empty".to_owned(), hint }]
    }

    /// The Maildir of one recipient.
    pub fn folder_of(&self, recipient: &Address) -> PathBuf {
        if self.folders { self.path.join(folder_name(recipient)) } else { self.path.clone() }
    }
}

/// Writes parcels into a Maildir.
#[derive(Debug)]
pub struct Courier {
    settings: Settings,
    trouble: Option<Trouble>,
}

impl Courier {
    /// A courier that has not looked at the disk yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, trouble: None }
    }

    /// Why the last parcel could not be written; `None` when it was.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Writes one parcel. Either the whole mail is there, durable, or nothing.
    pub async fn deliver(&mut self, parcel: &Parcel) -> Outcome {
        let (folder, parcel) = (self.settings.folder_of(&parcel.recipient), parcel.clone());
        let target = folder.clone();
        match on_disk(move || write(&target, &parcel)).await {
            Ok(path) => {
                self.trouble = None;
                Outcome::Sent(format!("written to {}", path.display()))
            }
            Err(error) => {
                let trouble = trouble(&folder, &error);
                let outcome = Outcome::Transient(trouble.text().to_owned());
                self.trouble = Some(trouble);
                outcome
            }
        }
    }
}

/// Makes the directory and writes and removes an empty file in it.
///
/// # Errors
/// What failed and what to do about it.
pub async fn probe(settings: &Settings) -> Result<String, String> {
    let path = settings.path.clone();
    let tried = on_disk(move || {
        fs::create_dir_all(&path)?;
        let file = path.join(".probe");
        File::create(&file)?;
        fs::remove_file(file)
    });
    match tried.await {
        Ok(()) => Ok(format!("{} can be written", settings.path.display())),
        Err(error) => Err(trouble(&settings.path, &error).text().to_owned()),
    }
}

/// Runs `work`, which waits for the disk, where it holds up nobody.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
}

/// A full disk may be emptied by itself; wrong rights and wrong paths are not mended without a person.
fn trouble(path: &Path, error: &io::Error) -> Trouble {
    let text = format!("cannot write to {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory => {
            Trouble::Blocked(format!("{text}; give it to the gateway's user, or set another path"))
        }
        _ => Trouble::Passing(text),
    }
}

fn write(folder: &Path, parcel: &Parcel) -> io::Result<PathBuf> {
    make(folder)?;
    let name = file_name(parcel);
    if let Some(read) = already_read(&folder.join("cur"), &name)? {
        return Ok(read);
    }
    let (tmp, new) = (folder.join("tmp").join(&name), folder.join("new").join(&name));
    let mut file = File::create(&tmp)?;
    file.write_all(&delivered(parcel))?;
    file.sync_all()?;
    fs::rename(&tmp, &new)?;
    File::open(folder.join("new"))?.sync_all()?;
    Ok(new)
}

/// Makes the Maildir where there is none. Its name in the directory above must survive a crash as well.
fn make(folder: &Path) -> io::Result<()> {
    let missing = !folder.join("new").is_dir();
    for part in ["tmp", "cur", "new"] {
        fs::create_dir_all(folder.join(part))?;
    }
    if missing {
        File::open(folder)?.sync_all()?;
        // A path such as `mail` has the empty path above it: the current directory, which is older than we are.
        if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            File::open(above)?.sync_all()?;
        }
    }
    Ok(())
}

/// The mail where a reader has already moved it on, under its name with flags behind a colon.
fn already_read(cur: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(cur)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().split(':').next() == Some(name) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// The file's content: the envelope on top, then the mail with the line ends of this host.
fn delivered(parcel: &Parcel) -> Vec<u8> {
    let sender = parcel.sender.as_ref().map_or("", Address::as_str);
    let mut content = format!("Return-Path: <{sender}>\nDelivered-To: {}\n", parcel.recipient).into_bytes();
    content.reserve(parcel.bytes.len());
    for line in parcel.bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => content.extend(line.iter().chain(b"\n")),
            None => content.extend(line),
        }
    }
    content
}

/// The same for the same mail to the same recipient, whenever it is written.
fn file_name(parcel: &Parcel) -> String {
    let mut hash = Sha256::new();
    hash.update(message_id(&parcel.bytes).unwrap_or(&parcel.bytes));
    hash.update([0]);
    hash.update(parcel.recipient.key());
    format!("{}.ggus", hex(&hash.finalize()[..16]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first `Message-ID` of the header, from `<` to `>`; our own mails do not fold it away from its name.
fn message_id(mail: &[u8]) -> Option<&[u8]> {
    let header = mail.split(|byte| *byte == b'\n').take_while(|line| !matches!(line, [] | [b'\r']));
    let value = header.filter_map(|line| {
        let (name, value) = line.split_at_checked("Message-ID:".len())?;
        name.eq_ignore_ascii_case(b"Message-ID:").then_some(value)
    });
    let value = value.into_iter().next()?;
    let start = value.iter().position(|byte| *byte == b'<')?;
    let length = value[start..].iter().position(|byte| *byte == b'>')?;
    Some(&value[start..=start + length])
}

/// The recipient as one safe name: lower case, every octet that could mean something to a path as `%XX`.
fn folder_name(recipient: &Address) -> String {
    let key = recipient.key();
    let mut name = String::new();
    for (at, byte) in key.bytes().enumerate() {
        match byte {
            b'.' if at > 0 => name.push('.'),
            b'a'..=b'z' | b'0'..=b'9' | b'@' | b'_' | b'-' | b'+' | b'=' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.len() > FOLDER_MAX {
        name.truncate(FOLDER_MAX);
        name = format!("{name}-{}", hex(&Sha256::digest(&key)[..8]));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] = b"Subject: hi\r\nMessage-ID: <1@desk.example>\r\n\r\nbody\r\n";

    fn parcel(recipient: &str) -> Parcel {
        let sender = Address::parse("desk+1@desk.example");
        Parcel { sender, recipient: Address::parse(recipient).unwrap(), bytes: MAIL.to_vec() }
    }

    fn courier(path: &Path, folders: bool) -> Courier {
        Courier::new(Settings { path: path.to_owned(), folders })
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_mail_lies_in_new_with_its_envelope_on_top() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = courier(folder.path(), false).deliver(&parcel("anna@site.example")).await;
        let [name] = names(&folder.path().join("new")).try_into().unwrap();
        let path = folder.path().join("new").join(name);
        assert_eq!(outcome, Outcome::Sent(format!("written to {}", path.display())));
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "Return-Path: <desk+1@desk.example>\nDelivered-To: anna@site.example\nSubject: hi\n\
             Message-ID: <1@desk.example>\n\nbody\n"
        );
        assert!(names(&folder.path().join("tmp")).is_empty());
    }

    #[tokio::test]
    async fn a_repeated_delivery_replaces_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut courier = courier(folder.path(), false);
        let [first, second] =
            [courier.deliver(&parcel("a@x.example")).await, courier.deliver(&parcel("a@x.example")).await];
        assert_eq!(first, second);
        assert_eq!(names(&folder.path().join("new")).len(), 1);
        courier.deliver(&parcel("b@x.example")).await;
        assert_eq!(names(&folder.path().join("new")).len(), 2);
    }

    #[tokio::test]
    async fn a_mail_that_was_read_meanwhile_does_not_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut courier = courier(folder.path(), false);
        courier.deliver(&parcel("a@x.example")).await;
        let [name] = names(&folder.path().join("new")).try_into().unwrap();
        let read = folder.path().join("cur").join(format!("{name}:2,S"));
        fs::rename(folder.path().join("new").join(&name), &read).unwrap();
        let outcome = courier.deliver(&parcel("a@x.example")).await;
        assert_eq!(outcome, Outcome::Sent(format!("written to {}", read.display())));
        assert!(names(&folder.path().join("new")).is_empty());
    }

    #[tokio::test]
    async fn each_recipient_has_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut courier = courier(folder.path(), true);
        for recipient in ["Anna@Site.example", "../../etc/passwd@x", ".hidden@x", "j\u{f6}rg@x"] {
            assert!(matches!(courier.deliver(&parcel(recipient)).await, Outcome::Sent(_)), "{recipient}");
        }
        assert_eq!(
            names(folder.path()),
            ["%2E.%2F..%2Fetc%2Fpasswd@x", "%2Ehidden@x", "anna@site.example", "j%C3%B6rg@x"]
        );
        assert_eq!(names(&folder.path().join("anna@site.example")), ["cur", "new", "tmp"]);
    }

    #[test]
    fn a_long_address_still_has_a_name_of_its_own() {
        let name = |tail: char| folder_name(&Address::parse(&format!("{}{tail}@x", "\u{f6}".repeat(200))).unwrap());
        assert!(name('a').len() < 255 && name('a') != name('b'));
    }

    #[tokio::test]
    async fn a_path_that_cannot_be_written_waits_for_a_person() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let mut courier = courier(&file, false);
        assert!(matches!(courier.deliver(&parcel("a@x.example")).await, Outcome::Transient(_)));
        assert!(matches!(courier.trouble(), Some(Trouble::Blocked(text)) if text.ends_with("set another path")));
        let settings = Settings { path: file, folders: false };
        assert!(probe(&settings).await.unwrap_err().starts_with("cannot write to"));
    }

    #[tokio::test]
    async fn a_probe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { path: folder.path().join("out"), folders: true };
        assert!(probe(&settings).await.unwrap().ends_with("out can be written"));
        assert!(names(&settings.path).is_empty());
    }

    #[test]
    fn the_message_id_is_found_in_the_header_only() {
        assert_eq!(message_id(MAIL), Some(b"<1@desk.example>".as_slice()));
        assert_eq!(message_id(b"message-id:<a@b>\n\n"), Some(b"<a@b>".as_slice()));
        assert_eq!(message_id(b"Subject: x\r\n\r\nMessage-ID: <2@x>\r\n"), None);
        assert_eq!(message_id(b"Message-ID: none\r\n\r\n"), None);
        assert_eq!(message_id(b""), None);
    }
}

//! The real program on real disks that fail, between a real Postfix and a real Dovecot: full, read-only, gone, damaged, or
//! with a newer gateway's store on them. Whatever it is, mail waits in the mailbox, a person is told what to do, and
//! when that is done the mail is taken.
//!
//! Full and read-only disks are file systems of their own, for which the tests must be allowed to mount. Where they are
//! not, they say so, and what remains is the limit on the size of files, which every machine has.

mod servers;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use jiff::Timestamp;
use rusqlite::Connection;
use servers::desk::{PROGRAM, World, header};
use servers::{PATIENCE, until};

/// A file system of its own; unmounted when dropped.
struct Disk {
    folder: tempfile::TempDir,
    source: String,
    options: &'static str,
}

impl Disk {
    /// In memory, with room for 8 MiB.
    fn small() -> Option<Self> {
        Self { folder: tempfile::tempdir().unwrap(), source: "tmpfs".to_owned(), options: "size=8m" }.mounted()
    }

    /// In a file, made by ext4 on a loop device; the kernel stops writing to it when it finds an error.
    fn in_file(image: &Path) -> Option<Self> {
        File::create(image).unwrap().set_len(32 << 20).unwrap();
        assert!(Command::new("mkfs.ext4").arg("-q").arg(image).status().is_ok_and(|done| done.success()));
        let source = image.display().to_string();
        Self { folder: tempfile::tempdir().unwrap(), source, options: "loop,errors=remount-ro" }.mounted()
    }

    fn mounted(self) -> Option<Self> {
        let kind = if self.source == "tmpfs" { "tmpfs" } else { "ext4" };
        let done =
            Command::new("mount").args(["-t", kind, "-o", self.options, &self.source]).arg(self.path("")).output();
        match done {
            Ok(done) if done.status.success() => Some(self),
            failed => {
                // Past what the test harness hides of tests that pass.
                let name = std::thread::current().name().unwrap_or_default().to_owned();
                let _ = writeln!(std::io::stderr(), "NOT TRIED: {name}: no {kind} can be mounted here: {failed:?}");
                None
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn unmount(&self) {
        let done = Command::new("umount").arg(self.folder.path()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).output();
    }
}

fn send(world: &World, n: usize, more: &str) {
    let mail = format!(
        "From: anna@example.test\nTo: gw@example.test\nSubject: trouble {n}\nMessage-ID: <{n}@anna.test>\n\n\
         SITE: INFN-T1\n\nText {n}.\n{more}"
    );
    world.send("anna@example.test", "gw@example.test", &mail);
}

/// A text that needs some pages of a store.
fn long() -> String {
    "Nothing works, and this is the whole log of it.\n".repeat(4_000)
}

/// Texts of the tickets' subjects, the oldest first.
fn tickets(world: &World) -> Vec<String> {
    let tickets = world.json(&["ticket", "list"]);
    let subjects = tickets.as_array().unwrap().iter().map(|ticket| ticket["subject"].as_str().unwrap().to_owned());
    subjects.rev().collect()
}

fn inbox(world: &World) -> usize {
    world.dovecot.mails("gw", "INBOX").len()
}

/// The desk has taken a mail, and has nothing more to do.
fn takes_the_first(world: &World) {
    send(world, 1, "");
    world.mails("anna", 1);
    world.mails("roc", 1);
    until("the outbox is settled", || world.json(&["status"])["counts"]["outbox"]["sent"]["count"] == 2);
}

/// The second mail waits in the mailbox, and people are told why: by the log and by `status`.
fn waits(world: &World, logged: &str, shown: &str) {
    until("the mail is there", || inbox(world) == 1);
    until(logged, || world.log().contains(logged));
    until(shown, || told(&world.command(&["status"])).contains(shown));
    assert_eq!(inbox(world), 1);
}

/// The second mail was taken by itself, and each of two is one ticket and one mail to each side.
fn goes_on(world: &World) {
    until("the inbox is empty", || inbox(world) == 0);
    until("all is well", || world.json(&["status"])["well"] == true);
    assert_eq!(tickets(world), ["trouble 1", "trouble 2"]);
    for user in ["anna", "roc"] {
        let mails = world.mails(user, 2);
        let ids: std::collections::BTreeSet<&str> = mails.iter().map(|mail| header(mail, "Message-ID")).collect();
        assert_eq!(ids.len(), 2, "{user}: {mails:#?}");
    }
}

fn told(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// A command that must end with this code and this last line.
fn fails(done: &Output, code: i32, line: &str) {
    assert_eq!((done.status.code(), told(done).lines().last().unwrap_or_default()), (Some(code), line), "{done:?}");
}

fn ingest(world: &World, mail: &str) -> Output {
    let mut ingest = Command::new(PROGRAM);
    ingest.arg("--config").arg(world.path("gateway.toml")).args(["ingest", "-"]);
    let mut child = ingest.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that has given up already hears no more.
    let _ = child.stdin.take().unwrap().write_all(mail.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_full_disk_is_waited_for() {
    let Some(disk) = Disk::small() else { return };
    let store = disk.path("desk.sqlite");
    let mut world = World::with_store(&store);
    world.run();
    takes_the_first(&world);
    let mut ballast = File::create(disk.path("ballast")).unwrap();
    while ballast.write_all(&[0; 4096]).is_ok() {}
    drop(ballast);
    let full = format!(
        "store {} has no room left on its disk; free some space, until then mail waits at its source",
        store.display()
    );
    send(&world, 2, &long());
    waits(&world, &full, &full);
    fails(&ingest(&world, &format!("From: a@b.example\nSubject: more\n\n{}", long())), 75, &full);
    fs::remove_file(disk.path("ballast")).unwrap();
    goes_on(&world);
    // Told once, not at every try.
    assert_eq!(world.log().matches(&format!("ERROR {full}")).count(), 1, "{}", world.log());
    assert!(world.log().contains("the store is well: mail is kept again"));
}

#[test]
fn a_limit_on_the_size_of_files_is_waited_for() {
    let mut world = World::build();
    // The kernel's signal would end the program; whoever sets such a limit ignores it, as here.
    world.run_under(&["bash", "-c", "trap '' XFSZ; exec \"$@\"", "bash"]);
    takes_the_first(&world);
    let limit = |octets: &str| {
        let pid = world.gateway.as_ref().unwrap().id().to_string();
        let done =
            Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={octets}:unlimited")]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    limit("65536");
    send(&world, 2, &long());
    let broken = format!(
        "store {} can't be read or written (disk I/O error); check its disk and its mount",
        world.path("desk.sqlite").display()
    );
    waits(&world, &broken, &broken);
    limit("unlimited");
    goes_on(&world);
}

#[test]
fn a_disk_that_the_kernel_made_read_only_keeps_the_mail_waiting() {
    let image = tempfile::NamedTempFile::new().unwrap();
    let Some(disk) = Disk::in_file(image.path()) else { return };
    let store = disk.path("desk.sqlite");
    let mut world = World::with_store(&store);
    world.run();
    takes_the_first(&world);
    let device = Command::new("findmnt").args(["-no", "SOURCE"]).arg(disk.path("")).output().unwrap().stdout;
    let device = String::from_utf8(device).unwrap().trim().replace("/dev/", "");
    fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "a test").unwrap();
    let read_only = format!(
        "store {} is read-only; mount its disk for writing, or let the gateway's user write to the file and to its directory",
        store.display()
    );
    send(&world, 2, "");
    waits(&world, "can't be read or written (disk I/O error); check its disk and its mount", &read_only);
    // The kernel gives the disk back only when nobody has it open: stop, mend, start.
    world.signal("-TERM");
    fails(&world.command(&["run"]), 75, &read_only);
    assert_eq!(inbox(&world), 1);
    disk.unmount();
    let disk = disk.mounted().unwrap();
    world.run();
    goes_on(&world);
    world.signal("-TERM");
    drop(disk);
}

#[test]
fn a_directory_that_is_missing_is_not_made_and_one_that_was_moved_is_waited_for() {
    let mut world = World::with_store("var/desk.sqlite");
    let var = world.path("var");
    let missing = format!(
        "directory {} of the store does not exist; mount its disk, create it or name another in the configuration",
        var.display()
    );
    fails(&world.command(&["run"]), 78, &missing);
    fails(&ingest(&world, "From: a@b.example\nSubject: more\n\nMore.\n"), 75, &missing);
    assert!(!var.exists());
    fs::create_dir(&var).unwrap();
    world.run();
    takes_the_first(&world);
    fs::rename(&var, world.path("elsewhere")).unwrap();
    send(&world, 2, "");
    let gone = format!(
        "store {0} was moved, deleted or replaced under the gateway; put it back, or stop the gateway and restore a backup",
        var.join("desk.sqlite").display()
    );
    waits(&world, &gone, &format!("store {} does not exist", var.join("desk.sqlite").display()));
    fs::rename(world.path("elsewhere"), &var).unwrap();
    goes_on(&world);
}

/// A disk on which nothing is written until this is dropped: a write waits in the kernel.
struct Frozen<'a>(&'a Disk);

impl Frozen<'_> {
    fn new(disk: &Disk) -> Frozen<'_> {
        assert!(Command::new("fsfreeze").arg("--freeze").arg(disk.path("")).status().unwrap().success());
        Frozen(disk)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("--unfreeze").arg(self.0.path("")).status();
    }
}

#[test]
fn a_worker_that_is_stuck_is_not_vouched_for() {
    let image = tempfile::NamedTempFile::new().unwrap();
    let Some(disk) = Disk::in_file(image.path()) else { return };
    let mut world = World::with_store(disk.path("desk.sqlite"));
    let socket = UnixDatagram::bind(world.path("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut buffer = [0; 1_000];
        socket.recv(&mut buffer).map(|length| String::from_utf8_lossy(&buffer[..length]).into_owned())
    };
    let vouched = || while heard().unwrap().trim() != "WATCHDOG=1" {};
    let manager = format!("NOTIFY_SOCKET={}", world.path("notify").display());
    world.run_under(&["env", &manager, "WATCHDOG_USEC=600000"]);
    takes_the_first(&world);
    vouched();
    let frozen = Frozen::new(&disk);
    send(&world, 2, "");
    until("it is stuck", || world.log().contains("ERROR the worker does not answer"));
    socket.set_nonblocking(true).unwrap();
    while heard().is_ok() {}
    assert!(heard().is_err());
    socket.set_nonblocking(false).unwrap();
    drop(frozen);
    vouched();
    goes_on(&world);
}

#[test]
fn a_newer_gateways_store_is_left_alone() {
    let mut world = World::build();
    world.run();
    takes_the_first(&world);
    let store = world.path("desk.sqlite");
    let renew = |version: u32| {
        let other = Connection::open(&store).unwrap();
        other.execute("DELETE FROM schema_migration WHERE version = 99", []).unwrap();
        if version == 99 {
            other.execute("INSERT INTO schema_migration VALUES (99, 'later', 'x', 0)", []).unwrap();
        }
        other.pragma_update(None, "user_version", version).unwrap();
    };
    let known: u32 =
        Connection::open(&store).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let newer = format!(
        "store {} has the newer schema 99, this gateway knows {known}; start the newer gateway",
        store.display()
    );
    // Under the gateway that runs: it writes no more, and goes on when the newer one was taken back.
    renew(99);
    send(&world, 2, "");
    waits(&world, &newer, &newer);
    fails(&world.command(&["status"]), 78, &newer);
    renew(known);
    goes_on(&world);
    world.signal("-TERM");
    renew(99);
    send(&world, 3, "");
    until("the mail is there", || inbox(&world) == 1);
    let before = fs::read(&store).unwrap();
    fails(&world.command(&["run"]), 78, &newer);
    assert!(fs::read(&store).unwrap() == before && inbox(&world) == 1);
}

fn time(value: &serde_json::Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}

/// An SMTP server that takes every mail: the first after a word of the test. Tells each.
fn slow_server() -> (u16, Receiver<()>, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ((heard, mails), (word, cue)) = (channel(), channel());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            write!(stream, "220 mx.example\r\n").unwrap();
            while let Some(Ok(line)) = lines.next() {
                if line == "DATA" {
                    write!(stream, "354 go on\r\n").unwrap();
                    lines.find(|line| line.as_ref().is_ok_and(|line| line == ".")).unwrap().unwrap();
                    heard.send(()).unwrap();
                    // Later mails are not waited with: the word was given and nobody is there to give another.
                    let _: Result<(), _> = cue.recv();
                }
                write!(stream, "250 fine\r\n").unwrap();
            }
        }
    });
    (port, mails, word)
}

#[test]
fn an_answer_that_could_not_be_kept_makes_no_mail_go_out_again() {
    let (port, mails, word) = slow_server();
    let mut world = World::build();
    let config = fs::read_to_string(world.path("gateway.toml")).unwrap();
    let config = config.replace(&format!("port = {}", world.postfix.smtp), &format!("port = {port}"));
    fs::write(world.path("gateway.toml"), config.replace("lease = \"5s\"", "lease = \"1s\"")).unwrap();
    world.run();
    send(&world, 1, "");
    mails.recv_timeout(PATIENCE).unwrap();
    let lease_ends =
        world.json(&["outbox", "list"]).as_array().unwrap().iter().map(|row| time(&row["due"])).max().unwrap();
    let (store, away) = (world.path("desk.sqlite"), world.path("away.sqlite"));
    fs::rename(&store, &away).unwrap();
    drop(word);
    mails.recv_timeout(PATIENCE).unwrap();
    // By the store, both would go out again from here on.
    until("the leases are over", || Timestamp::now() > lease_ends);
    fs::rename(&away, &store).unwrap();
    until("both are sent", || world.json(&["status"])["counts"]["outbox"]["sent"]["count"] == 2);
    assert!(mails.try_recv().is_err(), "a third mail went out");
}

#[test]
fn a_damaged_store_is_written_no_more_and_a_backup_goes_on() {
    let mut world = World::build();
    world.run();
    takes_the_first(&world);
    let (store, backup) = (world.path("desk.sqlite"), world.path("backup.sqlite"));
    let done = world.command(&["backup", backup.to_str().unwrap()]);
    assert!(done.status.success(), "{done:?}");
    world.signal("-TERM");
    // A page that is read only when a mail is taken.
    let index = "SELECT rootpage FROM sqlite_schema WHERE name = 'mail_fingerprint'";
    let page: u32 = Connection::open(&store).unwrap().query_row(index, [], |row| row.get(0)).unwrap();
    let file = File::options().write(true).open(&store).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0x5a; 4096], u64::from(page - 1) * 4096).unwrap();
    world.run();
    send(&world, 2, "");
    let damaged = format!("store {} is damaged (", store.display());
    waits(&world, &damaged, &damaged);
    let status = world.json(&["status"]);
    let told = status["troubles"][0].as_str().unwrap().strip_prefix("gateway: ").unwrap();
    assert!(told.ends_with("); stop the gateway, keep a copy of the file and restore a backup"), "{status}");
    fails(&world.command(&["check", "--store"]), 78, told);
    let written = || ["", "-wal"].map(|side| fs::read(store.with_extension(format!("sqlite{side}"))).unwrap());
    let before = written();
    send(&world, 3, "");
    until("it is there", || inbox(&world) == 2);
    assert!(written() == before, "the store was written to");
    world.signal("-TERM");
    let done = world.command(&["restore", backup.to_str().unwrap()]);
    assert!(done.status.success(), "{done:?}");
    world.run();
    until("the inbox is empty", || inbox(&world) == 0);
    assert_eq!(tickets(&world).len(), 3);
    assert_eq!(world.json(&["status"])["well"], true);
}

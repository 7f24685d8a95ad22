//! Reading the configuration again while the real program runs: all of it or nothing, told to whoever asked, and no mail
//! lost or doubled by it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");
const PATIENCE: Duration = Duration::from_secs(60);

/// A desk between Maildirs that runs until it is dropped.
struct Desk {
    folder: tempfile::TempDir,
    daemon: Child,
}

impl Desk {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        assert!(Command::new(PROGRAM).arg("init").arg(&config).output().unwrap().status.success());
        let gateway = fs::read_to_string(config.join("gateway.toml")).unwrap();
        fs::write(config.join("gateway.toml"), gateway.replace("# poll_ms = 5000", "poll_ms = 20")).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(config.join("gateway.toml")).arg("run");
        let daemon = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let desk = Self { folder, daemon };
        desk.until("the desk is open", || desk.path("var/desk.socket").exists());
        desk.until("it knows its source", || desk.said(&["status"]).contains("source support"));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM).arg("--config").arg(self.path("config/gateway.toml")).args(arguments).output().unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !so() {
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Replaces a text in a file of the configuration; it must be there.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path("config").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    fn post(&self, maildir: &str, n: usize, site: &str) {
        let mail = format!(
            "From: user{n}@uni.example\nTo: support@ggus.example\nSubject: trouble {n}\nMessage-ID: <{n}@uni.example>\n\n\
             SITE: {site}\n\nText {n}.\n"
        );
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(self.path(maildir).join(folder)).unwrap();
        }
        let (tmp, new) = (self.path(&format!("{maildir}/tmp/{n}")), self.path(&format!("{maildir}/new/{n}")));
        fs::write(&tmp, mail).unwrap();
        fs::rename(tmp, new).unwrap();
    }

    fn tickets(&self) -> Vec<serde_json::Value> {
        serde_json::from_slice(&self.run(&["ticket", "list", "--json"]).stdout).unwrap_or_default()
    }

    fn unit_of(&self, subject: &str) -> Option<String> {
        let tickets = self.tickets();
        let ticket = tickets.iter().find(|ticket| ticket["subject"] == subject)?;
        Some(ticket["unit"].as_str()?.to_owned())
    }

    /// Mails that went out to an address.
    fn sent_to(&self, address: &str) -> usize {
        let outgoing = self.path("var/outgoing");
        let folders = fs::read_dir(outgoing).into_iter().flatten().map(|entry| entry.unwrap().path());
        let to =
            folders.filter(|folder| folder.file_name().is_some_and(|name| name.to_string_lossy().contains(address)));
        to.map(|folder| fs::read_dir(folder.join("new")).map_or(0, Iterator::count)).sum()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

const NEW_UNIT: &str = "\n[unit.ROC_New]\naddress = \"support@roc-new.example\"\nsites = [\"NEW-SITE\"]\n";

#[test]
fn a_good_file_is_taken_over_and_what_changed_is_told() {
    let desk = Desk::start();
    desk.post("var/incoming", 1, "NEW-SITE");
    desk.until("a ticket", || desk.unit_of("trouble 1").is_some());
    assert_eq!(desk.unit_of("trouble 1").unwrap(), "TPM");
    let routing = fs::read_to_string(desk.path("config/routing.toml")).unwrap();
    fs::write(desk.path("config/routing.toml"), routing + NEW_UNIT).unwrap();
    desk.edit("gateway.toml", "# copies = 20", "copies = 7");
    let done = desk.run(&["reload"]);
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{told} {}", desk.log());
    assert!(told.contains("  limits: copies is now 7\n") && told.contains("  unit ROC_New: new\n"), "{told}");
    assert_eq!(told.matches("\n  ").count(), 2, "{told}");
    // Whoever hears that it is done may rely on it.
    desk.post("var/incoming", 2, "NEW-SITE");
    desk.until("a second ticket", || desk.unit_of("trouble 2").is_some());
    assert_eq!(desk.unit_of("trouble 2").unwrap(), "ROC_New");
    assert!(desk.said(&["reload"]).contains("nothing in it has changed"));
}

#[test]
fn a_bad_file_changes_nothing_and_all_of_its_problems_are_told() {
    let desk = Desk::start();
    let routing = fs::read_to_string(desk.path("config/routing.toml")).unwrap();
    fs::write(desk.path("config/routing.toml"), format!("{routing}{NEW_UNIT}trust = \"adress\"\n")).unwrap();
    desk.edit("gateway.toml", "# copies = 20", "copiez = 7");
    let done = desk.run(&["reload"]);
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(78), "{told}");
    for words in ["unit.ROC_New.trust", "limits.copiez", "did you mean \"address\"?", "Nothing was changed"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // Commands read the bad file too; what goes out tells where the ticket went.
    desk.post("var/incoming", 1, "NEW-SITE");
    desk.until("a dispatch", || desk.sent_to("tpm@ggus.example") + desk.sent_to("roc-new.example") == 1);
    assert_eq!(desk.sent_to("tpm@ggus.example"), 1);
}

#[test]
fn what_needs_a_restart_is_refused_together_with_everything_else() {
    let desk = Desk::start();
    let routing = fs::read_to_string(desk.path("config/routing.toml")).unwrap();
    fs::write(desk.path("config/routing.toml"), routing + NEW_UNIT).unwrap();
    desk.edit("gateway.toml", "# format = \"text\"", "format = \"json\"");
    let done = desk.run(&["reload"]);
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(78), "{told}");
    assert!(
        told.contains("log.format can't be changed while the gateway runs") && told.contains("Nothing was changed"),
        "{told}"
    );
    desk.post("var/incoming", 1, "NEW-SITE");
    desk.until("a ticket", || desk.unit_of("trouble 1").is_some());
    assert_eq!(desk.unit_of("trouble 1").unwrap(), "TPM");
}

#[test]
fn a_signal_does_the_same_and_the_log_tells_what_came_of_it() {
    let desk = Desk::start();
    let hang_up = || {
        let pid = desk.daemon.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    desk.edit("gateway.toml", "# copies = 20", "copiez = 7");
    hang_up();
    desk.until("the problem is in the log", || desk.log().contains("limits.copiez: unknown key"));
    desk.until("it says that nothing was changed", || desk.log().contains("nothing was changed"));
    desk.edit("gateway.toml", "copiez = 7", "copies = 7");
    hang_up();
    desk.until("the change is in the log", || desk.log().contains("changed: limits: copies is now 7"));
    // The level of the log itself.
    desk.edit("gateway.toml", "# level = \"info\"", "level = \"error\"");
    assert!(desk.run(&["reload"]).status.success());
    let length = desk.log().len();
    desk.post("var/incoming", 1, "INFN-T1");
    desk.until("a ticket", || desk.unit_of("trouble 1").is_some());
    assert_eq!(desk.log().len(), length, "{}", desk.log());
}

#[test]
fn a_source_that_is_taken_out_takes_no_more_and_a_new_one_begins() {
    let desk = Desk::start();
    desk.edit(
        "gateway.toml",
        "[source.support.maildir]\npath = \"../var/incoming\"",
        "[source.other.maildir]\npath = \"../var/other\"",
    );
    let told = desk.said(&["reload"]);
    assert!(told.contains("source other: new") && told.contains("source support: gone"), "{told}");
    desk.post("var/incoming", 1, "INFN-T1");
    desk.post("var/other", 2, "INFN-T1");
    desk.until("a ticket", || desk.unit_of("trouble 2").is_some());
    assert!(desk.path("var/incoming/new/1").exists());
    assert_eq!(desk.tickets().len(), 1);
    desk.until("status tells of the new one", || desk.said(&["status"]).contains("source other"));
    assert!(!desk.said(&["status"]).contains("source support"), "{}", desk.said(&["status"]));
}

#[test]
fn no_mail_is_lost_or_doubled_however_often_it_is_read_again() {
    const MAILS: usize = 200;
    let desk = Desk::start();
    for n in 0..MAILS {
        desk.post("var/incoming", n, "INFN-T1");
        if n % 10 == 0 {
            // Source and relay are exchanged each time.
            let (from, to) = if n % 20 == 0 { ("# batch = 64", "batch = 3") } else { ("batch = 3", "# batch = 64") };
            desk.edit("gateway.toml", from, to);
            let (from, to) =
                if n % 20 == 0 { ("var/outgoing", "var/./outgoing") } else { ("var/./outgoing", "var/outgoing") };
            desk.edit("gateway.toml", from, to);
            let done = desk.run(&["reload"]);
            assert!(done.status.success(), "{done:?}");
        }
    }
    let count = |arguments: &[&str]| -> usize {
        let all: Vec<serde_json::Value> = serde_json::from_slice(&desk.run(arguments).stdout).unwrap_or_default();
        all.len()
    };
    desk.until("every mail is a ticket", || count(&["ticket", "list", "--most", "1000", "--json"]) >= MAILS);
    desk.until("everything has gone out", || desk.sent_to("roc-italy") + desk.sent_to("uni.example") >= 2 * MAILS);
    desk.until("the outbox is settled", || count(&["outbox", "list", "--state", "ready", "--json"]) == 0);
    assert_eq!(count(&["ticket", "list", "--most", "1000", "--json"]), MAILS);
    for n in 0..MAILS {
        assert_eq!(desk.sent_to(&format!("user{n}@")), 1, "user{n}");
    }
    assert_eq!(desk.sent_to("roc-italy"), MAILS);
}

#[test]
fn without_a_gateway_that_runs_the_command_says_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new(PROGRAM).arg("init").arg(folder.path()).output().unwrap().status.success());
    let done =
        Command::new(PROGRAM).arg("--config").arg(folder.path().join("gateway.toml")).arg("reload").output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8(done.stderr).unwrap().contains("no gateway runs with the store"));
}

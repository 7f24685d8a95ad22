//! Units as operators meet them: what is recognised of them, how far they have come, tests, and mail to all of them.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let done =
            Command::new(env!("CARGO_BIN_EXE_ggus-gateway")).arg("init").arg(folder.path().join("config")).output();
        assert!(done.unwrap().status.success());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a command printed; it must succeed where it is asked to.
    fn tried(&self, arguments: &str, input: &str) -> (bool, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ggus-gateway"))
            .arg("--config")
            .arg(self.path("config/gateway.toml"))
            .args(arguments.split(' '))
            .env("USER", "olga")
            .env_remove("SUDO_USER")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        (done.status.success(), said)
    }

    fn run(&self, arguments: &str) -> String {
        let (well, said) = self.tried(arguments, "");
        assert!(well, "{arguments}: {said}");
        said
    }

    /// Takes a mail.
    fn mail(&self, text: &str) {
        let (well, said) = self.tried("ingest -", text);
        assert!(well, "{said}");
    }

    /// The last mail to an address comes back to where its failures are to go.
    fn bounce(&self, address: &str, status: &str, said: &str) {
        let lines: Value = serde_json::from_str(&self.run("outbox list --json")).unwrap();
        let line = lines.as_array().unwrap().iter().find(|line| line["to"] == address).unwrap();
        let envelope = line["envelope_sender"].as_str().unwrap();
        self.mail(&format!(
            "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: {envelope}\nSubject: Undelivered Mail Returned to Sender\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\
             Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n\
             Final-Recipient: rfc822; {address}\nAction: failed\nStatus: {status}\nDiagnostic-Code: smtp; {said}\n\n--b--\n"
        ));
    }

    /// Of one unit in a listing for programs.
    fn unit(&self, listing: &str, name: &str) -> Value {
        let all: Value = serde_json::from_str(&self.run(listing)).unwrap();
        all.as_array().unwrap().iter().find(|unit| unit["name"] == name).unwrap().clone()
    }

    /// The mails that the relay brought to an address.
    fn got(&self, address: &str) -> Vec<String> {
        let folder = self.path("var/outgoing").join(address).join("new");
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    /// Where a helpdesk answers the last mail that it got.
    fn reply_to(&self, address: &str) -> String {
        let mails = self.got(address);
        let line = mails.last().unwrap().lines().find(|line| line.starts_with("Reply-To:")).unwrap();
        line.rsplit_once('<').map_or(&line[9..], |(_, address)| address).trim_matches([' ', '>']).to_owned()
    }
}

/// The columns of a unit's line.
fn line(table: &str, unit: &str) -> String {
    let found = table.lines().find(|line| line.starts_with(unit)).unwrap_or_else(|| panic!("{unit}: {table}"));
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

const NORTH: &str = "support@roc-north.example";
const SOUTH: &str = "support@roc-se.example";

fn by_rt(from: &str, to: &str, subject: &str, text: &str) -> String {
    format!("From: {from}\nTo: {to}\nSubject: {subject}\nX-RT-Ticket: rt.north.example #77\n\n{text}\n")
}

#[test]
fn a_unit_without_a_dialect_is_recognised_and_comes_all_the_way() {
    let desk = Desk::new();
    assert!(line(&desk.run("unit list"), "ROC_North").starts_with("ROC_North plain (auto) dkim"));
    assert!(desk.run("check").contains("no dialect is set, so it is recognised from the first mails of: CIC,"));
    desk.mail("From: Anna <anna@uni.example>\nSubject: SE down\n\nSITE: NIKHEF-ELPROD\n\nHelp.\n");
    assert!(line(&desk.run("unit status"), "ROC_North").ends_with("never 0 0 0 0 nothing yet"));
    desk.run("run --once");
    assert!(line(&desk.run("unit status"), "ROC_North").ends_with("never 1 0 0 0 mail delivered"));
    let to = desk.reply_to(NORTH);
    desk.mail(&by_rt(NORTH, &to, "[rt.north.example #77] AutoReply: [GGUS:1] SE down", "Thank you."));
    let list = desk.run("unit list");
    assert!(line(&list, "ROC_North").starts_with("ROC_North rt (recognised, 95 %) dkim"), "{list}");
    let told = "ROC_North: its mails tell tag = \"rt.north.example\"; where that is wrong, set it in routing.toml";
    assert!(list.contains(told) && desk.run("check").contains(told), "{list}");
    let known = desk.unit("unit list --json", "ROC_North");
    assert_eq!((&known["dialect"], &known["auto"]), (&"rt".into(), &true.into()));
    assert_eq!((&known["recognised"]["certainty"], &known["recognised"]["in_force"]), (&95.into(), &true.into()));
    assert_eq!(known["recognised"]["parameters"]["tag"], "rt.north.example");
    assert!(line(&desk.run("unit status"), "ROC_North").ends_with("1 1 0 0 stores and returns ids"));
    assert!(desk.run("ticket history 1").contains("recognised: ROC_North writes rt (95 %)"));
    desk.mail(&by_rt(NORTH, &to, "[rt.north.example #77] Resolved: [GGUS:1] SE down", "The SE was restarted."));
    let status = desk.unit("unit status --json", "ROC_North");
    assert_eq!((&status["stage"], &status["interface"]["solved"]), (&"full".into(), &1.into()));
}

#[test]
fn a_test_goes_the_whole_way_and_counts_nowhere() {
    let desk = Desk::new();
    let (well, said) = desk.tried("unit probe ROC_SE --status", "");
    assert!(!well && said.contains("start the gateway once"), "{said}");
    let told = desk.run("unit probe ROC_SE");
    assert!(told.starts_with("Test of ROC_SE, ticket 1, assigned:\n  written"), "{told}");
    assert!(told.contains("is the gateway running?") && told.contains("`ticket close 1` ends it before"), "{told}");
    desk.run("run --once");
    let dispatch = desk.got(SOUTH).remove(0);
    assert!(dispatch.contains("Nothing is broken, and no user is waiting."), "{dispatch}");
    let to = desk.reply_to(SOUTH);
    desk.mail(&by_rt(SOUTH, &to, "[rt.south.example #9] AutoReply: [GGUS:1] TEST", "Thank you."));
    let told = desk.run("unit probe ROC_SE --status");
    let step = |name: &str| told.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
    assert!(!step("delivered").contains("not yet") && !step("answered").contains("not yet"), "{told}");
    assert!(step("its own id").ends_with(" 77") && step("solved").ends_with("not yet"), "{told}");
    desk.mail(&by_rt(SOUTH, &to, "[rt.south.example #9] Resolved: [GGUS:1] TEST", "It works."));
    let told: Value = serde_json::from_str(&desk.run("unit probe ROC_SE --status --wait --json")).unwrap();
    assert_eq!((&told["status"], &told["solved"][1]), (&"closed".into(), &"It works.".into()));
    let counts: Value = serde_json::from_str(&desk.run("status --json")).unwrap();
    assert!(counts["counts"]["tickets"].as_object().unwrap().values().all(|count| *count == 0), "{counts}");
    let status = desk.unit("unit status --json", "ROC_SE");
    assert_eq!((&status["stage"], &status["interface"]["delivered"]), (&"nothing".into(), &0.into()));
    desk.run("run --once");
    assert_eq!(std::fs::read_dir(desk.path("var/outgoing")).unwrap().count(), 1, "only the helpdesk got mail");
    assert!(!desk.tried("unit probe ROC_Nowhere", "").0);
}

#[test]
fn an_address_that_fails_is_shown_until_something_comes_from_it() {
    let desk = Desk::new();
    desk.mail("From: Anna <anna@uni.example>\nSubject: SE down\n\nSITE: NIKHEF-ELPROD\n\nHelp.\n");
    desk.run("run --once");
    let to = desk.reply_to(NORTH);
    desk.bounce(NORTH, "5.2.2", "552 5.2.2 mailbox full");
    assert!(!desk.run("unit status").contains("fails"), "a full mailbox marks nobody");
    desk.bounce(NORTH, "5.1.1", "550 5.1.1 no such user");
    let note = "ROC_North: mail to support@roc-north.example fails, last at ";
    for command in ["unit status", "check"] {
        let told = desk.run(command);
        assert!(told.contains(note) && told.contains("550 5.1.1 no such user; set another address"), "{told}");
    }
    assert!(line(&desk.run("unit status"), "ROC_North").ends_with("never 1 0 0 1 mail delivered"));
    desk.run("run --once");
    let alerts = desk.got("tpm@ggus.example");
    let said = |mail: &String| mail.contains("could not be delivered: 550 5.1.1 no such");
    assert!(alerts.iter().any(said), "{alerts:#?}");
    desk.mail(&by_rt(NORTH, &to, "[rt.north.example #77] AutoReply: [GGUS:1] SE down", "Thank you."));
    assert!(!desk.run("unit status").contains("fails"), "it was heard of again");
}

#[test]
fn an_announcement_reaches_each_unit_once() {
    let desk = Desk::new();
    let file = desk.path("start.txt");
    std::fs::write(&file, "Subject: {{ desk }} begins with {{ unit }}\n\nDear {{ unit }},\n\nfrom Monday on.\n")
        .unwrap();
    let announce = format!("announce {}", file.display());
    let told = desk.run(&format!("{announce} --dry-run --unit ROC_SE --unit ROC_North"));
    assert!(line(&told, "ROC_North").contains("would get it") && told.contains("Dear ROC_North,"), "{told}");
    assert!(desk.run(&format!("{announce} --unit ROC_SE")).starts_with("1 mail queued"));
    desk.run("run --once");
    let mail = desk.got(SOUTH).remove(0);
    assert!(mail.contains("begins with ROC_SE\r\n") || mail.contains("begins with ROC_SE\n"), "{mail}");
    assert!(mail.contains("from Monday on.") && !mail.contains("Auto-Submitted"), "{mail}");
    let told = desk.run(&format!("{announce} --stage nothing --per-minute 1"));
    let units: Vec<Value> = serde_json::from_str(&desk.run("unit list --json")).unwrap();
    assert!(
        told.starts_with(&format!("{} mails queued", units.len() - 1)) && told.ends_with("1 unit had start before\n"),
        "{told}"
    );
    let told = desk.run(&announce);
    assert_eq!(told, format!("{} units had start before\n", units.len()));
    desk.run("run --once");
    assert_eq!(std::fs::read_dir(desk.path("var/outgoing")).unwrap().count(), 2, "one more in this minute");
    assert_eq!(desk.got(SOUTH).len(), 1);
    let (well, said) = desk.tried(&format!("{announce} --unit ROC_Nowhere"), "");
    assert!(!well && said.contains("unit ROC_Nowhere does not exist"), "{said}");
    std::fs::write(&file, "Dear all,\n\nhello\n").unwrap();
    let (well, said) = desk.tried(&announce, "");
    assert!(!well && said.contains("its first line is no subject"), "{said}");
}

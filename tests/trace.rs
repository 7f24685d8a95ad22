//! The way of one mail, as `trace` tells it and as the log can be followed: by one number from its source to the last
//! attempt to send what was written for it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new(PROGRAM).arg("init").arg(folder.path().join("config")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM).arg("--config").arg(self.path("config/gateway.toml")).args(arguments).output().unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn post(&self, name: &str, mail: &str) {
        fs::create_dir_all(self.path("var/incoming/new")).unwrap();
        fs::write(self.path("var/incoming/new").join(name), mail).unwrap();
    }
}

const MAIL: &str = "From: Anna <anna@uni.example>\nTo: support@ggus.example\nSubject: CE down\nMessage-ID: <1@uni.example>\n\n\
    SITE: INFN-T1\n\nHelp.\n";

#[test]
fn a_mail_is_followed_by_its_message_id_its_number_or_what_was_written_for_it() {
    let desk = Desk::new();
    desk.post("a", MAIL);
    // The way out is blocked: what stands there is no folder.
    fs::create_dir_all(desk.path("var")).unwrap();
    fs::write(desk.path("var/outgoing"), "").unwrap();
    let log = String::from_utf8(desk.run(&["run", "--once"]).stderr).unwrap();
    let told = desk.said(&["trace", "1@uni.example"]);
    for words in [
        "mail 1: \"CE down\" from anna@uni.example\n",
        "taken from source support",
        "it goes to ROC_Italy, by site INFN-T1",
        "verdict: open, ticket 1\n",
        "dispatch to helpdesk@roc-italy.example: ready",
        "not taken: ",
        "next attempt: ",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // The log bears the same number.
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" mail=1 ") || line.ends_with(" mail=1")).collect();
    assert!(lines.iter().any(|line| line.contains("mail taken")), "{log}");
    assert!(lines.iter().any(|line| line.contains("mail not sent")), "{log}");
    fs::remove_file(desk.path("var/outgoing")).unwrap();
    for id in ["1", "2"] {
        desk.said(&["outbox", "retry", id]);
    }
    desk.run(&["run", "--once"]);
    let told = desk.said(&["trace", "1"]);
    assert!(
        told.contains("dispatch to helpdesk@roc-italy.example: sent") && told.contains("  sent: written to "),
        "{told}"
    );
    assert!(told.contains("not taken: "), "every attempt is told: {told}");
    let path: Value = serde_json::from_str(&desk.said(&["trace", "<1@uni.example>", "--json"])).unwrap();
    let letter = &path["mails"][0]["letters"][0];
    assert_eq!(letter["tried"].as_array().unwrap().len(), 2, "{path}");
    // What a postmaster has is the Message-ID of what went out.
    assert_eq!(desk.said(&["trace", letter["message_id"].as_str().unwrap()]), told);
}

#[test]
fn what_the_desk_writes_by_itself_has_a_way_too_and_what_it_never_saw_has_none() {
    let desk = Desk::new();
    desk.post("a", MAIL);
    desk.run(&["run", "--once"]);
    desk.said(&["ticket", "solve", "1", "--text", "Restarted."]);
    desk.run(&["run", "--once"]);
    let sent: Value = serde_json::from_str(&desk.said(&["outbox", "list", "--json"])).unwrap();
    let solution = sent.as_array().unwrap().iter().find(|line| line["template"] == "solution").unwrap();
    let told = desk.said(&["trace", solution["message_id"].as_str().unwrap()]);
    assert!(
        told.starts_with("written by the desk itself") && told.contains("solution to anna@uni.example: sent"),
        "{told}"
    );
    let never = desk.run(&["trace", "<9@uni.example>"]);
    assert_eq!(never.status.code(), Some(1), "{never:?}");
}

//! Sites from GOCDB, and routing that is tried on the mail of the last days: as an administrator does it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ggus_gateway::config;
use serde_json::Value;

const GATEWAY: &str = r#"[desk]
address = "support@ggus.example"
[files]
sites = "sites.toml"
[store]
path = "desk.sqlite"
[source.a.maildir]
path = "in"
[relay.maildir]
path = "out"
"#;
const ROUTING: &str = r#"default_unit = "TPM"
[unit.TPM]
address = "tpm@tpm.example"
[unit.ROC_Italy]
address = "desk@roc-italy.example"
roc = "NGI_IT"
[unit.ROC_DECH]
address = "desk@roc-dech.example"
roc = ["NGI_CH", "NGI_DE"]
[unit.NGI_France]
address = "desk@roc-france.example"
# The people of Bari want their tickets themselves.
[unit."Bari desk"]
address = "grid@infn-bari.example"
sites = ["INFN-BARI"]
"#;

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        desk.write("gateway.toml", GATEWAY);
        desk.write("routing.toml", ROUTING);
        desk.write("secret", &"0123456789abcdef".repeat(4));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Exit code and what was said.
    fn tried(&self, arguments: &[&str], input: &str) -> (i32, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ggus-gateway"))
            .arg("--config")
            .arg(self.path("gateway.toml"))
            .args(arguments)
            .env("USER", "olga")
            .env_remove("SUDO_USER")
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        (done.status.code().unwrap(), said)
    }

    fn run(&self, arguments: &[&str], input: &str) -> String {
        let (code, said) = self.tried(arguments, input);
        assert_eq!(code, 0, "{arguments:?}: {said}");
        said
    }

    fn json(&self, arguments: &[&str], input: &str) -> Value {
        serde_json::from_str(&self.run(arguments, input)).unwrap()
    }

    fn import(&self, file: &str, more: &[&str]) -> (i32, String) {
        let file = fixture(file);
        self.tried(&[&["import", "gocdb", file.to_str().unwrap()], more].concat(), "")
    }

    /// Opens a ticket.
    fn mail(&self, id: u32, text: &str) {
        self.run(&["ingest", "-"], &mail(id, text));
    }

    /// The unit to which a mail about this site would go.
    fn unit_of(&self, site: &str) -> String {
        let explained = self.json(&["explain", "--json", "-"], &mail(99, &format!("SITE: {site}")));
        explained["fields"]["unit"].as_str().unwrap().to_owned()
    }

    fn ticket(&self, number: &str) -> Value {
        self.json(&["ticket", "show", "--json", number], "")
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gocdb").join(name)
}

fn mail(id: u32, text: &str) -> String {
    format!(
        "From: Anna <anna@uni.example>\nTo: support@ggus.example\nSubject: CE down, {id}\nMessage-ID: <{id}@uni.example>\n\n{text}\n\nHelp.\n"
    )
}

/// Whether a line of a listing has these words in order, whatever stands between.
fn has(said: &str, kind: &str, words: &str) -> bool {
    said.lines().any(|line| line.starts_with(kind) && line.contains(words))
}

#[test]
fn the_difference_is_told_before_anything_is_written() {
    let desk = Desk::new();
    let (code, said) = desk.import("first.xml", &[]);
    assert_eq!(code, 0, "{said}");
    for (kind, words) in [
        ("new", "INFN-T1: ROC_Italy"),
        ("new", "FZK-LCG2: ROC_DECH"),
        ("new", "GRIF: NGI_France"),
        ("no unit", "CY-01-KIMON: write roc = [\"NGI_CYGRID\"]"),
        ("overruled", "INFN-BARI: routing.toml gives it to Bari desk"),
    ] {
        assert!(has(&said, kind, words), "{kind} {words}\n{said}");
    }
    assert!(!said.contains("IN2P3-OLD"), "{said}");
    assert!(said.ends_with("nothing is written; --write does it\n"), "{said}");
    assert!(!desk.path("sites.toml").exists());
    assert_eq!(desk.unit_of("FZK-LCG2"), "TPM");
}

#[test]
fn sites_are_found_and_routing_toml_wins() {
    let desk = Desk::new();
    assert_eq!(desk.import("first.xml", &["--write"]).0, 0);
    assert_eq!(desk.read("routing.toml"), ROUTING);
    for (site, unit) in
        [("fzk_lcg2", "ROC_DECH"), ("INFN-T1", "ROC_Italy"), ("INFN-BARI", "Bari desk"), ("IN2P3-CC", "NGI_France")]
    {
        assert_eq!(desk.unit_of(site), unit, "{site}");
    }
    let more =
        "[site.INFN-T1]\naliases = [\"CNAF\"]\n[site.IN2P3-CC]\nemergency = \"own@in2p3.example\"\nunit = \"TPM\"\n";
    desk.write("routing.toml", &format!("{ROUTING}{more}"));
    assert_eq!((desk.unit_of("cnaf").as_str(), desk.unit_of("IN2P3-CC").as_str()), ("ROC_Italy", "TPM"));
    let loaded = config::load(&desk.path("gateway.toml")).unwrap();
    let emergency = |site: &str| loaded.policy.sites.find(site).unwrap().emergency.as_ref().unwrap().to_string();
    assert_eq!(emergency("INFN-T1"), "alarm@infn-t1.example");
    assert_eq!(emergency("IN2P3-CC"), "own@in2p3.example");
    assert_eq!(loaded.policy.sites.find("INFN-BARI").unwrap().emergency, None);
    // The same file again changes nothing, and a list of names takes nothing away.
    for file in ["first.xml", "list.xml"] {
        let before = desk.read("sites.toml");
        let (code, said) = desk.import(file, &["--write"]);
        assert_eq!((code, desk.read("sites.toml")), (0, before), "{file}: {said}");
    }
    desk.write("routing.toml", &ROUTING.replace("\"NGI_CH\", ", "\"ngi it\", "));
    let (code, said) = desk.tried(&["check"], "");
    assert!(code == 78 && said.contains("ROC_DECH stands for the ROC NGI_IT too"), "{code} {said}");
    // A unit that is gone does not stop the desk.
    desk.write("routing.toml", &ROUTING.replace("[unit.ROC_DECH]", "[unit.DECH]"));
    let (code, said) = desk.tried(&["check"], "");
    assert!(code == 0 && said.contains("there is no unit ROC_DECH"), "{said}");
}

#[test]
fn what_changed_is_told_and_tickets_of_a_suspended_site_go_to_the_roc() {
    let desk = Desk::new();
    assert_eq!(desk.import("first.xml", &["--write"]).0, 0);
    desk.mail(1, "SITE: INFN-BARI");
    desk.mail(2, "SITE: GRIF");
    desk.mail(3, "SITE: INFN-T1");
    assert_eq!(desk.ticket("1")["unit"], "Bari desk");
    let (code, said) = desk.import("later.xml", &[]);
    assert_eq!(code, 0, "{said}");
    for (kind, words) in [
        ("lost address", "INFN-T1: its alarm address was alarm@infn-t1.example"),
        ("no longer certified", "INFN-BARI: it is Suspended; ROC_Italy has its tickets"),
        ("no longer certified", "GRIF: it is Closed"),
        ("closed", "GRIF"),
        ("renamed", "FZK-LCG3: it was FZK-LCG2"),
        ("moved", "RWTH-Aachen: from ROC_DECH to NGI_France"),
        ("certification", "RWTH-Aachen: it is Certified"),
        ("new", "DESY-HH: ROC_DECH"),
        ("ticket 1 goes to ROC_Italy", ""),
        ("ticket 2 gets a note", ""),
    ] {
        assert!(has(&said, kind, words), "{kind} {words}\n{said}");
    }
    assert!(!said.contains("ticket 3"), "{said}");
    assert_eq!(desk.ticket("1")["unit"], "Bari desk");
    let before = desk.ticket("3");
    assert_eq!(desk.import("later.xml", &["--write"]).0, 0);
    assert_eq!(desk.ticket("1")["unit"], "ROC_Italy");
    assert_eq!(desk.ticket("2")["unit"], "NGI_France");
    assert!(desk.run(&["ticket", "show", "2"], "").contains("GRIF is no longer certified in GOCDB, but closed."));
    assert_eq!(desk.ticket("3"), before);
    assert_eq!((desk.unit_of("FZK-LCG2").as_str(), desk.unit_of("FZK-LCG3").as_str()), ("ROC_DECH", "ROC_DECH"));
    // It is told and done once.
    let (code, said) = desk.import("later.xml", &["--write"]);
    assert!(code == 0 && !said.contains("no longer certified") && !said.contains("ticket "), "{said}");
}

#[test]
fn a_file_that_is_empty_or_shrunken_or_hostile_changes_nothing() {
    let desk = Desk::new();
    assert_eq!(desk.import("first.xml", &["--write"]).0, 0);
    let before = desk.read("sites.toml");
    desk.write("empty.xml", "<?xml version=\"1.0\"?>\n<results/>\n");
    desk.write("nothing.xml", "");
    desk.write("login.xml", "<html><body>Please log in</body></html>");
    desk.write(
        "bomb.xml",
        "<!DOCTYPE results [<!ENTITY a \"aaaa\">]><results><SITE NAME=\"&a;\" ROC=\"NGI_IT\"/></results>",
    );
    for (file, why) in [
        ("empty.xml", "there is no site in it"),
        ("nothing.xml", "there is no XML in it"),
        ("login.xml", "its root is <html>"),
        ("bomb.xml", "it declares a document type"),
        ("gone.xml", "name a file that can be read"),
    ] {
        let (code, said) = desk.tried(&["import", "gocdb", "--write", "--force", file], "");
        assert!(code == 65 && said.contains(why), "{file}: {code} {said}");
    }
    let (code, said) = desk.import("shrunken.xml", &["--write"]);
    assert!(code == 65 && said.contains("4 of 6 known sites are missing; nothing is changed"), "{code} {said}");
    assert_eq!(desk.read("sites.toml"), before);
    let (code, said) = desk.import("shrunken.xml", &["--write", "--force"]);
    assert!(code == 0 && has(&said, "missing", "GRIF"), "{said}");
    assert_ne!(desk.read("sites.toml"), before);
}

#[test]
fn nothing_is_written_where_no_file_is_named() {
    let desk = Desk::new();
    desk.write("gateway.toml", &GATEWAY.replace("sites = \"sites.toml\"\n", ""));
    let (code, said) = desk.import("first.xml", &["--write"]);
    assert!(code == 78 && said.contains("write sites = \"sites.toml\" under [files]"), "{code} {said}");
}

#[test]
fn routing_is_tried_on_the_mail_of_the_last_days() {
    let desk = Desk::new();
    assert_eq!(desk.import("first.xml", &["--write"]).0, 0);
    desk.mail(1, "SITE: INFN-T1\nVO: atlas");
    desk.mail(2, "SITE: INFN-T1\nVO: biomed");
    desk.mail(3, "SITE: GRIF\nVO: biomed");
    let tickets = desk.run(&["ticket", "list", "--json"], "");
    let rule = "[[rule]]\nname = \"biomed in Italy\"\nvo = \"biomed\"\nsite = \"INFN-T1\"\nunit = \"TPM\"\n";
    desk.write("new.toml", &format!("{ROUTING}{rule}"));
    let diff = desk.json(&["routing", "diff", "--json", "routing.toml", "new.toml"], "");
    assert_eq!((&diff["replayed"], diff["elsewhere"].as_array().unwrap().len()), (&Value::from(3), 1), "{diff}");
    let moved = &diff["elsewhere"][0];
    assert_eq!(moved["ticket"], 2);
    assert_eq!(
        (moved["old"]["unit"].as_str(), moved["old"]["why"].as_str()),
        (Some("ROC_Italy"), Some("site INFN-T1"))
    );
    assert_eq!(moved["new"]["unit"], "TPM");
    assert_eq!(moved["new"]["why"], "rule biomed in Italy (site is INFN-T1, VO is biomed)");
    let said = desk.run(&["routing", "diff", "routing.toml", "new.toml", "--days", "2"], "");
    assert!(said.contains("of 3 tickets that came in the last 2 days, 1 would have gone elsewhere"), "{said}");
    let said = desk.run(&["routing", "diff", "routing.toml", "routing.toml"], "");
    assert!(said.starts_with("of 3 tickets that came in the last 30 days, 0 would"), "{said}");
    // A whole configuration: without its file of sites the desk knows none of them.
    desk.write("other.toml", &GATEWAY.replace("sites = \"sites.toml\"\n", ""));
    let diff = desk.json(&["routing", "diff", "--json", "routing.toml", "other.toml"], "");
    assert_eq!(diff["elsewhere"].as_array().unwrap().len(), 3, "{diff}");
    // What is wrong with a file is told as `check` tells it.
    desk.write("wrong.toml", "default_unit = \"TMP\"\n[unit.TPM]\naddress = \"tpm@tpm.example\"\n");
    let (code, said) = desk.tried(&["routing", "diff", "routing.toml", "wrong.toml"], "");
    assert!(code == 78 && said.contains("wrong.toml:1: error: default_unit: unknown unit"), "{code} {said}");
    assert_eq!(desk.run(&["ticket", "list", "--json"], ""), tickets);
}

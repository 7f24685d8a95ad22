//! The program as people and scripts meet it: exit codes, and the JSON names that are a public interface.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

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
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let config = self.path("config/gateway.toml");
        let mut child = Command::new(PROGRAM)
            .arg("--config")
            .arg(config)
            .args(arguments)
            .env("USER", "olga")
            .env_remove("SUDO_USER")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn json(&self, arguments: &[&str], input: &str) -> Value {
        let done = self.run_with(arguments, input);
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {done:?}"))
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");
const MAIL: &str = "From: Anna <anna@uni.example>\nTo: support@ggus.example\nSubject: CE down\nMessage-ID: <1@uni.example>\n\nSITE: INFN-T1\nVO: Atlas\n\nHelp.\n";

fn code(done: &Output) -> i32 {
    done.status.code().unwrap()
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}

#[test]
fn explain_keeps_its_names_and_changes_nothing() {
    let desk = Desk::new();
    let told = desk.json(&["explain", "--json", "-"], MAIL);
    let names =
        ["dialect", "fields", "mail", "matched_by", "outbound", "reasons", "sender", "signals", "ticket", "verdict"];
    assert_eq!(keys(&told), names);
    assert_eq!(keys(&told["mail"]), ["attachments", "from", "message_id", "subject", "text", "to"]);
    assert_eq!(keys(&told["signals"]), ["automatic", "bounce", "loop"]);
    assert_eq!(keys(&told["sender"]), ["by", "party", "unit", "verified"]);
    assert_eq!(keys(&told["fields"]), ["priority", "site", "title", "type", "type_of_problem", "unit", "vo"]);
    assert_eq!(keys(&told["outbound"][0]), ["subject", "template", "to"]);
    assert_eq!(
        (
            &told["verdict"],
            &told["fields"]["vo"],
            &told["fields"]["unit"],
            &told["sender"]["party"],
            &told["sender"]["by"]
        ),
        (&"open".into(), &"atlas".into(), &"ROC_Italy".into(), &"user".into(), &"address".into())
    );
    assert_eq!(told["mail"]["text"], "SITE: INFN-T1\nVO: Atlas\n\nHelp.");
    assert_eq!((&told["ticket"], &told["dialect"], &told["matched_by"]), (&Value::Null, &Value::Null, &Value::Null));
    assert!(!desk.path("var/desk.sqlite").exists());
    let words = said(&desk.run_with(&["explain", "-"], MAIL));
    assert!(
        words.contains("rule security goes to the operators does not hold")
            && words.contains("it goes to ROC_Italy, by site INFN-T1"),
        "{words}"
    );
}

#[test]
fn the_examples_show_what_they_say() {
    let desk = Desk::new();
    for (name, unit, word) in [
        ("user", "ROC_Italy", "by site INFN-T1"),
        ("helpdesk-opens", "ROC_France", "by site IN2P3-CC"),
        ("machine-form", "VO-biomed", "by rule VO support of biomed"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/mails/{name}.eml"));
        let told = desk.json(&["explain", "--json", path.to_str().unwrap()], "");
        assert_eq!((&told["verdict"], &told["fields"]["unit"]), (&"open".into(), &unit.into()), "{told}");
        assert!(told["reasons"].to_string().contains(word), "{told}");
    }
}

#[test]
fn a_ticket_from_a_pipe_is_listed_shown_and_worked_on() {
    let desk = Desk::new();
    let line = desk.json(&["ingest", "--json", "-"], MAIL);
    assert_eq!(keys(&line), ["duplicate", "index", "path", "reason", "ticket", "verdict"]);
    assert_eq!((&line["verdict"], &line["ticket"], &line["duplicate"]), (&"open".into(), &1.into(), &false.into()));
    assert_eq!(desk.json(&["ingest", "--json", "-"], MAIL)["duplicate"], true);
    let ticket = desk.json(&["ticket", "show", "1", "--json"], "");
    for name in [
        "id",
        "subject",
        "status",
        "priority",
        "type",
        "vo",
        "site",
        "unit",
        "submitter",
        "solution",
        "legs",
        "messages",
        "history",
    ] {
        assert!(keys(&ticket).contains(&name), "{name}: {ticket}");
    }
    assert_eq!(keys(&ticket["legs"][0]), ["foreign_id", "state", "unit"]);
    assert_eq!((ticket["messages"].as_array().unwrap().len(), &ticket["legs"][0]["state"]), (3, &"sent".into()));
    let solved = desk.run(&["ticket", "solve", "1", "--text", "Restarted."]);
    assert!(
        code(&solved) == 0 && said(&solved).contains("ticket 1 is solved") && said(&solved).contains("queued solution"),
        "{}",
        said(&solved)
    );
    assert!(said(&desk.run(&["ticket", "history", "1"])).contains("operator olga: solved it: Restarted."));
    let again = desk.run(&["ticket", "solve", "1", "--text", "x"]);
    assert!(code(&again) == 1 && said(&again).contains("ticket 1 is solved, reopen it first"), "{}", said(&again));
    assert_eq!(code(&desk.run(&["ticket", "show", "77"])), 1);
    assert_eq!(desk.json(&["outbox", "list", "--json"], "").as_array().unwrap().len(), 4);
    let mail = said(&desk.run(&["outbox", "show", "3"]));
    assert!(mail.contains("Subject: [GGUS:1] CE down\r\n") && mail.contains("Restarted."), "{mail}");
    assert_eq!(code(&desk.run(&["run", "--once"])), 0);
    assert_eq!(desk.json(&["status", "--json"], "")["well"], true);
    assert_eq!(std::fs::read_dir(desk.path("var/outgoing/anna@uni.example/new")).unwrap().count(), 2);
}

#[test]
fn what_is_in_quarantine_can_be_looked_at_tried_again_and_dropped() {
    let desk = Desk::new();
    let strange = "From: support@ggus.example\nTo: support@ggus.example\nSubject: me\n\nhello\n";
    assert_eq!(desk.json(&["ingest", "--json", "-"], strange)["verdict"], "quarantine");
    let listed = desk.json(&["quarantine", "list", "--json"], "");
    let number = listed[0]["mail"].to_string();
    assert!(said(&desk.run(&["quarantine", "list"])).contains("names no ticket"));
    assert!(said(&desk.run(&["quarantine", "show", &number])).contains("Subject: me"));
    assert!(said(&desk.run(&["status"])).contains("1 mail in quarantine; `quarantine list`"));
    let retried = desk.run(&["quarantine", "retry", &number]);
    assert!(said(&retried).contains("quarantine"), "{}", said(&retried));
    assert_eq!(code(&desk.run(&["quarantine", "drop", &number])), 0);
    assert_eq!(desk.json(&["quarantine", "list", "--json"], "").as_array().unwrap().len(), 0);
    assert!(said(&desk.run(&["status"])).starts_with("All is well."));
}

/// A desk with one ticket that is closed; what it wrote has gone out.
fn desk_with_a_closed_ticket() -> Desk {
    let desk = Desk::new();
    desk.json(&["ingest", "--json", "-"], MAIL);
    desk.run(&["ticket", "solve", "1", "--text", "Dear Anna, it works."]);
    desk.run(&["ticket", "close", "1"]);
    let queued = desk.run(&["ticket", "redact", "1"]);
    assert!(code(&queued) == 1 && said(&queued).contains("of ticket 1 has still to go out"), "{queued:?}");
    assert_eq!(code(&desk.run(&["run", "--once"])), 0);
    desk
}

/// Whether a word stands in any file of the store.
fn is_stored(desk: &Desk, word: &str) -> bool {
    let files = std::fs::read_dir(desk.path("var")).unwrap().map(|entry| entry.unwrap().path());
    let mut stores = files.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap());
    stores.any(|bytes| bytes.windows(word.len()).any(|window| window == word.as_bytes()))
}

#[test]
fn a_ticket_is_redacted_for_ever_and_only_when_it_is_over() {
    let desk = desk_with_a_closed_ticket();
    let would = desk.run(&["ticket", "redact", "1", "--dry-run"]);
    assert_eq!(
        said(&would),
        "ticket 1: 1 mail that came, 4 mails that went out and 4 facts would lose all texts, addresses and names\n"
    );
    assert!(is_stored(&desk, "anna@uni.example") && is_stored(&desk, "it works"));
    let done = desk.run(&["ticket", "redact", "1", "--reason", "her letter of May"]);
    assert_eq!(said(&done), said(&would).replace("would lose", "have lost"));
    for word in ["anna@uni.example", "Anna", "it works", "CE down", "1@uni.example", "Help."] {
        assert!(!is_stored(&desk, word), "{word}");
    }
    let shown = said(&desk.run(&["ticket", "show", "1"]));
    assert!(shown.contains("operator olga: took texts, addresses and names out of it: her letter of May"), "{shown}");
    assert!(shown.contains("submitter       redacted@redacted.invalid\n"), "{shown}");
    assert!(desk.json(&["ticket", "show", "1", "--json"], "")["redacted"].is_string());
    for refused in
        [["ticket", "mail", "1"], ["ticket", "redact", "1"], ["ticket", "reopen", "1"], ["outbox", "show", "1"]]
    {
        assert_eq!(code(&desk.run(&refused)), 1, "{refused:?}");
    }
    assert_eq!(code(&desk.run(&["check", "--store"])), 0);
}

#[test]
fn retention_takes_out_what_is_over_its_age() {
    let desk = desk_with_a_closed_ticket();
    let kept = said(&desk.run(&["retention"]));
    assert_eq!(kept, "everything is kept for ever; [retention] in gateway.toml sets ages\n");
    let config = desk.path("config/gateway.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let with_ages =
        |ages: &str| std::fs::write(&config, text.replace("[retention]\n", &format!("[retention]\n{ages}"))).unwrap();
    with_ages("tickets = \"1 year\"\n");
    assert_eq!(said(&desk.run(&["retention"])), "nothing is over its age\n");
    with_ages("raw_mails = \"1 us\"\n");
    let would = said(&desk.run(&["retention", "--dry-run"]));
    assert_eq!(would, "the bytes of 1 mail that came and of 4 mails that went out would go\n");
    assert_eq!(said(&desk.run(&["retention"])), would.replace("would go", "are gone"));
    assert_eq!(desk.json(&["ticket", "show", "1", "--json"], "")["submitter"], "anna@uni.example");
    with_ages("tickets = \"1 us\"\n");
    let retained = desk.json(&["retention", "--json"], "");
    assert_eq!(keys(&retained), ["letters", "mails", "redacted", "waiting"]);
    assert_eq!(retained["redacted"][0][0], 1);
    assert!(!is_stored(&desk, "anna@uni.example"));
    with_ages("tickets = \"-1 day\"\n");
    let wrong = desk.run(&["retention"]);
    assert!(code(&wrong) == 78 && said(&wrong).contains("retention.tickets: an age is more than nothing"), "{wrong:?}");
}

#[test]
fn what_systemd_hands_over_is_found_by_its_name() {
    let desk = Desk::new();
    let (config, credentials) = (desk.path("config/gateway.toml"), desk.path("credentials"));
    std::fs::create_dir(&credentials).unwrap();
    std::fs::rename(desk.path("config/secret"), credentials.join("desk-secret")).unwrap();
    let text = std::fs::read_to_string(&config).unwrap();
    let here = "[desk]\nsecret_file = \"$CREDENTIALS_DIRECTORY/desk-secret\"\n";
    std::fs::write(&config, text.replacen("[desk]\n", here, 1)).unwrap();
    let check = |folder: Option<&Path>| {
        let mut command = Command::new(PROGRAM);
        command.env_remove("CREDENTIALS_DIRECTORY").envs(folder.map(|folder| ("CREDENTIALS_DIRECTORY", folder)));
        command.arg("--config").arg(&config).arg("check").output().unwrap()
    };
    assert_eq!(code(&check(Some(&credentials))), 0);
    let without = check(None);
    assert!(code(&without) == 78 && said(&without).contains("$CREDENTIALS_DIRECTORY/desk-secret"), "{without:?}");
}

#[test]
fn one_store_has_one_gateway() {
    let desk = Desk::new();
    let mut first = Command::new(PROGRAM)
        .arg("--config")
        .arg(desk.path("config/gateway.toml"))
        .arg("run")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    // Its source has reported: it runs.
    while !said(&desk.run(&["status"])).contains("source support") {
        assert!(start.elapsed().as_secs() < 30, "the first gateway does not start");
    }
    let told = said(&desk.run(&["run", "--once"]));
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(told.contains("is held by a gateway that runs already"), "{told}");
    assert_eq!(code(&desk.run(&["run", "--once"])), 0);
}

#[test]
fn several_sources_are_taken_from_at_once() {
    let desk = Desk::new();
    let path = desk.path("config/gateway.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n[source.second.maildir]\npath = \"../var/second\"\n")).unwrap();
    for (folder, id) in [("incoming", "<1@"), ("second", "<2@")] {
        let new = desk.path("var").join(folder).join("new");
        std::fs::create_dir_all(&new).unwrap();
        std::fs::write(new.join("mail"), MAIL.replace("<1@", id).replace("Help.", &format!("Help {folder}."))).unwrap();
    }
    assert_eq!(code(&desk.run(&["run", "--once"])), 0);
    assert_eq!(desk.json(&["ticket", "list", "--json"], "").as_array().unwrap().len(), 2);
    for folder in ["incoming", "second"] {
        assert!(desk.path("var").join(folder).join("cur/mail:2,S").exists(), "{folder}");
    }
    let status = desk.json(&["status", "--json"], "");
    let parts: Vec<&str> =
        status["parts"].as_array().unwrap().iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert_eq!(parts, ["relay", "source second", "source support"]);
    assert!(said(&desk.run(&["ticket", "mail", "1"])).contains("Message-ID: <"));
}

#[test]
fn a_relay_in_trouble_is_not_tried_for_every_mail() {
    let desk = Desk::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, calls) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = told.send(stream.is_ok());
        }
    });
    let path = desk.path("config/gateway.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let maildir = "[relay.maildir]\npath = \"../var/outgoing\"\n# One Maildir for each recipient below the path.\nfolders = true\n";
    assert!(text.contains(maildir));
    let smtp = format!("[relay.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n");
    std::fs::write(&path, text.replace(maildir, &smtp)).unwrap();
    for number in 0..3 {
        let mail =
            MAIL.replace("<1@", &format!("<{number}@")).replace("Help.", &format!("Help {}.", "x".repeat(number)));
        assert_eq!(code(&desk.run_with(&["ingest", "-"], &mail)), 0);
    }
    assert_eq!(code(&desk.run(&["run", "--once"])), 0);
    assert_eq!(calls.try_iter().count(), 1);
    let outbox = desk.json(&["outbox", "list", "--json"], "");
    assert!(outbox.as_array().unwrap().iter().all(|row| row["state"] == "ready" && row["attempts"] == 1), "{outbox}");
    assert!(said(&desk.run(&["status"])).contains("relay: "), "{}", said(&desk.run(&["status"])));
}

#[test]
fn a_pipe_keeps_its_mail_while_the_store_is_busy() {
    let desk = Desk::new();
    assert_eq!(code(&desk.run_with(&["ingest", "-"], MAIL)), 0);
    let other = rusqlite::Connection::open(desk.path("var/desk.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = desk.run_with(&["ingest", "-"], &MAIL.replace("<1@", "<2@"));
    assert!(code(&busy) == 75 && said(&busy).contains("is locked by another process; try again"), "{}", said(&busy));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(code(&desk.run_with(&["ingest", "-"], &MAIL.replace("<1@", "<2@"))), 0);
}

/// With its output and its complaints to files of the test's choice.
fn piped(desk: &Desk, arguments: &[&str], mail: &str, output: &str, complaints: &str) -> i32 {
    let open = |path: &str| std::fs::File::options().write(true).open(path).unwrap();
    let program = Command::new(PROGRAM)
        .args(["--config", desk.path("config/gateway.toml").to_str().unwrap()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(open(output))
        .stderr(open(complaints))
        .spawn();
    let mut program = program.unwrap();
    let _ = program.stdin.take().unwrap().write_all(mail.as_bytes());
    program.wait().unwrap().code().unwrap()
}

#[test]
fn a_pipe_keeps_its_mail_whatever_is_wrong_here() {
    let desk = Desk::new();
    let (gateway, pipe) = (desk.path("config/gateway.toml"), ["ingest", "-"]);
    let sound = std::fs::read_to_string(&gateway).unwrap();
    for wrong in [sound.replace("[desk]", "[desc]"), sound.replace("../var/desk", "../no/such/desk")] {
        std::fs::write(&gateway, wrong).unwrap();
        let done = desk.run_with(&pipe, MAIL);
        assert!(code(&done) == 75 && !said(&done).is_empty(), "{done:?}");
        // The terminal or the disk that complaints go to may fail as well.
        assert_eq!(piped(&desk, &pipe, MAIL, "/dev/null", "/dev/full"), 75);
    }
    std::fs::remove_file(&gateway).unwrap();
    assert_eq!(code(&desk.run_with(&pipe, MAIL)), 75);
    std::fs::write(&gateway, sound).unwrap();
    let mistyped = desk.run_with(&["ingest", "--jsno", "-"], MAIL);
    assert!(code(&mistyped) == 75 && said(&mistyped).contains("--jsno"), "{mistyped:?}");
    assert_eq!(code(&desk.run(&["ingest", "--help", "-"])), 0);
    assert!(!desk.path("var/desk.sqlite").exists(), "nothing was taken");
    // A mail that is kept is not sent back, even if that can't be told.
    assert_eq!(piped(&desk, &pipe, MAIL, "/dev/full", "/dev/full"), 0);
    assert_eq!(desk.json(&["ticket", "list", "--json"], "").as_array().unwrap().len(), 1);
}

#[test]
fn exit_codes_are_those_of_sysexits() {
    let desk = Desk::new();
    assert_eq!(code(&desk.run(&["no-such-command"])), 2);
    let nothing = desk.run_with(&["ingest", "-"], "");
    assert!(code(&nothing) == 65 && said(&nothing).contains("no mail in it"), "{}", said(&nothing));
    let missing = desk.run(&["explain", "no-such-file"]);
    assert!(code(&missing) == 65 && said(&missing).contains("no-such-file can't be read"), "{}", said(&missing));
    // A store that is locked: a pipe must keep the mail and come again.
    assert_eq!(code(&desk.run_with(&["ingest", "-"], MAIL)), 0);
    std::fs::write(desk.path("config/routing.toml"), "default_unit = \"X\"\n").unwrap();
    let wrong = desk.run(&["check"]);
    assert!(
        code(&wrong) == 78 && said(&wrong).contains("routing.toml:1: error: default_unit: unknown unit \"X\""),
        "{}",
        said(&wrong)
    );
}

#[test]
fn listings_of_an_mbox_a_maildir_and_units() {
    let desk = Desk::new();
    let mbox = desk.path("box");
    std::fs::write(
        &mbox,
        format!("From a Mon\n{MAIL}\nFrom b Tue\n{}", MAIL.replace("<1@", "<2@").replace("Help.", "More help.")),
    )
    .unwrap();
    let done = desk.run(&["ingest", "--json", mbox.to_str().unwrap()]);
    let lines: Vec<Value> = said(&done).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["index"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1]);
    let listed = desk.json(&["ticket", "list", "--unit", "ROC_Italy", "--open", "--json"], "");
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(said(&desk.run(&["ticket", "list"])).contains("anna@uni.example"));
    let units = desk.json(&["unit", "list", "--json"], "");
    let italy = units.as_array().unwrap().iter().find(|unit| unit["name"] == "ROC_Italy").unwrap();
    assert_eq!((&italy["dialect"], &italy["open"], &italy["sites"]), (&"rt".into(), &2.into(), &7.into()));
}

#[test]
fn the_manual_is_made_from_the_help_texts() {
    let desk = Desk::new();
    assert!(said(&desk.run(&["manual", "--completions", "bash"])).contains("complete -F"));
    let pages = desk.path("man");
    assert_eq!(code(&desk.run(&["manual", "--man", pages.to_str().unwrap()])), 0);
    let page = std::fs::read_to_string(Path::new(&pages).join("ggus-gateway-explain.1")).unwrap();
    assert!(page.contains("changes nothing"), "{page}");
}

#[test]
fn the_demo_plays_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let done = Command::new(PROGRAM).args(["demo", "--directory"]).arg(folder.path().join("demo")).output().unwrap();
    let told = said(&done);
    assert!(
        done.status.success()
            && told.contains("ROC_Italy has a solution for your ticket 1")
            && told.contains("ticket show 1"),
        "{told}"
    );
}

#[test]
fn automatic_mail_over_a_limit_waits_for_a_person() {
    let desk = Desk::new();
    let path = desk.path("config/gateway.toml");
    let settings =
        std::fs::read_to_string(&path).unwrap().replace("[limits]", "[limits]\nanswers_per_correspondent = 1");
    std::fs::write(&path, settings).unwrap();
    let sent = |to: &str| std::fs::read_dir(desk.path("var/outgoing").join(to).join("new")).map_or(0, Iterator::count);
    for n in 1..=3 {
        let mail = MAIL.replace("CE down", &format!("CE {n} down")).replace("<1@", &format!("<{n}@"));
        assert_eq!(code(&desk.run_with(&["ingest", "-"], &mail)), 0);
    }
    desk.run(&["run", "--once"]);
    assert_eq!(sent("anna@uni.example"), 1, "the others wait");
    let waiting = desk.json(&["outbox", "list", "--json", "--state", "ready"], "");
    let waiting = waiting.as_array().unwrap();
    assert_eq!(waiting.len(), 2, "{waiting:#?}");
    assert!(waiting.iter().all(|line| line["due"].is_null() && line["template"] == "receipt"), "{waiting:#?}");
    assert!(said(&desk.run(&["outbox", "list"])).contains("1 automatic mails to this address within an hour"));
    let told = said(&desk.run(&["status"]));
    assert!(told.contains("2 mails held back, the last until a person releases it"), "{told}");
    assert_eq!(desk.json(&["ticket", "list", "--json"], "").as_array().unwrap().len(), 3, "no problem is lost");
    let (first, second) = (waiting[0]["id"].to_string(), waiting[1]["id"].to_string());
    // Newest first: the second of those that wait is of ticket 2.
    desk.run(&["ticket", "solve", "2", "--text", "It works."]);
    desk.run(&["ticket", "close", "2"]);
    desk.run(&["run", "--once"]);
    let kept = said(&desk.run(&["ticket", "redact", "2"]));
    let told = format!(
        "mail {second} of ticket 2 waits until a person releases it; `outbox retry` or `outbox drop` it first\n"
    );
    assert_eq!(kept, told);
    assert_eq!(code(&desk.run(&["outbox", "retry", &first])), 0);
    assert_eq!(code(&desk.run(&["outbox", "drop", &second])), 0);
    desk.run(&["run", "--once"]);
    assert_eq!(sent("anna@uni.example"), 3, "the one released, and the solution");
}

/// Where the recipient of mail `id` of the outbox answers to.
fn reply_to(desk: &Desk, id: &str) -> String {
    let mail = said(&desk.run(&["outbox", "show", id])).replace("\r\n", "\n").replace("\n ", " ");
    let field = mail.lines().find_map(|line| line.strip_prefix("Reply-To: ")).unwrap_or_else(|| panic!("{mail}"));
    field.split(['<', '>']).nth(1).unwrap().to_owned()
}

#[test]
fn a_secret_is_rolled_over_while_answers_are_under_way() {
    let desk = Desk::new();
    let secrets = |lines: &[&str]| std::fs::write(desk.path("config/secret"), lines.join("\n")).unwrap();
    let by = |to: &str| {
        let answer = format!("From: helpdesk@roc-italy.example\nTo: {to}\nSubject: Re: CE down\n\nWe look at it.\n");
        desk.json(&["explain", "--json", "-"], &answer)["sender"]["by"].clone()
    };
    let old_secret = std::fs::read_to_string(desk.path("config/secret")).unwrap();
    let new_secret = "5e".repeat(32);
    assert_eq!(code(&desk.run_with(&["ingest", "-"], MAIL)), 0);
    let old = reply_to(&desk, "2");
    assert_eq!(by(&old), "token");
    // The old key is still read, the new one writes.
    secrets(&[&new_secret, &old_secret]);
    assert_eq!(by(&old), "token");
    let more = "From: anna@uni.example\nTo: support@ggus.example\nSubject: Re: [GGUS:1] CE down\n\nStill down.\n";
    assert_eq!(code(&desk.run_with(&["ingest", "-"], more)), 0);
    let new = reply_to(&desk, "3");
    assert_ne!(new, old);
    assert_eq!(by(&new), "token");
    // The old one is gone: what it made names no ticket any more, and whoever writes is anybody with that address.
    secrets(&[&new_secret]);
    assert_eq!((by(&old), by(&new)), ("address".into(), "token".into()));
}

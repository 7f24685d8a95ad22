//! The clients in examples/roc with the real gateway: what each of them prints goes into the gateway's
//! Maildir, and what the gateway writes goes into the client.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");
const CLIENTS: [&str; 3] = ["pl", "php", "py"];

/// One unit gets the XML form, the other the lines; only the reply token proves who they are.
const ROUTING: &str = r#"
default_unit = "TPM"

[unit.TPM]
address = "tpm@ggus.example"

[unit.ROC_CE]
address = "helpdesk@roc-ce.example"
dialect = "ggus"
trust = "token"
sites = ["PSNC"]

[unit.ROC_North]
address = "helpdesk@roc-north.example"
trust = "token"
sites = ["HPC2N"]
"#;

/// A site of each unit, and the unit's address.
const FORMS: [(&str, &str); 2] = [("PSNC", "helpdesk@roc-ce.example"), ("HPC2N", "helpdesk@roc-north.example")];

/// All that an acceptance has.
const HEADERS: [&str; 11] = [
    "Auto-Submitted",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "In-Reply-To",
    "MIME-Version",
    "Message-ID",
    "References",
    "Subject",
    "To",
];

/// A helpdesk with a client and a store of its own.
struct Helpdesk<'a> {
    client: &'a str,
    address: &'a str,
    store: PathBuf,
}

impl Helpdesk<'_> {
    fn start(&self, arguments: &[&str], input: &[u8]) -> std::process::Child {
        let program = examples(&format!("ggus-client.{}", self.client));
        let mut child = Command::new(&program)
            .args(arguments)
            .current_dir(self.store.parent().unwrap())
            .env("GGUS_DESK", "support@ggus.example")
            .env("GGUS_FROM", self.address)
            .env("GGUS_STORE", &self.store)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; tests/run installs what it needs", program.display()));
        let _ = child.stdin.take().unwrap().write_all(input);
        child
    }

    fn call(&self, arguments: &[&str], input: &[u8]) -> Output {
        self.start(arguments, input).wait_with_output().unwrap()
    }

    /// What the client prints when all goes well.
    fn run(&self, arguments: &[&str], input: &[u8]) -> String {
        let done = self.call(arguments, input);
        assert!(done.status.success() && done.stderr.is_empty(), "{} {arguments:?}: {done:?}", self.client);
        String::from_utf8(done.stdout).unwrap()
    }

    /// The first line of what `take` prints.
    fn take(&self, mail: &[u8]) -> String {
        self.run(&["take"], mail).lines().next().unwrap_or_default().to_owned()
    }

    /// Exit code and error of a call that must fail and print nothing that could be mailed.
    fn fails(&self, arguments: &[&str], input: &[u8]) -> (i32, String) {
        let done = self.call(arguments, input);
        assert!(done.stdout.is_empty(), "{} {arguments:?}: {done:?}", self.client);
        (done.status.code().unwrap(), String::from_utf8(done.stderr).unwrap())
    }
}

fn examples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/roc").join(name)
}

/// The gateway with a Maildir on either side.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        let done = Command::new(PROGRAM).arg("init").arg(desk.path("config")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        std::fs::write(desk.path("config/routing.toml"), ROUTING).unwrap();
        std::fs::create_dir_all(desk.path("var/incoming/new")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn helpdesk<'a>(&self, client: &'a str, address: &'a str) -> Helpdesk<'a> {
        Helpdesk { client, address, store: self.path(&format!("{address}-{client}.sqlite")) }
    }

    fn gateway(&self, arguments: &[&str]) -> Vec<u8> {
        let config = self.path("config/gateway.toml");
        let done = Command::new(PROGRAM).arg("--config").arg(config).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        done.stdout
    }

    /// A mail comes in, and the gateway does all that follows from it.
    fn gets(&self, mail: &str) {
        std::fs::write(self.path("var/incoming/new/mail"), mail).unwrap();
        self.gateway(&["run", "--once"]);
    }

    /// What the gateway has written to somebody since the last look.
    fn written_to(&self, address: &str) -> String {
        let new = self.path("var/outgoing").join(address).join("new");
        let mails: Vec<PathBuf> = std::fs::read_dir(new).unwrap().map(|entry| entry.unwrap().path()).collect();
        let text = mails.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        mails.iter().for_each(|path| std::fs::remove_file(path).unwrap());
        assert_eq!(mails.len(), 1, "{address}: {text}");
        text
    }

    fn ticket(&self, number: &str) -> Value {
        serde_json::from_slice(&self.gateway(&["ticket", "show", number, "--json"])).unwrap()
    }

    /// A user's mail becomes a ticket; gives the dispatch.
    fn dispatch(&self, site: &str, unit: &str, subject: &str) -> String {
        self.gets(&format!(
            "From: Anna Rossi <anna@uni.example>\nTo: support@ggus.example\nSubject: {subject}\n\
             Message-ID: <{site}.1@uni.example>\nContent-Type: text/plain; charset=utf-8\n\n\
             SITE: {site}\nVO: atlas\n\nNothing works & nobody answers, zum Ärger aller.\n"
        ));
        self.written_to("anna@uni.example");
        self.written_to(unit)
    }
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let value = mail.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.strip_prefix(": ")).unwrap_or_else(|| panic!("no {name}: {mail}"))
}

/// The address in angle brackets, or the whole.
fn address(value: &str) -> &str {
    value.rsplit_once('<').map_or(value, |(_, rest)| rest.trim_end_matches('>'))
}

fn ticket_from_mail_to_solution(client: &str, (site, unit): (&str, &str)) {
    let desk = Desk::new();
    let helpdesk = desk.helpdesk(client, unit);
    let dispatch = desk.dispatch(site, unit, "CE down");
    let taken = helpdesk.run(&["take"], dispatch.as_bytes());
    assert!(taken.starts_with("new 1 -\n\n"), "{taken}");
    let fields = format!(
        "NAME: Anna Rossi\nSUBMITTER MAIL: anna@uni.example\nCONCERNED VO: atlas\nNOTIFIED SITE: {site}\n\
         PRIORITY: less urgent\nTICKET TYPE: USER\n"
    );
    assert!(taken.contains(&fields) && taken.contains("zum Ärger aller."), "{taken}");
    assert!(!taken.contains("Please answer this mail"), "the desk's help is not the user's text: {taken}");

    let accepted = helpdesk.run(&["accept", "1", "CE-17"], b"");
    assert_eq!(header(&accepted, "To"), address(header(&dispatch, "Reply-To")));
    assert_eq!(header(&accepted, "In-Reply-To"), header(&dispatch, "Message-ID"));
    assert_eq!(header(&accepted, "Subject"), header(&dispatch, "Subject"));
    desk.gets(&accepted);
    let ticket = desk.ticket("1");
    assert_eq!((&ticket["status"], &ticket["legs"][0]["foreign_id"]), (&"in progress".into(), &"CE-17".into()));

    desk.gets(&helpdesk.run(&["comment", "1"], "Wir sehen nach, it is the größte Warteschlange.".as_bytes()));
    assert!(desk.written_to("anna@uni.example").contains("gr=C3=B6=C3=9Fte Warteschlange"));
    desk.gets(&helpdesk.run(&["ask", "1"], b"Which queue?\n"));
    let question = desk.written_to("anna@uni.example");
    assert!(question.contains("\n\nWhich queue?\n") && !question.contains("CE-17"), "{question}");
    assert_eq!(desk.ticket("1")["status"], "waiting for reply");

    desk.gets(&format!(
        "From: Anna Rossi <anna@uni.example>\nTo: {}\nSubject: Re: {}\nMessage-ID: <{site}.2@uni.example>\n\
         In-Reply-To: {}\n\nThe long one.\n",
        address(header(&question, "Reply-To")),
        header(&question, "Subject"),
        header(&question, "Message-ID")
    ));
    let reply = desk.written_to(unit);
    assert_eq!(helpdesk.take(reply.as_bytes()), "mail 1 CE-17");
    assert!(helpdesk.run(&["show", "1"], b"").contains("The long one."));

    let solution = "The queue was closed by mistake.\n\nIt is open again.\nPlease try once more.";
    let solved = helpdesk.run(&["solve", "1"], solution.as_bytes());
    assert_eq!(header(&solved, "In-Reply-To"), header(&reply, "Message-ID"));
    desk.gets(&solved);
    let ticket = desk.ticket("1");
    assert_eq!((&ticket["status"], &ticket["solution"]), (&"solved".into(), &solution.into()));
    assert!(desk.written_to("anna@uni.example").contains("It is open again."));
    assert_eq!(helpdesk.take(desk.written_to(unit).as_bytes()), "mail 1 CE-17");
    let list = helpdesk.run(&["list"], b"");
    assert!(list.starts_with("1\tCE-17\tmail\t") && list.lines().count() == 1, "{list}");
}

#[test]
fn a_ticket_goes_from_the_users_mail_to_the_solution() {
    for client in CLIENTS {
        FORMS.iter().for_each(|form| ticket_from_mail_to_solution(client, *form));
    }
}

#[test]
fn what_is_refused_goes_back_to_those_who_triage() {
    for client in CLIENTS {
        let desk = Desk::new();
        let helpdesk = desk.helpdesk(client, "helpdesk@roc-north.example");
        helpdesk.take(desk.dispatch("HPC2N", helpdesk.address, "CE down").as_bytes());
        desk.gets(&helpdesk.run(&["refuse", "1"], b"This CE is not ours.\nIt may be that of PSNC.\n"));
        let ticket = desk.ticket("1");
        assert_eq!((&ticket["unit"], &ticket["legs"][0]["state"]), (&"TPM".into(), &"refused".into()), "{client}");
        let to_tpm = desk.written_to("tpm@ggus.example");
        assert!(to_tpm.contains("This CE is not ours") && to_tpm.contains("It may be that of PSNC."), "{to_tpm}");
        assert_eq!(helpdesk.take(desk.written_to(helpdesk.address).as_bytes()), "mail 1 -");
    }
}

#[test]
fn the_same_dispatch_at_once_and_again_is_one_ticket() {
    let desk = Desk::new();
    let dispatch = desk.dispatch("PSNC", "helpdesk@roc-ce.example", "CE down");
    for client in CLIENTS {
        let helpdesk = desk.helpdesk(client, "helpdesk@roc-ce.example");
        let running: Vec<_> = (0..4).map(|_| helpdesk.start(&["take"], dispatch.as_bytes())).collect();
        let mut told: Vec<String> = running
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .map(|done| String::from_utf8(done.stdout).unwrap().lines().next().unwrap_or_default().to_owned())
            .collect();
        told.sort();
        assert_eq!(told, ["again 1 -", "again 1 -", "again 1 -", "new 1 -"], "{client}");
        // The desk writes once more about the ticket, in another mail.
        let second = dispatch.replace("Message-ID: <1.", "Message-ID: <1.1.");
        assert_eq!(helpdesk.take(second.as_bytes()), "mail 1 -", "{client}");
    }
}

#[test]
fn what_one_client_has_kept_another_reads() {
    let desk = Desk::new();
    let dispatch = desk.dispatch("PSNC", "helpdesk@roc-ce.example", "Größe & \"Ärger\"");
    let mut helpdesk = desk.helpdesk("py", "helpdesk@roc-ce.example");
    helpdesk.take(dispatch.as_bytes());
    helpdesk.client = "php";
    let accepted = helpdesk.run(&["accept", "1", "17"], b"");
    assert!(header(&accepted, "Subject").starts_with("GGUS-Ticket-ID: #1 "), "{accepted}");
    helpdesk.client = "pl";
    let solved = helpdesk.run(&["solve", "1"], b"Done.");
    assert!(header(&solved, "Subject").starts_with("GGUS-Ticket-ID: #1 "), "{solved}");
    let shown = CLIENTS.map(|client| Helpdesk { client, ..helpdesk_at(&helpdesk) }.run(&["show", "1"], b""));
    assert!(shown[0].starts_with("GGUS-Ticket-ID: #1 Größe & \"Ärger\"\nlocal id 17, last: solve\n"), "{}", shown[0]);
    assert!(shown.iter().all(|text| *text == shown[0]), "{shown:#?}");
}

fn helpdesk_at<'a>(helpdesk: &Helpdesk<'a>) -> Helpdesk<'a> {
    Helpdesk { client: helpdesk.client, address: helpdesk.address, store: helpdesk.store.clone() }
}

#[test]
fn automatic_and_strange_mail_is_kept_and_gets_no_answer() {
    let desk = Desk::new();
    let dispatch = desk.dispatch("PSNC", "helpdesk@roc-ce.example", "CE down");
    let own = "From: helpdesk@roc-ce.example";
    let cases = [
        ("it is automatic mail, which nobody is to answer", format!("Auto-Submitted: auto-replied\n{dispatch}")),
        ("it is automatic mail, which nobody is to answer", format!("Precedence: bulk\n{dispatch}")),
        ("it is automatic mail, which nobody is to answer", format!("List-Id: <grid.example>\n{dispatch}")),
        (
            "it is automatic mail, which nobody is to answer",
            dispatch.replace("Return-Path: <", "Return-Path: <>\nX-Was: <"),
        ),
        (
            "it is automatic mail, which nobody is to answer",
            dispatch.replace("multipart/mixed", "multipart/report; report-type=delivery-status"),
        ),
        (
            "it is not from support@ggus.example; if that is not the desk's address, set GGUS_DESK",
            dispatch.replace("From: GGUS Support <support@ggus.example>", own),
        ),
        ("From is there twice or too long", format!("{own}\n{dispatch}")),
        (
            "its Reply-To leads away from the desk",
            dispatch.replace("Reply-To: GGUS Support <support+", "Reply-To: <eve@evil.example>, <support+"),
        ),
        (
            "its subject does not begin with the desk's tag",
            dispatch.replace("Subject: GGUS-Ticket-ID: #1", "Subject: [rt.example #1]"),
        ),
        ("its subject and its form name two tickets", dispatch.replace("GGUS-Ticket-ID: #1", "GGUS-Ticket-ID: #2")),
        ("it has no Message-ID that can be answered to", dispatch.replace("Message-ID: <", "Message-ID: <a b")),
    ];
    for client in CLIENTS {
        let helpdesk = desk.helpdesk(client, "helpdesk@roc-ce.example");
        for (at, (why, mail)) in cases.iter().enumerate() {
            assert!(*mail != dispatch, "{why}: the case is the dispatch itself");
            assert_eq!(helpdesk.take(mail.as_bytes()), format!("refused {} {why}", at + 1), "{client}");
        }
        assert_eq!(helpdesk.run(&["refused", "1"], b""), cases[0].1, "{client}: kept as it came");
        assert_eq!(helpdesk.run(&["list"], b"").lines().count(), cases.len());
        assert_eq!(helpdesk.fails(&["solve", "1"], b"text").0, 1, "{client}");
        let (code, told) = helpdesk.fails(&["accept", "1", "17"], b"");
        assert_eq!(
            (code, told.as_str()),
            (1, "ggus-client: 1 is not known here; `ggus-client list` shows the tickets that are\n"),
            "{client}"
        );
    }
}

/// The dispatch with another XML form.
fn with_xml(dispatch: &str, xml: &str) -> String {
    let (head, rest) = dispatch.rsplit_once("Content-Transfer-Encoding: base64\n\n").expect("an XML form");
    let (_, end) = rest.split_once("\n--").expect("an end");
    format!("{head}Content-Transfer-Encoding: 8bit\n\n{xml}\n--{end}")
}

#[test]
fn a_hostile_dispatch_does_no_harm() {
    let desk = Desk::new();
    let subject =
        "`touch harm` $(touch harm); touch harm | touch harm & %x{touch harm} ../../harm <?php touch('harm') ?>";
    let dispatch = desk.dispatch("PSNC", "helpdesk@roc-ce.example", subject);
    let ticket = "<GHD_Request-ID>1</GHD_Request-ID>";
    let refused = [
        with_xml(
            &dispatch,
            &format!(
                "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Ticket>{ticket}<GHD_Name>&e;</GHD_Name></Ticket>"
            ),
        ),
        with_xml(&dispatch, &format!("<!doctype x SYSTEM \"http://127.0.0.1:9/x.dtd\"><Ticket>{ticket}</Ticket>")),
        with_xml(&dispatch, &format!("<?xml version=\"1.0\" encoding=\"UTF-7\"?><Ticket>{ticket}</Ticket>")),
        with_xml(&dispatch, &format!("<Ticket>{ticket}<GHD_Name>&e;</GHD_Name></Ticket>")),
        with_xml(&dispatch, &format!("<Ticket>{ticket}{}", "<a>".repeat(100_000))),
        with_xml(&dispatch, &format!("<Ticket>{ticket}\0</Ticket>")),
        with_xml(&dispatch, &format!("<Ticket>{ticket}<GHD_Name>{}</GHD_Name></Ticket>", "x".repeat(2 << 20))),
        dispatch.replace("Subject: ", &format!("Subject: {}", "x".repeat(10_000_000))),
        dispatch.replacen(
            "\n\n",
            &format!("\n\n{}", "--a\nContent-Type: multipart/mixed; boundary=a\n\n".repeat(100_000)),
            1,
        ),
    ];
    let long_line = with_xml(&dispatch, &format!("<Ticket>{ticket}</Ticket>")).replacen(
        "[GGUS:1]",
        &format!("{}[GGUS:1]", "=41x ".repeat(2_000_000)),
        1,
    );
    let with_nuls = dispatch
        .replacen("Subject: GGUS-Ticket-ID: #1 ", "Subject: GGUS-Ticket-ID: #1 a\0b\u{1b}[2J", 1)
        .replacen("[GGUS:1]", "\0\0=00=1B[2J[GGUS:1]", 1);
    for client in CLIENTS {
        let helpdesk = desk.helpdesk(client, "helpdesk@roc-ce.example");
        for (at, mail) in refused.iter().enumerate() {
            let told = helpdesk.take(mail.as_bytes());
            assert!(
                told.starts_with(&format!("refused {} it", at + 1)) || told.contains("too long"),
                "{client} {at}: {told}"
            );
        }
        let taken = helpdesk.run(&["take"], with_nuls.as_bytes());
        assert!(taken.starts_with("new 1 -") && !taken.contains(['\0', '\u{1b}']), "{client}: {taken}");
        let long = long_line.replacen("Message-ID: <1.", "Message-ID: <1.1.", 1);
        assert_eq!(helpdesk.take(long.as_bytes()), "mail 1 -", "{client}");
        let accepted = helpdesk.run(&["accept", "1", "17"], b"");
        let (head, _) = accepted.split_once("\n\n").unwrap();
        let names: BTreeSet<&str> =
            head.lines().filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(names, HEADERS.into(), "{client}: the subject has made a header");
        let local_id = "1;touch harm";
        assert_eq!(helpdesk.fails(&["accept", "1", local_id], b"").0, 2, "{client}");
        let names: Vec<String> = std::fs::read_dir(desk.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != "config" && name != "var" && !name.contains(".sqlite"))
            .collect();
        assert!(names.is_empty(), "{client} has written {names:?}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let desk = Desk::new();
    let dispatch = desk.dispatch("PSNC", "helpdesk@roc-ce.example", "CE down");
    for client in CLIENTS {
        let mut helpdesk = desk.helpdesk(client, "helpdesk@roc-ce.example");
        helpdesk.take(dispatch.as_bytes());
        helpdesk.take(
            dispatch
                .replace("ID: #1", "ID: #2")
                .replace("<1.", "<2.")
                .replace("ticket-1", "x")
                .replace("TICKET: 1", "TICKET: 2")
                .as_bytes(),
        );
        helpdesk.run(&["accept", "1", "17"], b"");
        for (arguments, code, words) in [
            (&["accept", "2", "17"][..], 1, "17 is your number of 1 already; give each ticket of the desk its own"),
            (&["solve", "1"], 65, "there is no text on standard input; pipe in what the desk is to read"),
            (&["take"], 65, "there is no mail on standard input; pipe one in"),
            (&["refused", "9"], 1, "no mail 9 was refused; `ggus-client list` shows which were"),
            (&["show", "x\u{1b}"], 1, "x is not known here; `ggus-client list` shows the tickets that are"),
            (&["accept", "1"], 2, "usage: ggus-client take < MAIL"),
            (&["dance"], 2, "usage: ggus-client take < MAIL"),
        ] {
            let (got, told) = helpdesk.fails(arguments, b"");
            assert!(
                got == code && told.starts_with(&format!("ggus-client: {words}")),
                "{client} {arguments:?}: {got} {told}"
            );
        }
        // A pipe must keep its mail and come again when the store can't be written.
        helpdesk.store = desk.path("no-folder/ggus.sqlite");
        std::fs::create_dir_all(desk.path("no-folder/ggus.sqlite")).unwrap();
        let (code, told) = helpdesk.fails(&["take"], dispatch.as_bytes());
        assert!(code == 75 && told.contains("try again when that is mended"), "{client}: {code} {told}");
    }
}

/// The script beside the clients, with a helpdesk that fails at first.
#[test]
fn the_script_opens_a_ticket_once_and_adds_to_it() {
    let desk = Desk::new();
    let dispatch = desk.dispatch("HPC2N", "helpdesk@roc-north.example", "CE down");
    let system = "#!/bin/sh\n[ -e ready ] || exit 1\n{ echo \"$@\"; cat; } >>calls\n[ $1 != create ] || echo 4711\n";
    for (name, text) in [("your-helpdesk", system), ("mailer", "#!/bin/sh\ncat >>sent\n")] {
        std::fs::write(desk.path(name), text).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(desk.path(name)).status().unwrap().success());
    }
    let script = |mail: &str| {
        let mut child = Command::new(examples("ggus-in.sh"))
            .current_dir(desk.folder.path())
            .env("PATH", format!("{}:{}", desk.folder.path().display(), std::env::var("PATH").unwrap()))
            .env("GGUS_CLIENT", examples("ggus-client.py"))
            .env("GGUS_MAILER", "mailer")
            .env("GGUS_FROM", "helpdesk@roc-north.example")
            .env("GGUS_STORE", desk.path("script.sqlite"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
        child.wait().unwrap().code().unwrap()
    };
    assert_eq!(script(&dispatch), 75);
    std::fs::write(desk.path("ready"), "").unwrap();
    assert_eq!((script(&dispatch), script(&dispatch)), (0, 0));
    assert_eq!(script(&dispatch.replace("Message-ID: <1.", "Message-ID: <1.1.")), 0);
    assert_eq!(script(&format!("Auto-Submitted: auto-replied\n{dispatch}")), 0);
    let calls = std::fs::read_to_string(desk.path("calls")).unwrap();
    let told: Vec<&str> = calls.lines().filter(|line| *line == "create" || line.starts_with("append")).collect();
    assert_eq!(told, ["create", "append 4711"], "{calls}");
    desk.gets(&std::fs::read_to_string(desk.path("sent")).unwrap());
    assert_eq!(desk.ticket("1")["legs"][0]["foreign_id"], "4711");
}

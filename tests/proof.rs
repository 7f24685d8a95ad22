//! The gateway's own checks of DKIM, SPF, DMARC and ARC, on mails that another program signed and with a real name
//! server. What can't be asked is not proven.

mod servers;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ggus_gateway::mail::authres::{Alignment, MethodResult, alignment};
use ggus_gateway::proof::{Prover, Settings};
use jiff::{SignedDuration, Timestamp};
use servers::dns::NameServer;

const MAIL: &str = "From: Helpdesk <helpdesk@infn.example>\r\nTo: support@ggus.example\r\n\
    Subject: Re: [GGUS:57890] CE down\r\nDate: Wed, 25 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@infn.example>\r\n\
    \r\nIt works again.\r\n";

/// Signs as `how` says, in the words of the signing library.
const SIGN: &str = "
import dkim, sys, time
how = dict(part.split('=', 1) for part in sys.argv[2:])
mail = sys.stdin.buffer.read()
key = open(sys.argv[1], 'rb').read()
fields = [name.encode() for name in how.get('fields', 'from:to:subject:date:message-id').split(':')]
if 'age' in how:
    now = time.time() - int(how['age'])
    time.time = lambda: now
domain = how.get('domain', 'infn.example').encode()
if how.get('what') == 'arc':
    lines = dkim.arc_sign(mail, b's1', domain, key, how['server'].encode(), include_headers=fields)
    sys.stdout.buffer.write(b''.join(lines) + mail)
else:
    line = dkim.sign(mail, b's1', domain, key, include_headers=fields, length='length' in how)
    sys.stdout.buffer.write(line + mail)
";

struct World {
    folder: tempfile::TempDir,
    names: NameServer,
}

impl World {
    /// `infn.example` signs and asks that nothing else be believed; `list.example` seals what it passes on.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        run(Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048"), "");
        let public = run(Command::new("openssl").args(["rsa", "-pubout", "-in"]).arg(&key), "");
        let base64: String = public.lines().filter(|line| !line.starts_with('-')).collect();
        let record = format!("v=DKIM1; k=rsa; p={base64}");
        let names = NameServer::start(
            &[
                ("s1._domainkey.infn.example", &record),
                ("s1._domainkey.list.example", &record),
                ("s1._domainkey.other.example", &record),
                ("_dmarc.infn.example", "v=DMARC1; p=reject"),
                ("infn.example", "v=spf1 ip4:192.0.2.7 -all"),
            ],
            &[],
        );
        Self { folder, names }
    }

    fn settings(&self) -> Settings {
        Settings {
            name_servers: vec![([127, 0, 0, 1], self.names.port).into()],
            trusted_sealers: vec!["list.example".to_owned()],
            ..Settings::default()
        }
    }

    fn signed(&self, mail: &str, how: &[&str]) -> String {
        run(Command::new("/usr/bin/python3").args(["-c", SIGN]).arg(self.key()).args(how), mail)
    }

    fn key(&self) -> std::path::PathBuf {
        Path::new(self.folder.path()).join("key.pem")
    }

    fn found(&self, mail: &str) -> Vec<MethodResult> {
        found(&self.settings(), &["mx.ggus.example"], mail)
    }

    fn judged(&self, mail: &str) -> Alignment {
        alignment(&self.found(mail), "infn.example")
    }
}

fn found(settings: &Settings, trusted: &[&str], mail: &str) -> Vec<MethodResult> {
    let trusted: Vec<String> = trusted.iter().map(|server| (*server).to_owned()).collect();
    let settings = Settings { own_checks: Some(true), ..settings.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let prover = Prover::new(&settings, &trusted).unwrap().unwrap();
    runtime.block_on(prover.check(mail.as_bytes(), Timestamp::now()))
}

fn run(command: &mut Command, input: &str) -> String {
    let shown = format!("{command:?}");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{shown}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn said<'a>(results: &'a [MethodResult], method: &str) -> Option<&'a str> {
    results.iter().find(|one| one.method == method).map(|one| one.result.as_str())
}

#[test]
fn a_signature_of_the_authors_domain_is_proof() {
    let world = World::new();
    let signed = world.signed(MAIL, &[]);
    let results = world.found(&signed);
    assert_eq!((said(&results, "dkim"), said(&results, "dmarc")), (Some("pass"), Some("pass")), "{results:?}");
    assert_eq!(alignment(&results, "infn.example"), Alignment::Pass);
    assert_eq!(alignment(&results, "pi.infn.example"), Alignment::Pass);
    assert_eq!(alignment(&results, "evil.example"), Alignment::Unknown);
    let without_cr = signed.replace("\r\n", "\n");
    assert_eq!(world.judged(&without_cr), Alignment::Pass);
    let bare = MAIL.replace("infn.example", "user.example");
    assert_eq!(world.found(&bare), [], "there is nothing to ask about");
}

#[test]
fn what_a_signature_does_not_cover_is_not_proven() {
    let world = World::new();
    let signed = world.signed(MAIL, &[]);
    let with = |from: &str, to: &str| world.judged(&signed.replace(from, to));
    assert_eq!(with("It works", "It never works"), Alignment::Unknown);
    assert_eq!(with("57890", "57891"), Alignment::Unknown);
    let second_subject = format!("Subject: [GGUS:1] x\r\n{signed}");
    assert_eq!(world.judged(&second_subject), Alignment::Unknown);
    for how in [&["fields=from:to:date"][..], &["length=yes"], &["domain=other.example"], &["age=864060"]] {
        assert_eq!(world.judged(&world.signed(MAIL, how)), Alignment::Unknown, "{how:?}");
    }
    let many = (0..11).fold(MAIL.to_owned(), |mail, _| world.signed(&mail, &[]));
    assert_eq!(world.found(&many), [], "so many signatures are looked at by nobody");
}

#[test]
fn a_name_server_that_fails_proves_nothing() {
    let world = World::new();
    let signed = world.signed(MAIL, &[]);
    let nobody = Settings { name_servers: vec![([127, 0, 0, 1], servers::free_port()).into()], ..world.settings() };
    assert_eq!(alignment(&found(&nobody, &[], &signed), "infn.example"), Alignment::Unknown);
    // A socket that takes questions and never answers.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = Settings {
        name_servers: vec![silent.local_addr().unwrap()],
        question_limit: SignedDuration::from_millis(200),
        mail_limit: SignedDuration::from_millis(300),
        ..world.settings()
    };
    assert_eq!(found(&silent, &[], &signed), []);
}

#[test]
fn the_last_hop_decides_about_spf_and_a_failed_dmarc() {
    let world = World::new();
    let taken_from = |ip: &str| {
        format!(
            "Return-Path: <helpdesk@infn.example>\r\n\
             Received: from mail.infn.example (unknown [{ip}]) by mx.ggus.example (Postfix); now\r\n{MAIL}"
        )
    };
    let good = world.found(&taken_from("192.0.2.7"));
    assert_eq!((said(&good, "spf"), said(&good, "dmarc")), (Some("pass"), Some("pass")), "{good:?}");
    let bad = world.found(&taken_from("203.0.113.9"));
    assert_eq!((said(&bad, "spf"), said(&bad, "dmarc")), (Some("fail"), Some("fail")), "{bad:?}");
    assert_eq!(alignment(&bad, "infn.example"), Alignment::Fail);
    // Where nobody tells the hop, an unsigned mail is not proven, and not refuted.
    assert_eq!(found(&world.settings(), &[], &taken_from("203.0.113.9")), []);
}

#[test]
fn a_trusted_forwarders_seal_tells_what_it_saw() {
    let world = World::new();
    let seen = format!(
        "Authentication-Results: mx.list.example; dkim=pass header.d=infn.example; dmarc=pass header.from=infn.example\r\n{MAIL}"
    );
    let changed = seen.replace("Subject: Re: ", "Subject: [list] Re: ");
    let sealed = world.signed(&changed, &["what=arc", "domain=list.example", "server=mx.list.example"]);
    assert_eq!(world.judged(&sealed), Alignment::Pass, "{:?}", world.found(&sealed));
    assert_eq!(world.judged(&sealed.replace("It works", "It never works")), Alignment::Unknown);
    let by_other = world.signed(&changed, &["what=arc", "domain=other.example", "server=mx.list.example"]);
    assert_eq!(world.judged(&by_other), Alignment::Unknown);
    let untrusting = Settings { trusted_sealers: Vec::new(), ..world.settings() };
    assert_eq!(alignment(&found(&untrusting, &[], &sealed), "infn.example"), Alignment::Unknown);
}

/// The whole program: a unit that must sign, believed by its signature alone.
#[test]
fn a_unit_is_believed_by_its_signature() {
    let world = World::new();
    let config = world.folder.path().join("config");
    let file = |name: &str| config.join(name);
    let program = |arguments: &[&str], input: &str| {
        run(
            Command::new(env!("CARGO_BIN_EXE_ggus-gateway")).arg("--config").arg(file("gateway.toml")).args(arguments),
            input,
        )
    };
    run(Command::new(env!("CARGO_BIN_EXE_ggus-gateway")).arg("init").arg(&config), "");
    let gateway = format!(
        "[desk]\naddress = \"support@ggus.example\"\n[store]\npath = \"desk.sqlite\"\n\
         [relay.maildir]\npath = \"out\"\n[proof]\nname_servers = [\"127.0.0.1:{}\"]\n",
        world.names.port
    );
    std::fs::write(file("gateway.toml"), gateway).unwrap();
    let routing = "default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@ggus.example\"\n\
                   [unit.ROC_Italy]\naddress = \"helpdesk@infn.example\"\nsites = [\"INFN-T1\"]\n";
    std::fs::write(file("routing.toml"), routing).unwrap();
    program(
        &["ingest", "-"],
        "From: anna@user.example\r\nSubject: CE down\r\n\r\nSITE: INFN-T1\r\n\r\nIt is down.\r\n",
    );
    let answer = MAIL.replace("GGUS:57890", "GGUS:1");
    let explained = |mail: &str| -> serde_json::Value {
        serde_json::from_str(&program(&["explain", "--json", "-"], mail)).unwrap()
    };
    let signed = explained(&world.signed(&answer, &[]));
    assert_eq!((&signed["sender"]["by"], &signed["verdict"]), (&"dkim".into(), &"append".into()), "{signed}");
    let unsigned = explained(&answer);
    assert_eq!(unsigned["sender"]["verified"], false, "{unsigned}");
    assert_eq!(unsigned["outbound"].as_array().map(Vec::len), Some(0), "{unsigned}");
}

#[test]
fn trusted_servers_are_not_checked_again_unless_asked() {
    let trusted = ["mx.ggus.example".to_owned()];
    let world = World::new();
    assert!(Prover::new(&world.settings(), &trusted).unwrap().is_none());
    assert!(Prover::new(&world.settings(), &[]).unwrap().is_some());
    let off = Settings { own_checks: Some(false), ..world.settings() };
    assert!(Prover::new(&off, &[]).unwrap().is_none());
}

//! The LMTP door: hand-written conversations for what no MTA would say, a real Postfix for the rest, and the program
//! killed while that hands mail over.

mod servers;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::Command;

use ggus_gateway::source::{self, Health, SourceSettings, Stay};
use servers::door::{Running, run};
use servers::postfix::Postfix;
use servers::{free_port, until, until_listening};

/// A door on a port of this host, at work.
async fn door(settings: &str, full: bool) -> (Running, u16) {
    let port = free_port();
    let settings: SourceSettings = toml::from_str(&format!("[lmtp]\nlisten = '127.0.0.1:{port}'\n{settings}")).unwrap();
    let running = run(settings, Stay::Forever, full);
    running.until("open", |seen| seen.healths.contains(&Health::Well(format!("open at 127.0.0.1:{port}")))).await;
    (running, port)
}

/// An MTA's end of a connection.
struct Mta(BufReader<TcpStream>);

impl Mta {
    fn new(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(servers::PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Greeted, and ready for mail to one recipient or more.
    fn ready(port: u16, recipients: &[&str]) -> Self {
        let mut mta = Self::new(port);
        mta.says("LHLO mx.example\r\nMAIL FROM:<anna@uni.example>\r\n");
        assert_eq!(mta.hears(9).last().unwrap(), "250 2.1.0 from there");
        for recipient in recipients {
            mta.says(&format!("RCPT TO:<{recipient}>\r\n"));
            assert_eq!(mta.hears(1), ["250 2.1.5 to there"]);
        }
        mta
    }

    fn says(&mut self, bytes: &str) {
        self.0.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    fn hears(&mut self, lines: usize) -> Vec<String> {
        let mut line = || {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        (0..lines).map(|_| line()).collect()
    }

    fn hears_the_end(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        rest
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_come_together_are_answered_in_turn_and_each_recipient_for_itself() {
    let (running, port) = door("", false).await;
    let mut mta = Mta::new(port);
    mta.says(
        "LHLO mx.example\r\nMAIL FROM:<>\r\nRCPT TO:<support@ggus.example>\r\nRCPT TO:<nobody>\r\n\
         RCPT TO:<support+7.t@ggus.example>\r\nDATA\r\n",
    );
    assert_eq!(
        mta.hears(13)[7..],
        [
            "250 SIZE 26214400",
            "250 2.1.0 from there",
            "250 2.1.5 to there",
            "553 5.1.3 that is no address",
            "250 2.1.5 to there",
            "354 end it with a line with a single dot"
        ]
    );
    // The first line and others begin with a dot; line ends of another kind end nothing.
    mta.says("..first: x\r\n\r\n..\r\n\n.\r\nMAIL FROM:<mallory@x.example>\r\n.\n..a\r\n.\r\nNOOP\r\nQUIT\r\n");
    assert_eq!(mta.hears_the_end(), "250 2.0.0 kept\r\n250 2.0.0 kept\r\n250 2.0.0 here\r\n221 2.0.0 goodbye\r\n");
    let mails = running.end().await;
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(
        String::from_utf8_lossy(&mail.raw),
        "Return-Path: <>\r\nDelivered-To: support@ggus.example\r\nDelivered-To: support+7.t@ggus.example\r\n\
         .first: x\r\n\r\n.\r\n\n.\r\nMAIL FROM:<mallory@x.example>\r\n\n..a\r\n"
    );
    assert_eq!(mail.recipients.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_make_one_mail_and_the_same_mail_has_the_same_identity() {
    let (running, port) = door("", false).await;
    for _ in 0..2 {
        let mut mta = Mta::ready(port, &["support@ggus.example"]);
        mta.says("BDAT 12\r\nSubject: x\r\nBDAT 2\r\n\r\nBDAT 5 LAST\r\n.\r\nhi");
        assert_eq!(mta.hears(3), ["250 2.0.0 go on", "250 2.0.0 go on", "250 2.0.0 kept"]);
        // A chunk without a mail is no command.
        mta.says("BDAT 14\r\nNOOP\r\nNOOP\r\n\r\nQUIT\r\n");
        assert_eq!(mta.hears(2), ["503 5.5.1 RCPT TO comes first", "221 2.0.0 goodbye"]);
    }
    let mails = running.end().await;
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1]);
    assert!(mails[0].raw.ends_with(b"Subject: x\r\n\r\n.\r\nhi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_too_large_is_refused_and_the_next_is_taken() {
    let (running, port) = door("largest_mail = 50\n", false).await;
    let mut mta = Mta::ready(port, &["a@ggus.example", "b@ggus.example"]);
    mta.says(&format!("DATA\r\n{}\r\n.\r\n", "x".repeat(100_000)));
    let refused = "552 5.3.4 the mail is larger than this desk takes";
    assert_eq!(mta.hears(3)[1..], [refused, refused]);
    mta.says("MAIL FROM:<>\r\nRCPT TO:<a@ggus.example>\r\nBDAT 51\r\n");
    mta.says(&format!("{}BDAT 1 LAST\r\nx", "x".repeat(51)));
    assert_eq!(mta.hears(4)[2..], [refused, refused]);
    mta.says("MAIL FROM:<>\r\nRCPT TO:<a@ggus.example>\r\nDATA\r\nSubject: x\r\n.\r\n");
    assert_eq!(mta.hears(4)[3], "250 2.0.0 kept");
    assert_eq!(running.end().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_kept_stays_with_the_mta_and_is_told() {
    let (running, port) = door("", true).await;
    let mut mta = Mta::ready(port, &["a@ggus.example", "b@ggus.example"]);
    mta.says("DATA\r\nSubject: x\r\n.\r\n");
    assert_eq!(mta.hears(3)[1..], ["451 4.3.0 disk full", "451 4.3.0 disk full"]);
    running.until("told", |seen| matches!(seen.healths.last(), Some(Health::Trouble(_)))).await;
    running.seen.lock().unwrap().full = false;
    mta.says("MAIL FROM:<>\r\nRCPT TO:<a@ggus.example>\r\nDATA\r\nSubject: x\r\n.\r\n");
    assert_eq!(mta.hears(4)[3], "250 2.0.0 kept");
    running.until("well again", |seen| matches!(seen.healths.last(), Some(Health::Well(_)))).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_breaks_off_is_none_and_a_stop_is_told_to_everybody() {
    let (running, port) = door("connections = 2\n", false).await;
    let mut broken = Mta::ready(port, &["a@ggus.example"]);
    broken.says("DATA\r\nSubject: x\r\n.\r");
    let mut other = Mta::new(port);
    assert_eq!(other.hears(1), ["220 localhost LMTP the desk is open"]);
    assert_eq!(Mta::new(port).hears_the_end(), "421 4.3.2 too many connections, come again\r\n");
    drop(broken);
    // Its place is free as soon as the door knows that it is gone.
    let mut third = None;
    until("a free place", || {
        let mut mta = Mta::new(port);
        let greeted = mta.hears(1)[0].starts_with("220");
        third = greeted.then_some(mta);
        greeted
    });
    let mut third = third.unwrap();
    third.says("LHLO mx.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@ggus.example>\r\nDATA\r\nSubject: half");
    third.hears(10);
    assert_eq!(running.end().await, []);
    for mut mta in [other, third] {
        assert_eq!(mta.hears_the_end(), "421 4.3.2 the gateway is stopping, come again\r\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_and_silence_have_an_end() {
    let (running, port) = door("limit = '200ms'\n", false).await;
    let mut mta = Mta::new(port);
    assert_eq!(mta.hears_the_end().lines().last(), Some("421 4.4.2 nothing was heard for too long"));
    let mut mta = Mta::new(port);
    mta.says(&format!("{}\r\nNOOP\r\n", "x".repeat(1 << 20)));
    assert_eq!(mta.hears(3)[1..], ["500 5.5.6 the line is too long", "250 2.0.0 here"]);
    mta.says(&"GET / HTTP/1.1\r\n".repeat(30));
    assert!(mta.hears_the_end().ends_with("421 4.7.0 too many faults\r\n"));
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_left_by_a_killed_gateway_is_taken_over_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let settings: SourceSettings = toml::from_str(&format!("[lmtp]\nlisten = {path:?}\nmode = '0606'")).unwrap();
    let running = run(settings.clone(), Stay::Forever, false);
    running.until("open", |seen| matches!(seen.healths.last(), Some(Health::Well(_)))).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o606);
    let second = run(settings.clone(), Stay::Forever, false);
    let told = |health: &Health| matches!(health, Health::Trouble(text) if text.contains("another program has it"));
    second.until("told", |seen| seen.healths.iter().any(told)).await;
    assert!(source::probe(&settings).await.unwrap().ends_with("lmtp.sock is open"));
    second.end().await;
    let mut greeting = [0; 3];
    UnixStream::connect(&path).unwrap().read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"220");
    running.end().await;
}

/// Mails that `smtp-source` brings; each is another one.
const MAILS: usize = 200;

/// A desk with an LMTP door at work, and Maildirs as the way out.
struct Desk {
    folder: tempfile::TempDir,
    port: u16,
    gateway: Option<std::process::Child>,
}

impl Desk {
    fn start() -> Self {
        let mut desk = Self { folder: tempfile::tempdir().unwrap(), port: free_port(), gateway: None };
        assert!(desk.program(&["init", &desk.path("config")]).status.success());
        let text = format!(
            "[desk]\nname = \"GGUS\"\naddress = \"gw@example.test\"\n[store]\npath = \"desk.sqlite\"\n\
             [source.mta.lmtp]\nlisten = \"127.0.0.1:{}\"\n[relay.maildir]\npath = \"out\"\n\
             [limits]\nanswers_per_correspondent = 100000\n",
            desk.port
        );
        std::fs::write(desk.path("config/gateway.toml"), text).unwrap();
        desk.run();
        desk
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn program(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(servers::desk::PROGRAM).args(arguments).output().unwrap()
    }

    fn run(&mut self) {
        let mut command = Command::new(servers::desk::PROGRAM);
        command.args(["--config", &self.path("config/gateway.toml"), "run"]);
        self.gateway = Some(servers::start(&mut command));
        until_listening("the gateway", self.port);
    }

    fn kill(&mut self) {
        let mut gateway = self.gateway.take().unwrap();
        gateway.kill().unwrap();
        gateway.wait().unwrap();
    }

    fn tickets(&self) -> usize {
        let config = self.path("config/gateway.toml");
        let done = self.program(&["--config", &config, "ticket", "list", "--most", "100000", "--json"]);
        serde_json::from_slice::<serde_json::Value>(&done.stdout).unwrap().as_array().unwrap().len()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if self.gateway.is_some() {
            self.kill();
        }
    }
}

/// Hands mails over, from eight connections.
fn smtp_source(arguments: &[&str]) -> std::process::Child {
    let count = MAILS.to_string();
    let mut command = Command::new("smtp-source");
    command.args(["-s", "8", "-m", &count, "-f", "anna@uni.example", "-t", "gw@example.test", "-N"]).args(arguments);
    servers::start(&mut command)
}

#[test]
fn eight_connections_of_smtp_source_make_a_ticket_of_each_mail() {
    let desk = Desk::start();
    let done = smtp_source(&["-L", &format!("inet:127.0.0.1:{}", desk.port)]).wait().unwrap();
    assert!(done.success());
    assert_eq!(desk.tickets(), MAILS);
}

#[test]
fn killed_while_postfix_hands_over_nothing_is_lost_and_nothing_doubled() {
    let mut desk = Desk::start();
    let postfix = Postfix::before(&format!("inet:127.0.0.1:{}", desk.port), free_port());
    let mut source = smtp_source(&[&format!("inet:127.0.0.1:{}", postfix.smtp)]);
    for share in 1..=3 {
        until("mails are taken", || desk.tickets() >= share * MAILS / 5);
        desk.kill();
        desk.run();
    }
    assert!(source.wait().unwrap().success());
    until("all are tickets", || desk.tickets() >= MAILS);
    until("Postfix has none left", || {
        let queue = Command::new("postqueue").args(["-c", &postfix.path("etc").display().to_string(), "-j"]).output();
        queue.unwrap().stdout.is_empty()
    });
    assert_eq!(desk.tickets(), MAILS);
}

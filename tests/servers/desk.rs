//! The real program between a real Postfix and a real Dovecot: the desk gw@example.test, its units roc and france, and
//! anna, who writes to it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::dovecot::Dovecot;
use super::postfix::Postfix;
use super::until;

pub struct World {
    folder: tempfile::TempDir,
    pub dovecot: Dovecot,
    pub postfix: Postfix,
    pub gateway: Option<Child>,
}

impl World {
    pub fn build() -> Self {
        Self::with_store("desk.sqlite")
    }

    /// With the store in this file, in the directory of the configuration or elsewhere.
    pub fn with_store(store: impl AsRef<Path>) -> Self {
        let dovecot = Dovecot::start();
        let postfix = Postfix::start(&dovecot);
        let world = Self { folder: tempfile::tempdir().unwrap(), dovecot, postfix, gateway: None };
        let done = Command::new(PROGRAM).arg("init").arg(world.path("")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        std::fs::write(world.path("gateway.toml"), world.gateway_toml(store.as_ref())).unwrap();
        std::fs::write(world.path("routing.toml"), ROUTING).unwrap();
        std::fs::write(world.path("imap-password"), "secret\n").unwrap();
        world
    }

    fn gateway_toml(&self, store: &Path) -> String {
        format!(
            "[desk]\nname = \"GGUS\"\naddress = \"gw@example.test\"\n[store]\npath = {store:?}\n\
             [source.support.imap]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"gw@example.test\"\n\
             password_file = \"imap-password\"\nfirst_wait = \"100ms\"\nlongest_wait = \"500ms\"\npoll = \"5s\"\n\
             [relay.smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             [outbox]\nfirst_wait = \"1s\"\nlongest_wait = \"2s\"\ngive_up_after = \"1h\"\nlease = \"5s\"\n\
             [limits]\nanswers_per_correspondent = 100000\n",
            self.dovecot.imap, self.postfix.smtp
        )
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("config").join(name)
    }

    /// Starts the daemon; what it logs is added to [`World::log`].
    pub fn run(&mut self) {
        self.run_under(&["env"]);
    }

    /// Starts the daemon by a command that ends in executing its arguments.
    pub fn run_under(&mut self, command: &[&str]) {
        let log = File::options().append(true).create(true).open(self.path("log")).unwrap();
        let mut daemon = Command::new(command[0]);
        daemon.args(&command[1..]).arg(PROGRAM).arg("--config").arg(self.path("gateway.toml")).arg("run");
        self.gateway = Some(daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// What all daemons of this world have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn signal(&mut self, signal: &str) {
        if let Some(mut gateway) = self.gateway.take() {
            assert!(Command::new("kill").arg(signal).arg(gateway.id().to_string()).status().unwrap().success());
            gateway.wait().unwrap();
        }
    }

    /// A command of the program.
    pub fn command(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM).arg("--config").arg(self.path("gateway.toml")).args(arguments).output().unwrap()
    }

    /// Whether the store is made and can be read: its file is there a moment before.
    pub fn has_store(&self) -> bool {
        self.command(&["ticket", "list"]).status.success()
    }

    /// Output of a command of the program, as JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let done = self.command(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {done:?}"))
    }

    /// Sends a mail through Postfix, as anybody would.
    pub fn send(&self, from: &str, to: &str, mail: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.postfix.smtp)).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        let mut say = |line: &str, expected: &str| {
            if !line.is_empty() {
                stream.write_all(line.as_bytes()).unwrap();
            }
            loop {
                let mut answer = String::new();
                answers.read_line(&mut answer).unwrap();
                assert!(answer.starts_with(expected), "{line}: {answer}");
                if answer.as_bytes().get(3) == Some(&b' ') {
                    break;
                }
            }
        };
        say("", "220");
        say("EHLO test.example\r\n", "250");
        say(&format!("MAIL FROM:<{from}>\r\n"), "250");
        say(&format!("RCPT TO:<{to}>\r\n"), "250");
        say("DATA\r\n", "354");
        say(&format!("{}\r\n.\r\n", mail.replace('\n', "\r\n")), "250");
        say("QUIT\r\n", "221");
    }

    /// Waits until a mailbox has so many mails; gives all of them.
    pub fn mails(&self, user: &str, count: usize) -> Vec<String> {
        until(&format!("{count} mails for {user}"), || self.dovecot.mails(user, "INBOX").len() >= count);
        self.dovecot.mails(user, "INBOX")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.signal("-KILL");
    }
}

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");

const ROUTING: &str = r#"
default_unit = "TPM"

[unit.TPM]
address = "tpm@example.test"

[unit.ROC_Italy]
address = "roc@example.test"
dialect = "rt"
parameters = { tag = "rt.roc-italy.example" }
trust = "address"
sites = ["INFN-T1"]

[unit.ROC_France]
address = "france@example.test"
dialect = "zammad"
trust = "address"
sites = ["IN2P3-CC"]
"#;

/// A field of a mail; there must be one.
pub fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
    line.and_then(|line| line.split_once(": "))
        .map(|(_, value)| value.trim())
        .unwrap_or_else(|| panic!("no {name}: {mail}"))
}

/// The address in angle brackets, or the whole.
pub fn address(value: &str) -> &str {
    value.rsplit_once('<').map_or(value, |(_, rest)| rest.trim_end_matches('>'))
}

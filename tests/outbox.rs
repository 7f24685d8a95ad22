//! Couriers side by side, by the real program and a server of threads that keeps one recipient waiting for as long as the
//! test says; no real server can be made to.

mod servers;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};

use servers::desk::{PROGRAM, header};
use servers::until;

/// What the server has taken, and how it behaves.
#[derive(Default)]
struct Taken {
    mails: Mutex<Vec<(String, String)>>,
    open: Mutex<bool>,
    opened: Condvar,
    logins: Mutex<usize>,
    connections: Mutex<(usize, usize)>,
}

impl Taken {
    fn serve(self: &Arc<Self>, refuses_login: bool) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::clone(self);
        std::thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || taken.talk(stream, refuses_login));
            }
        });
        port
    }

    fn talk(&self, mut stream: TcpStream, refuses_login: bool) -> Option<()> {
        {
            let mut connections = self.connections.lock().unwrap();
            connections.0 += 1;
            connections.1 = connections.1.max(connections.0);
        }
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut recipient = String::new();
        stream.write_all(b"220 mx.example\r\n").ok()?;
        while let Some(Ok(line)) = lines.next() {
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" if refuses_login => "250-mx.example\r\n250 AUTH PLAIN",
                "AUTH" => {
                    *self.logins.lock().unwrap() += 1;
                    "535 5.7.8 no"
                }
                "RCPT" => {
                    recipient = line[9..line.find('>').unwrap()].to_owned();
                    if recipient.starts_with("slow@") {
                        let open = self.open.lock().unwrap();
                        drop(self.opened.wait_while(open, |open| !*open).unwrap());
                    }
                    "250 yes"
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").ok()?;
                    let mail: Vec<String> =
                        lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                    self.mails.lock().unwrap().push((recipient.clone(), mail.join("\n")));
                    "250 taken"
                }
                "QUIT" => break,
                _ => "250 fine",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
        }
        self.connections.lock().unwrap().0 -= 1;
        Some(())
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn to(&self, recipient: &str) -> Vec<String> {
        let mails = self.mails.lock().unwrap();
        mails.iter().filter(|(to, _)| to.starts_with(recipient)).map(|(_, mail)| mail.clone()).collect()
    }
}

/// A desk with a unit whose mail is slow to be taken, and one whose mail is not.
struct Desk {
    folder: tempfile::TempDir,
    gateway: Option<std::process::Child>,
}

impl Desk {
    fn new(port: u16, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self { folder, gateway: None };
        let config = desk.path("config");
        assert!(Command::new(PROGRAM).arg("init").arg(&config).output().unwrap().status.success());
        let text = format!(
            "[desk]\nname = \"GGUS\"\naddress = \"gw@ggus.example\"\n[store]\npath = \"desk.sqlite\"\n\
             [relay.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n{settings}\n"
        );
        std::fs::write(desk.path("config/gateway.toml"), text).unwrap();
        let unit = |name: &str, site: &str| {
            format!("[unit.{name}]\naddress = \"{name}@roc.example\"\ndialect = \"plain\"\nsites = [\"{site}\"]\n")
        };
        let routing = format!("default_unit = \"quick\"\n{}{}", unit("slow", "SLOW-SITE"), unit("quick", "QUICK-SITE"));
        std::fs::write(desk.path("config/routing.toml"), routing).unwrap();
        desk
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["--config", &self.path("config/gateway.toml")]).args(arguments);
        command
    }

    /// So many tickets for a site.
    fn takes(&self, site: &str, tickets: usize) {
        let mails = self.path(site);
        std::fs::create_dir(&mails).unwrap();
        for number in 0..tickets {
            let mail = format!(
                "From: anna{number}@{site}.example\nTo: gw@ggus.example\nSubject: {site} {number}\n\nSITE: {site}\n\nText.\n"
            );
            std::fs::write(format!("{mails}/{number}.eml"), mail).unwrap();
        }
        let done = self.command(&["ingest", &mails]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    fn outbox(&self) -> Vec<serde_json::Value> {
        let listed = self.command(&["outbox", "list", "--most", "1000", "--json"]).output().unwrap();
        serde_json::from_slice(&listed.stdout).unwrap()
    }

    fn run(&mut self) {
        self.gateway = Some(servers::start(&mut self.command(&["run"])));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(mut gateway) = self.gateway.take() {
            let _ = gateway.kill();
            let _ = gateway.wait();
        }
    }
}

#[test]
fn a_recipient_that_is_slow_holds_up_nobody_else_and_tickets_keep_their_order() {
    let server = Arc::new(Taken::default());
    let port = server.serve(false);
    let mut desk = Desk::new(port, "connections = 4\n[outbox]\nlease = \"1s\"");
    desk.takes("SLOW-SITE", 20);
    desk.takes("QUICK-SITE", 20);
    for number in 21..=40 {
        let order = ["ticket", "comment", &number.to_string(), "We look into it.", "--public"];
        assert!(desk.command(&order).output().unwrap().status.success());
    }
    desk.run();
    until("all others are served", || server.to("quick@").len() == 40 && server.to("anna").len() == 60);
    assert_eq!(server.to("slow@"), Vec::<String>::new());
    // Their leases end while they wait for a courier: they are taken up again, and are not two mails for that.
    until("leases have ended", || desk.outbox().iter().any(|line| line["attempts"].as_u64() >= Some(3)));
    server.open();
    until("the slow one too", || desk.outbox().iter().all(|line| line["state"] == "sent"));
    assert_eq!(server.to("slow@").len(), 20);
    assert!((2..=4).contains(&server.connections.lock().unwrap().1));
    let mut of_ticket: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for mail in server.to("quick@") {
        of_ticket.entry(header(&mail, "Subject").to_owned()).or_default().push(mail.contains("We look into it."));
    }
    assert_eq!(of_ticket.len(), 20);
    assert!(of_ticket.values().all(|comments| *comments == [false, true]), "{of_ticket:?}");
}

#[test]
fn a_wrong_password_is_tried_once_for_all_that_waits() {
    let server = Arc::new(Taken::default());
    let port = server.serve(true);
    let mut desk = Desk::new(port, "connections = 4\nuser = \"gw\"\npassword = \"wrong\"");
    desk.takes("QUICK-SITE", 20);
    desk.run();
    until("all is put off", || {
        let lines = desk.outbox();
        lines.len() == 40 && lines.iter().all(|line| line["attempts"] == 1 && line["state"] == "ready")
    });
    assert_eq!(*server.logins.lock().unwrap(), 1);
}

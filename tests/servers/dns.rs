//! A private name server on loopback that knows some TXT and A records and nothing else.

use std::process::{Child, Command};

use super::{free_port, start, until};

pub struct NameServer {
    child: Child,
    pub port: u16,
}

impl NameServer {
    /// Answers for these names; every other one does not exist.
    pub fn start(texts: &[(&str, &str)], hosts: &[(&str, &str)]) -> Self {
        let port = free_port();
        let mut command = Command::new("dnsmasq");
        command.args(["--keep-in-foreground", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]);
        command.args(["--listen-address=127.0.0.1", "--bind-interfaces", "--local=/example/", "--pid-file="]);
        command.arg(format!("--port={port}"));
        for (name, text) in texts {
            // One string of a TXT record has 255 bytes at most; commas part them.
            let strings: Vec<&str> =
                text.as_bytes().chunks(200).map(|part| std::str::from_utf8(part).unwrap()).collect();
            command.arg(format!("--txt-record={name},{}", strings.join(",")));
        }
        for (name, address) in hosts {
            command.arg(format!("--host-record={name},{address}"));
        }
        let server = Self { child: start(&mut command), port };
        until("dnsmasq", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

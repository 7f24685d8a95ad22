//! Real mail servers on loopback, each in a directory of its own, stopped when dropped. `tests/run` installs them.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod desk;
pub mod dns;
pub mod door;
pub mod dovecot;
pub mod postfix;
pub mod script;
pub mod smtp_script;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start, or a thing to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A port that nobody has now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Looks again and again until it is so; panics when it takes too long.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Waits until somebody listens.
pub fn until_listening(what: &str, port: u16) {
    until(what, || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// Starts a program that must be installed.
pub fn start(command: &mut Command) -> Child {
    let shown = format!("{command:?}");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.unwrap_or_else(|error| panic!("{shown}: {error}; tests/run installs what is missing"))
}

/// A certificate for `name`, signed by itself: `cert.pem` and `key.pem`.
pub fn certificate(folder: &Path, name: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let (key, cert) = (folder.join("key.pem"), folder.join("cert.pem"));
    let done = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"])
        .args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), cert.as_os_str()])
        .output()
        .expect("openssl is missing; tests/run installs it");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

//! What the daemon writes to its log while strangers choose the words: subjects, addresses, file names, answers of servers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");
/// Colour, a line of its own, writing from right to left, a field, and the same in the 8-bit control characters.
const FORGED: &str = "\u{1b}[31m\u{202e}\u{200f}\u{9b}2J ticket=666\u{2028}2026-11-25T00:00:00Z  INFO all is well";

/// A mail server that refuses every recipient, in its own words.
fn refusing_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            write!(stream, "220 mx.example\r\n").unwrap();
            while let Some(Ok(line)) = lines.next() {
                let answer = match line.get(..4).unwrap_or_default() {
                    "RCPT" => format!("550 5.1.1 {}: no such user {FORGED}", &line[8..]),
                    _ => "250 fine".to_owned(),
                };
                if write!(stream, "{answer}\r\n").is_err() {
                    break;
                }
            }
        }
    });
    port
}

/// The log of a desk that takes one hostile mail and fails to send the receipt.
fn log(settings: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    assert!(Command::new(PROGRAM).arg("init").arg(&config).output().unwrap().status.success());
    let path: PathBuf = config.join("gateway.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let relay = "[relay.maildir]\npath = \"../var/outgoing\"";
    assert!(text.contains(relay) && text.contains("\n[log]\n") && text.contains("\nfolders = true\n"));
    let smtp =
        format!("[relay.smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nconnections = 1", refusing_server());
    let text = text.replace(relay, &smtp).replace("\nfolders = true\n", "\n");
    std::fs::write(&path, text.replace("\n[log]\n", &format!("\n[log]\n{settings}\n"))).unwrap();
    let new = folder.path().join("var/incoming/new");
    std::fs::create_dir_all(&new).unwrap();
    let mail =
        format!("From: Anna <anna@uni.example>\nTo: support@ggus.example\nSubject: {FORGED}\n\nThe body {FORGED}\n");
    std::fs::write(new.join(format!("anna@uni.example\n{FORGED}").replace('/', "")), mail).unwrap();
    let run = Command::new(PROGRAM).arg("--config").arg(&path).args(["run", "--once"]).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    String::from_utf8(run.stderr).unwrap()
}

fn only_plain_lines(log: &str) {
    let is_mark = |c: char| (c.is_control() && c != '\n') || "\u{200f}\u{202e}\u{2028}".contains(c);
    assert!(!log.contains(is_mark), "{log:?}");
    assert!(!log.contains("The body"), "{log}");
    // The words themselves are there: this log was attacked.
    assert!(log.matches("all is well").count() >= 3, "{log}");
}

#[test]
fn no_word_of_a_mail_or_a_server_forges_a_log_line() {
    let log = log("");
    only_plain_lines(&log);
    for line in log.lines() {
        let mut words = line.split_whitespace();
        let time = words.next().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z') && !line.starts_with("2026-11-25T00:00:00Z"), "{line}");
        assert!(matches!(words.next(), Some("INFO" | "WARN" | "ERROR")), "{line}");
        // Outside of quotes nothing but the desk's own fields.
        let outside: String = line.split('"').step_by(2).collect();
        assert!(!outside.contains("666"), "{line}");
    }
    assert!(log.contains("to=anna@uni.example"), "{log}");
}

#[test]
fn every_line_of_a_json_log_is_one_object_with_its_own_fields() {
    let log = log("format = \"json\"");
    only_plain_lines(&log);
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(["timestamp", "level", "message"].iter().all(|name| event[name].is_string()), "{line}");
        assert!(event["ticket"].is_null() || event["ticket"] == 1, "{line}");
    }
}

#[test]
fn masked_addresses_are_in_no_line() {
    for format in ["text", "json"] {
        let log = log(&format!("mask_addresses = true\nformat = {format:?}\nlevel = \"trace\""));
        only_plain_lines(&log);
        assert!(!log.contains("anna") && !log.contains("support@"), "{log}");
        assert!(log.contains("a…@uni.example") && log.contains("s…@ggus.example"), "{log}");
    }
}

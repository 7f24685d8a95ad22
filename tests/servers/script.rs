//! Peers that play an IMAP or SMTP server from a script, for faults and logins that a real one can't be made to have.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What a scripted server was told, line by line, without tags.
pub type Heard = Arc<Mutex<Vec<String>>>;

/// Plays one connection for each script. A script answers commands by their beginning; `TAG` stands for the command's tag.
/// A command that the script does not know is answered OK. `CLOSE` as an answer ends the connection. `GREETING` is what it
/// says first.
pub fn imap(scripts: Vec<Vec<(&'static str, &'static str)>>) -> u16 {
    imap_heard(scripts).0
}

/// The same, with what the server was told.
pub fn imap_heard(scripts: Vec<Vec<(&'static str, &'static str)>>) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let ear = Arc::clone(&heard);
    std::thread::spawn(move || {
        for script in scripts {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let _ = stream.set_nodelay(true);
            let _ = play(&mut stream, &script, &ear);
        }
    });
    (port, heard)
}

fn play(stream: &mut std::net::TcpStream, script: &[(&str, &str)], heard: &Heard) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let greeting = script.iter().find(|(word, _)| *word == "GREETING").map_or("* OK ready\r\n", |(_, said)| said);
    write!(stream, "{greeting}")?;
    // The tag of a command that waits for its second line, as AUTHENTICATE does.
    let mut open = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let (tag, command) = line.split_once(' ').unwrap_or((open.as_str(), line));
        heard.lock().unwrap().push(command.to_owned());
        let known = script.iter().find(|(word, _)| command.starts_with(word));
        let answer = known.map_or("TAG OK done\r\n", |(_, answer)| answer);
        let (said, close) = answer.split_once("CLOSE").map_or((answer, false), |(said, _)| (said, true));
        write!(stream, "{}", said.replace("TAG", tag))?;
        open = tag.to_owned();
        if close {
            return Ok(());
        }
    }
}

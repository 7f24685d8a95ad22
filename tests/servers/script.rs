//! A peer that plays an IMAP server from a script, for faults that a real one can't be made to have.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// Plays one connection for each script. A script answers commands by their word; `TAG` stands for the command's tag.
/// A command that the script does not know is answered OK. `CLOSE` as an answer ends the connection.
pub fn imap(scripts: Vec<Vec<(&'static str, &'static str)>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for script in scripts {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let _ = play(&mut stream, &script);
        }
    });
    port
}

fn play(stream: &mut std::net::TcpStream, script: &[(&str, &str)]) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    write!(stream, "* OK ready\r\n")?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap_or(("*", line.trim_end()));
        let known = script.iter().find(|(word, _)| command.starts_with(word));
        let answer = known.map_or("TAG OK done\r\n", |(_, answer)| answer);
        let (said, close) = answer.split_once("CLOSE").map_or((answer, false), |(said, _)| (said, true));
        write!(stream, "{}", said.replace("TAG", tag))?;
        if close {
            return Ok(());
        }
    }
}

//! A peer that plays an SMTP server from dialogues, for faults that a real one can't be made to have.
//!
//! A dialogue has one move per line: `> 250 ok` says it (several in a row go out at once, octet by octet in Latin-1),
//! `< RCPT TO` hears one line that must begin so, `< .` hears a mail to its final dot. `! cut` closes the connection,
//! `! hold` says nothing more, `! deaf` hears nothing more. After the last move the connection is closed.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::PATIENCE;

/// A running peer.
pub struct Peer {
    pub port: u16,
    lines: mpsc::UnboundedReceiver<String>,
    playing: JoinHandle<Result<(), String>>,
}

impl Peer {
    /// Plays one dialogue per connection, in order.
    pub async fn plays(dialogues: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let dialogues: Vec<String> = dialogues.iter().map(ToString::to_string).collect();
        let (heard, lines) = mpsc::unbounded_channel();
        let playing = tokio::spawn(async move {
            for dialogue in dialogues {
                let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
                play(stream, &dialogue, &heard).await?;
            }
            Ok(())
        });
        Self { port, lines, playing }
    }

    /// Waits for a line that begins so.
    pub async fn hears(&mut self, start: &str) {
        let waiting = async { while !self.lines.recv().await.expect("the peer has stopped").starts_with(start) {} };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("the peer never heard {start:?}"));
    }

    /// Waits for the end of the last dialogue and gives all that was heard and not yet waited for.
    pub async fn heard(mut self) -> Vec<String> {
        let end = timeout(PATIENCE, &mut self.playing).await.expect("the peer still waits for its cue");
        end.expect("the peer does not panic").unwrap();
        let mut heard = Vec::new();
        while let Ok(line) = self.lines.try_recv() {
            heard.push(line);
        }
        heard
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

async fn play(stream: TcpStream, dialogue: &str, heard: &mpsc::UnboundedSender<String>) -> Result<(), String> {
    let mut stream = BufReader::new(stream);
    let mut saying = Vec::new();
    for line in dialogue.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        let (mark, what) = line.split_once(' ').unwrap_or((line, ""));
        if mark == ">" {
            saying.extend(what.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).chain(*b"\r\n"));
            continue;
        }
        // A client that has hung up hears nothing; whether it should have is for the test to say.
        let _ = stream.get_mut().write_all(&std::mem::take(&mut saying)).await;
        match (mark, what) {
            ("<", ".") => drop(heard.send(hear_mail(&mut stream).await?)),
            ("<", start) => drop(heard.send(hear(&mut stream, start).await?)),
            ("!", "cut") => return Ok(()),
            ("!", "hold") => drop(stream.read_to_end(&mut Vec::new()).await),
            ("!", "deaf") => std::future::pending().await,
            _ => return Err(format!("{line:?} is no move")),
        }
    }
    let _ = stream.get_mut().write_all(&saying).await;
    Ok(())
}

async fn hear(stream: &mut BufReader<TcpStream>, start: &str) -> Result<String, String> {
    let mut line = String::new();
    let read = timeout(PATIENCE, stream.read_line(&mut line)).await;
    match read {
        Ok(Ok(_)) if line.starts_with(start) && !line.is_empty() => Ok(line.trim_end().to_owned()),
        other => Err(format!("the peer waited for {start:?} and heard {line:?} ({other:?})")),
    }
}

async fn hear_mail(stream: &mut BufReader<TcpStream>) -> Result<String, String> {
    let mut mail = String::new();
    loop {
        let start = mail.len();
        match timeout(PATIENCE, stream.read_line(&mut mail)).await {
            Ok(Ok(read)) if read > 0 && &mail[start..] != ".\r\n" => {}
            Ok(Ok(read)) if read > 0 => return Ok(mail[..start].to_owned()),
            other => return Err(format!("the peer waited for the final dot: {other:?}")),
        }
    }
}

/// Shorter than [`PATIENCE`], longer than any answer on loopback takes: what a test waits for in vain.
pub const SHORT: Duration = Duration::from_millis(300);

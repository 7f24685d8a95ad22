//! One connection of an MTA: its bytes in, answers out. A mail is answered when it is durable, and not before; one that
//! is not complete is forgotten, since the MTA still has it.

use std::time::Duration;

use smtp_proto::request::receiver::DataReceiver;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};

use super::dialogue::{self, Dialogue, Envelope, Next};
use super::settings::Settings;
use crate::mail::parse::digest;
use crate::source::{Incoming, Mailroom, Receipt};

/// Longest command (RFC 5321 section 4.5.3.1.4, with room for extensions).
const LINE: usize = 4_096;
/// Bytes read at once.
const READ: usize = 64 << 10;

/// Why a connection is over.
enum Over {
    /// The MTA has closed it, or it broke.
    Gone,
    Silent,
    Stopping,
}

/// Talks to one MTA until one of the two ends it.
pub async fn serve<S>(stream: S, source: &str, settings: &Settings, mailroom: &Mailroom, told: impl Fn(&Receipt))
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (input, output) = tokio::io::split(stream);
    let mut connection = Connection {
        source,
        largest_mail: settings.largest_mail,
        limit: settings.limit,
        mailroom,
        told,
        input: BufReader::with_capacity(READ, input),
        output,
        answers: dialogue::GREETING.to_owned(),
        content: Content::new(settings.largest_mail),
    };
    let farewell = match connection.converse().await {
        Ok(()) | Err(Over::Gone) => "",
        Err(Over::Silent) => dialogue::SILENT,
        Err(Over::Stopping) => dialogue::STOPPING,
    };
    connection.answers += farewell;
    // Who is gone hears nothing more, and has its mail still.
    let _ = connection.flush().await;
    let _ = connection.output.shutdown().await;
}

struct Connection<'a, S, T> {
    source: &'a str,
    largest_mail: usize,
    limit: Duration,
    mailroom: &'a Mailroom,
    told: T,
    input: BufReader<ReadHalf<S>>,
    output: WriteHalf<S>,
    /// What is to be said before the next wait: answers to commands that came together go together (RFC 2920).
    answers: String,
    content: Content,
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Fn(&Receipt)> Connection<'_, S, T> {
    async fn converse(&mut self) -> Result<(), Over> {
        let mut dialogue = Dialogue::new(self.largest_mail);
        let mut next = Next::Command;
        loop {
            next = match next {
                Next::Command => match self.line().await? {
                    Some(line) => {
                        let (answer, next) = dialogue.command(&line);
                        self.answers += &answer;
                        next
                    }
                    None => {
                        self.answers += dialogue::LINE_TOO_LONG;
                        Next::Command
                    }
                },
                Next::Data => {
                    self.data().await?;
                    self.hand_over(dialogue.complete()).await;
                    Next::Command
                }
                Next::Chunk { bytes, last } => {
                    self.chunk(bytes).await?;
                    match last {
                        true => self.hand_over(dialogue.complete()).await,
                        false => self.answers += self.content.answer_to_chunk(),
                    }
                    Next::Command
                }
                Next::Skip { bytes } => {
                    self.chunk(bytes).await?;
                    self.content = Content::new(self.largest_mail);
                    Next::Command
                }
                Next::End => return Ok(()),
            };
            if matches!(next, Next::Command) && dialogue.is_between_mails() {
                self.content = Content::new(self.largest_mail);
            }
        }
    }

    /// Waits for bytes, after everything was said.
    async fn wait(&mut self) -> Result<(), Over> {
        if !self.input.buffer().is_empty() {
            return Ok(());
        }
        self.flush().await?;
        tokio::select! {
            read = tokio::time::timeout(self.limit, self.input.fill_buf()) => match read {
                Ok(Ok(bytes)) if !bytes.is_empty() => Ok(()),
                Ok(_) => Err(Over::Gone),
                Err(_) => Err(Over::Silent),
            },
            () = self.mailroom.stopped() => Err(Over::Stopping),
        }
    }

    async fn flush(&mut self) -> Result<(), Over> {
        let answers = std::mem::take(&mut self.answers);
        let said = async {
            self.output.write_all(answers.as_bytes()).await?;
            self.output.flush().await
        };
        match tokio::time::timeout(self.limit, said).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over::Gone),
        }
    }

    /// A line with its end; `None` where it was too long.
    async fn line(&mut self) -> Result<Option<Vec<u8>>, Over> {
        let mut line = Vec::new();
        let mut too_long = false;
        loop {
            self.wait().await?;
            let bytes = self.input.buffer();
            let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let taken = end.unwrap_or(bytes.len());
            too_long |= line.len() + taken > LINE;
            if !too_long {
                line.extend_from_slice(&bytes[..taken]);
            }
            self.input.consume(taken);
            if end.is_some() {
                return Ok((!too_long).then_some(line));
            }
        }
    }

    /// Everything up to CR LF, dot, CR LF, and no other end: a mail can't hold another one.
    async fn data(&mut self) -> Result<(), Over> {
        let mut receiver = DataReceiver::new();
        // The line end of DATA is the one before the first line of the mail.
        receiver.ingest(&mut b"\r\n".iter(), &mut Vec::new());
        loop {
            self.wait().await?;
            let bytes = self.input.buffer();
            let mut rest = bytes.iter();
            let complete = receiver.ingest(&mut rest, &mut self.content.bytes);
            let taken = bytes.len() - rest.as_slice().len();
            self.input.consume(taken);
            self.content.bound();
            if complete {
                return Ok(());
            }
        }
    }

    async fn chunk(&mut self, mut left: usize) -> Result<(), Over> {
        while left > 0 {
            self.wait().await?;
            let bytes = self.input.buffer();
            let taken = bytes.len().min(left);
            self.content.bytes.extend_from_slice(&bytes[..taken]);
            self.content.bound();
            self.input.consume(taken);
            left -= taken;
        }
        Ok(())
    }

    /// Has the mail made durable; each recipient has an answer of its own (RFC 2033 section 4.2).
    async fn hand_over(&mut self, envelope: Envelope) {
        let recipients = envelope.recipients.len();
        let answer = match std::mem::replace(&mut self.content, Content::new(self.largest_mail)).whole() {
            None => dialogue::TOO_LARGE.to_owned(),
            Some(content) => {
                let mail = incoming(self.source, envelope, &content);
                let receipts = self.mailroom.deliver(vec![mail]).await;
                let receipt = receipts.first().cloned().unwrap_or(Receipt::Later("no answer".to_owned()));
                (self.told)(&receipt);
                dialogue::receipt(&receipt)
            }
        };
        self.answers += &answer.repeat(recipients);
    }
}

/// What has come of a mail so far. Of one that is too large nothing is kept.
struct Content {
    bytes: Vec<u8>,
    largest: usize,
    too_large: bool,
}

impl Content {
    fn new(largest: usize) -> Self {
        Self { bytes: Vec::new(), largest, too_large: false }
    }

    fn bound(&mut self) {
        self.too_large |= self.bytes.len() > self.largest;
        if self.too_large {
            self.bytes = Vec::new();
        }
    }

    fn answer_to_chunk(&self) -> &'static str {
        if self.too_large { dialogue::TOO_LARGE } else { dialogue::CHUNK_TAKEN }
    }

    fn whole(self) -> Option<Vec<u8>> {
        (!self.too_large).then_some(self.bytes)
    }
}

/// The mail as it is kept. This is final delivery (RFC 5321 section 4.4): the envelope goes on top, as an MTA would put it.
/// The same mail brought again is the same bytes, and so the same mail.
fn incoming(source: &str, envelope: Envelope, content: &[u8]) -> Incoming {
    let mut raw = format!("Return-Path: <{}>\r\n", envelope.sender).into_bytes();
    for recipient in &envelope.recipients {
        raw.extend_from_slice(format!("Delivered-To: {recipient}\r\n").as_bytes());
    }
    raw.extend_from_slice(content);
    let identity = format!("lmtp:{}", digest(&raw).0);
    Incoming { recipients: envelope.recipients, ..Incoming::new(source, identity, raw) }
}

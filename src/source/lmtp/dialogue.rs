//! What an MTA says and what it is answered (LMTP, RFC 2033): commands in, answers out, no bytes of a mail, no socket.
//!
//! It takes any recipient, since the MTA has decided that this mail is for the desk. It never answers for a mail itself:
//! that is for whoever has made it durable.

use smtp_proto::{Error, MAIL_BODY_BINARYMIME, MailFrom, RcptTo, Request};

use crate::mail::Address;
use crate::source::Receipt;

/// Recipients of one mail; RFC 5321 section 4.5.3.1.8 asks for a hundred.
const RECIPIENTS: usize = 1_000;
/// Commands that can't be understood, in one connection.
const FAULTS: usize = 20;
/// Longest text of an answer (RFC 5321 section 4.5.3.1.5 allows 512 octets in a line).
const ANSWER_CHARS: usize = 400;

pub const GREETING: &str = "220 localhost LMTP the desk is open\r\n";
pub const BUSY: &str = "421 4.3.2 too many connections, come again\r\n";
pub const STOPPING: &str = "421 4.3.2 the gateway is stopping, come again\r\n";
pub const SILENT: &str = "421 4.4.2 nothing was heard for too long\r\n";
pub const LINE_TOO_LONG: &str = "500 5.5.6 the line is too long\r\n";
pub const TOO_LARGE: &str = "552 5.3.4 the mail is larger than this desk takes\r\n";
pub const CHUNK_TAKEN: &str = "250 2.0.0 go on\r\n";

/// One connection's part of the conversation.
#[derive(Debug)]
pub struct Dialogue {
    largest_mail: usize,
    greeted: bool,
    envelope: Option<Envelope>,
    /// The mail has begun with a chunk, and goes on so (RFC 3030 section 2).
    chunked: bool,
    faults: usize,
}

/// From whom and for whom a mail is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Empty for the null sender.
    pub sender: String,
    pub recipients: Vec<Address>,
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Command,
    /// A mail, up to a line with a single dot.
    Data,
    /// So many bytes of a mail (RFC 3030).
    Chunk {
        bytes: usize,
        last: bool,
    },
    /// So many bytes that belong to no mail.
    Skip {
        bytes: usize,
    },
    End,
}

impl Dialogue {
    pub fn new(largest_mail: usize) -> Self {
        Self { largest_mail, greeted: false, envelope: None, chunked: false, faults: 0 }
    }

    /// The answer to one line, with its line end, and what is to come then. A chunk is answered when it is there.
    pub fn command(&mut self, line: &[u8]) -> (String, Next) {
        let request = match Request::parse(&mut line.iter()) {
            Ok(request) => request,
            Err(error) => return self.fault(&error),
        };
        match request {
            Request::Lhlo { .. } => self.greet(),
            Request::Mail { from } => answer(self.mail(from)),
            Request::Rcpt { to } => answer(self.recipient(to)),
            Request::Data => self.data(),
            Request::Bdat { chunk_size: bytes, is_last: last } if self.can_take_mail() => {
                self.chunked = true;
                (String::new(), Next::Chunk { bytes, last })
            }
            Request::Bdat { chunk_size: bytes, .. } => {
                ("503 5.5.1 RCPT TO comes first\r\n".to_owned(), Next::Skip { bytes })
            }
            Request::Rset => {
                self.envelope = None;
                answer("250 2.0.0 forgotten")
            }
            Request::Quit => ("221 2.0.0 goodbye\r\n".to_owned(), Next::End),
            Request::Noop { .. } => answer("250 2.0.0 here"),
            Request::Vrfy { .. } => answer("252 2.5.0 send it and see"),
            Request::Help { .. } => answer("214 2.0.0 this is LMTP, RFC 2033"),
            Request::Ehlo { .. } | Request::Helo { .. } => answer("500 5.5.1 this is LMTP, say LHLO"),
            _ => answer("502 5.5.1 not here"),
        }
    }

    /// The mail is complete, or can't be taken: its envelope, and the next one begins.
    pub fn complete(&mut self) -> Envelope {
        self.envelope.take().unwrap_or_default()
    }

    /// No mail has begun, so nothing of one is there.
    pub fn is_between_mails(&self) -> bool {
        self.envelope.is_none()
    }

    fn can_take_mail(&self) -> bool {
        self.envelope.as_ref().is_some_and(|envelope| !envelope.recipients.is_empty())
    }

    fn greet(&mut self) -> (String, Next) {
        (self.greeted, self.envelope) = (true, None);
        let size = format!("SIZE {}", self.largest_mail);
        let able = ["8BITMIME", "CHUNKING", "ENHANCEDSTATUSCODES", "PIPELINING", "SMTPUTF8", &size];
        let mut lines = "250-localhost\r\n".to_owned();
        for (at, word) in able.iter().enumerate() {
            lines += &format!("250{}{word}\r\n", if at + 1 == able.len() { ' ' } else { '-' });
        }
        (lines, Next::Command)
    }

    fn mail(&mut self, from: MailFrom<impl AsRef<str>>) -> &'static str {
        if !self.greeted {
            return "503 5.5.1 say LHLO first";
        }
        if self.envelope.is_some() {
            return "503 5.5.1 one mail at a time";
        }
        if from.size > self.largest_mail {
            return TOO_LARGE.trim_end();
        }
        if from.flags & MAIL_BODY_BINARYMIME != 0 {
            return "504 5.5.4 BINARYMIME is not offered";
        }
        let sender = from.address.as_ref().chars().filter(|char| !char.is_control()).collect();
        self.chunked = false;
        self.envelope = Some(Envelope { sender, recipients: Vec::new() });
        "250 2.1.0 from there"
    }

    fn recipient(&mut self, to: RcptTo<impl AsRef<str>>) -> &'static str {
        let Some(envelope) = &mut self.envelope else { return "503 5.5.1 MAIL FROM comes first" };
        if envelope.recipients.len() >= RECIPIENTS {
            return "452 4.5.3 the rest in another mail";
        }
        match Address::parse(to.address.as_ref()) {
            Some(address) => {
                envelope.recipients.push(address);
                "250 2.1.5 to there"
            }
            None => "553 5.1.3 that is no address",
        }
    }

    fn data(&self) -> (String, Next) {
        match self.can_take_mail() {
            false => answer("503 5.5.1 RCPT TO comes first"),
            true if self.chunked => answer("503 5.5.1 the mail has begun with BDAT"),
            true => ("354 end it with a line with a single dot\r\n".to_owned(), Next::Data),
        }
    }

    fn fault(&mut self, error: &Error) -> (String, Next) {
        self.faults += 1;
        if self.faults > FAULTS {
            return ("421 4.7.0 too many faults\r\n".to_owned(), Next::End);
        }
        answer(match error {
            Error::InvalidSenderAddress => "553 5.1.7 that is no address",
            Error::InvalidRecipientAddress => "553 5.1.3 that is no address",
            Error::InvalidParameter { .. } => "501 5.5.4 a parameter can't be read",
            Error::UnsupportedParameter { .. } => "555 5.5.4 a parameter is not known here",
            Error::SyntaxError { .. } | Error::NeedsMoreData { .. } => "501 5.5.2 the command can't be read",
            _ => "500 5.5.1 the command is not known here",
        })
    }
}

fn answer(text: &str) -> (String, Next) {
    (format!("{text}\r\n"), Next::Command)
}

/// The answer for one recipient of a mail (RFC 2033 section 4.2).
pub fn receipt(receipt: &Receipt) -> String {
    match receipt {
        Receipt::Kept => "250 2.0.0 kept\r\n".to_owned(),
        Receipt::Later(why) => {
            let plain = |char: char| if char.is_ascii_graphic() || char == ' ' { char } else { '?' };
            let why: String = why.chars().map(plain).take(ANSWER_CHARS).collect();
            format!("451 4.3.0 {why}\r\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(dialogue: &mut Dialogue, lines: &[&str]) -> Vec<String> {
        let one = |line: &&str| dialogue.command(format!("{line}\r\n").as_bytes()).0.chars().take(9).collect();
        lines.iter().map(one).collect()
    }

    #[test]
    fn a_mail_has_one_sender_and_several_recipients() {
        let mut dialogue = Dialogue::new(1_000);
        let said = codes(
            &mut dialogue,
            &[
                "LHLO mx.example",
                "MAIL FROM:<anna@uni.example> SIZE=900 BODY=8BITMIME SMTPUTF8",
                "RCPT TO:<support@ggus.example>",
                "RCPT TO:<support+1.token@ggus.example>",
                "RCPT TO:<nobody>",
            ],
        );
        assert_eq!(said, ["250-local", "250 2.1.0", "250 2.1.5", "250 2.1.5", "553 5.1.3"]);
        assert_eq!(dialogue.command(b"DATA\r\n").1, Next::Data);
        let Envelope { sender, recipients } = dialogue.complete();
        assert_eq!(sender, "anna@uni.example");
        let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        assert_eq!(recipients, ["support@ggus.example", "support+1.token@ggus.example"]);
        assert_eq!(codes(&mut dialogue, &["RCPT TO:<support@ggus.example>", "DATA"]), ["503 5.5.1", "503 5.5.1"]);
    }

    #[test]
    fn what_is_out_of_turn_too_large_or_not_offered_is_refused() {
        let mut dialogue = Dialogue::new(1_000);
        let said = codes(
            &mut dialogue,
            &[
                "MAIL FROM:<>",
                "EHLO mx.example",
                "LHLO mx.example",
                "RCPT TO:<a@x.example>",
                "MAIL FROM:<> SIZE=1001",
                "MAIL FROM:<> BODY=BINARYMIME",
                "MAIL FROM:<> SIZE=many",
                "MAIL FROM:<a@x.example> FRIENDLY=yes",
                "MAIL FROM:<>",
                "MAIL FROM:<>",
                "STARTTLS",
                "RSET",
                "DATA",
                "HELLO",
            ],
        );
        let expected = [
            "503 5.5.1",
            "500 5.5.1",
            "250-local",
            "503 5.5.1",
            "552 5.3.4",
            "504 5.5.4",
            "501 5.5.4",
            "555 5.5.4",
            "250 2.1.0",
            "503 5.5.1",
            "502 5.5.1",
            "250 2.0.0",
            "503 5.5.1",
            "500 5.5.1",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_chunk_out_of_turn_is_passed_over_and_not_read_as_commands() {
        let mut dialogue = Dialogue::new(1_000);
        assert_eq!(dialogue.command(b"BDAT 70 LAST\r\n").1, Next::Skip { bytes: 70 });
        for line in ["LHLO x", "MAIL FROM:<>", "RCPT TO:<a@x.example>"] {
            dialogue.command(format!("{line}\r\n").as_bytes());
        }
        assert_eq!(dialogue.command(b"BDAT 70\r\n"), (String::new(), Next::Chunk { bytes: 70, last: false }));
        assert_eq!(codes(&mut dialogue, &["DATA", "RSET", "DATA"]), ["503 5.5.1", "250 2.0.0", "503 5.5.1"]);
    }

    #[test]
    fn who_talks_nonsense_is_sent_away() {
        let mut dialogue = Dialogue::new(1_000);
        let ends = (0..=FAULTS).map(|_| dialogue.command(b"GET / HTTP/1.1\r\n").1 == Next::End).collect::<Vec<_>>();
        assert_eq!(ends.iter().filter(|end| **end).count(), 1);
        assert!(ends[FAULTS]);
    }

    #[test]
    fn an_answer_is_one_line_whatever_the_reason() {
        let answer = receipt(&Receipt::Later(format!("disk\r\n250 2.0.0 voll für {}", "x".repeat(1_000))));
        assert!(answer.starts_with("451 4.3.0 disk??250 2.0.0 voll f?r x"), "{answer}");
        assert!(answer.len() < 512 && answer.find('\r') == Some(answer.len() - 2), "{answer}");
    }
}

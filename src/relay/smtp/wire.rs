//! The stream below an SMTP conversation: TCP, then TLS over it, with the server's lines made fit to be read.
//!
//! The reader above (lettre's) is strict where servers are not: it takes no answer without a text (`250` alone is
//! legal, RFC 5321 section 4.2), none that is not UTF-8 and none with a second digit above 5. Each of them would look
//! like a cut connection, and after the final dot a cut means that the mail goes out twice. So lines are tidied here.
//!
//! One line is passed on at a time, and nothing is written while an answer lies unread: an answer that came before its
//! question belongs to no question, whether a broken server sent it or somebody slipped it in before STARTTLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// Longest line that is taken from a server, in octets; eight times what RFC 5321 section 4.5.3.1.5 allows.
const LINE_MAX: usize = 4096;
/// What is passed on of a line, in octets: lettre refuses lines above 1,000.
const LINE_KEPT: usize = 900;
/// Most lines of one answer.
const LINES_MAX: usize = 100;

/// A connection to an SMTP server.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// Octets from the server that are not yet passed on.
    raw: Vec<u8>,
    /// The tidied line that is being passed on, and how much of it has been.
    line: Vec<u8>,
    passed: usize,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Over a fresh TCP connection.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream: Stream::Tcp(stream), raw: Vec::new(), line: Vec::new(), passed: 0 }
    }

    /// Whether TLS is in place.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// This end's address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().local_addr()
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Puts TLS over the connection.
    ///
    /// # Errors
    /// The handshake failed, or the server had said something that was not asked for.
    pub async fn encrypt(self, config: Arc<ClientConfig>, name: ServerName<'static>) -> io::Result<Self> {
        let Stream::Tcp(stream) = self.stream else { return Ok(self) };
        if !self.raw.is_empty() || self.passed < self.line.len() {
            return Err(unasked());
        }
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Self { stream: Stream::Tls(Box::new(stream)), raw: Vec::new(), line: Vec::new(), passed: 0 })
    }

    /// Writes one command.
    pub async fn ask(&mut self, command: &str) -> io::Result<()> {
        self.write_all(command.as_bytes()).await?;
        self.flush().await
    }

    /// Reads one answer, tidied, all its lines with their ends. Empty when the server has hung up.
    pub async fn answer(&mut self) -> io::Result<String> {
        // One line is passed on per read, so nothing beyond the answer can get stuck in this reader.
        let mut reader = BufReader::with_capacity(LINE_MAX, self);
        let mut text = String::new();
        for _ in 0..LINES_MAX {
            let start = text.len();
            let read = reader.read_line(&mut text).await?;
            if read == 0 || text.as_bytes().get(start + 3) != Some(&b'-') {
                return Ok(text);
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the answer has too many lines"))
    }

    /// Puts an answer back, to be read again by the next reader.
    pub fn unread(&mut self, answer: &str) {
        self.raw.splice(0..0, answer.bytes());
    }

    /// Takes the next whole line out of what has come in.
    fn take_line(&mut self) -> io::Result<bool> {
        let Some(end) = self.raw.iter().position(|byte| *byte == b'\n') else {
            return if self.raw.len() > LINE_MAX { Err(endless()) } else { Ok(false) };
        };
        let line: Vec<u8> = self.raw.drain(..=end).collect();
        self.line = tidy(&line).into_bytes();
        self.passed = 0;
        Ok(true)
    }
}

fn unasked() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server answered before it was asked")
}

fn endless() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server sent a line without end")
}

/// Makes a line fit for a strict reader: UTF-8, no control characters, a blank after the code, a known second digit,
/// CRLF, not too long.
fn tidy(line: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(line)
        .trim_end_matches(['\r', '\n'])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut text = match text.as_bytes() {
        [_, b'6'..=b'9', _, ..] if text.is_char_boundary(3) => known_code(&text),
        _ => text,
    };
    if text.len() == 3 {
        text.push(' ');
    }
    let cut = (0..=LINE_KEPT.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(cut);
    text + "\r\n"
}

/// `571-text` becomes `551-571 text`: the class is what counts, and the text keeps what was said.
fn known_code(text: &str) -> String {
    let (code, rest) = text.split_at(3);
    let mark = if rest.starts_with('-') { '-' } else { ' ' };
    format!("{}5{}{mark}{code} {}", &code[..1], &code[2..], rest.get(1..).unwrap_or_default())
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        while wire.passed == wire.line.len() && !wire.take_line()? {
            let mut space = [0; 1024];
            let mut chunk = ReadBuf::new(&mut space);
            ready!(match &mut wire.stream {
                Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut chunk),
                Stream::Tls(stream) => Pin::new(stream).poll_read(cx, &mut chunk),
            })?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            wire.raw.extend_from_slice(chunk.filled());
        }
        let rest = &wire.line[wire.passed..];
        let count = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..count]);
        wire.passed += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if !wire.raw.is_empty() || wire.passed < wire.line.len() {
            return Poll::Ready(Err(unasked()));
        }
        match &mut wire.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_made_fit_for_a_strict_reader() {
        for (said, read) in [
            ("250 2.0.0 Ok\r\n", "250 2.0.0 Ok\r\n"),
            ("250\r\n", "250 \r\n"),
            ("250-\r\n", "250-\r\n"),
            ("250 ok\n", "250 ok\r\n"),
            ("571 not here\r\n", "551 571 not here\r\n"),
            ("571-not\r\n", "551-571 not\r\n"),
            ("571\r\n", "551 571 \r\n"),
            ("220 a\tb\x07c\r\n", "220 a b c\r\n"),
            ("\r\n", "\r\n"),
            ("hello\r\n", "hello\r\n"),
        ] {
            assert_eq!(tidy(said.as_bytes()), read, "{said:?}");
        }
    }

    #[test]
    fn an_answer_in_latin_1_is_readable() {
        assert_eq!(tidy(b"550 Postf\xe4cher gibt es nicht\r\n"), "550 Postf\u{fffd}cher gibt es nicht\r\n");
        assert_eq!(tidy("5\u{e4}0 x\r\n".as_bytes()), "5\u{e4}0 x\r\n");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = tidy(format!("550 {}\r\n", "ü".repeat(2000)).as_bytes());
        assert!(line.len() <= LINE_KEPT + 2 && line.ends_with("ü\r\n"), "{}", line.len());
    }

    async fn pair() -> (Wire, TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Wire::new(near), listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn an_answer_ends_with_its_last_line_and_can_be_put_back() {
        let (mut wire, mut server) = pair().await;
        server.write_all(b"220-one\r\n220 two\r\n").await.unwrap();
        let greeting = wire.answer().await.unwrap();
        assert_eq!(greeting, "220-one\r\n220 two\r\n");
        wire.unread(&greeting);
        assert_eq!(wire.answer().await.unwrap(), greeting);
    }

    #[tokio::test]
    async fn an_answer_that_came_before_its_question_ends_the_conversation() {
        let (mut wire, mut server) = pair().await;
        server.write_all(b"220 ready\r\n250 slipped in\r\n").await.unwrap();
        assert_eq!(wire.answer().await.unwrap(), "220 ready\r\n");
        assert!(wire.ask("NOOP\r\n").await.unwrap_err().to_string().contains("before it was asked"));
    }

    #[tokio::test]
    async fn a_line_without_end_is_not_waited_for() {
        let (mut wire, mut server) = pair().await;
        server.write_all(&[b'2'; LINE_MAX + 2000]).await.unwrap();
        assert!(wire.answer().await.unwrap_err().to_string().contains("without end"));
    }
}

//! Bytes to [`Mail`]. The only file that names `mail_parser`. It never fails and never panics.

use super::message::Mail;

/// How much of a mail is read; what lies beyond is marked by a [`Fault`](super::Fault), never an error.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Largest mail in bytes; of a larger one only the headers and the beginning of the text are read.
    pub mail_bytes: usize,
    /// MIME parts in one mail.
    pub parts: usize,
    /// MIME nesting.
    pub levels: usize,
    /// Header lines in one mail.
    pub header_lines: usize,
    /// Bytes of one mail's header block.
    pub header_bytes: usize,
    /// Characters of shown text.
    pub text_chars: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            mail_bytes: 25 << 20,
            parts: 1_000,
            levels: 20,
            header_lines: 1_000,
            header_bytes: 256 << 10,
            text_chars: 1_000_000,
        }
    }
}

/// Reads one mail.
pub fn parse(raw: &[u8], limits: &ReadLimits) -> Mail {
    let _ = (raw, limits);
    todo!("reader")
}

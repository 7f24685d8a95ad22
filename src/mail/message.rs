//! The [`Mail`] value: everything the desk may know of one mail, decoded and bounded.
//!
//! It is made by [`parse`](super::parse) and by nobody else. The raw bytes stay with the store; a `Mail` only has their
//! digest and their size.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::{Address, Mailbox};
use super::authres::MethodResult;

/// A Message-ID (RFC 5322 section 3.6.4) without its angle brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

impl MessageId {
    /// Takes brackets and blanks off; `None` for an empty or absurdly long one (over 900 bytes, RFC 5322 line limit).
    pub fn parse(text: &str) -> Option<Self> {
        let bare: String =
            text.trim().trim_matches(['<', '>']).chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        (!bare.is_empty() && bare.len() <= 900).then_some(Self(bare))
    }

    /// An id of our own making, `left@domain`.
    pub fn made(left: &str, domain: &str) -> Self {
        Self(format!("{left}@{}", domain.to_lowercase()))
    }

    /// The id without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// SHA-256, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

/// One header field: name as spelled, value unfolded, with encoded words (RFC 2047) decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name without the colon.
    pub name: String,
    /// Decoded value, trimmed, on one line.
    pub value: String,
}

/// Who a mail says it is from (RFC 5322 section 3.6.2). It is a claim, never a proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// `From`; with several addresses in it `Sender` if it is one of them, else the first. `None`: none was readable.
    pub mailbox: Option<Mailbox>,
    /// Whether there was exactly one `From` header with exactly one plain address. Otherwise the mail is never verified.
    pub plain: bool,
}

/// A part of the mail that is not the text shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// File name, decoded, without path separators and control characters; made up (`part-3.eml`) where none was given.
    pub name: String,
    /// Media type in lower case, `application/octet-stream` where none was given.
    pub media_type: String,
    /// Decoded content.
    pub bytes: Vec<u8>,
}

/// What was wrong with the mail, or was cut off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// No blank line or no header at all.
    NoHeader,
    /// No `From`, or none that is an address.
    NoAuthor,
    /// More than one `From` header field.
    SeveralFromFields,
    /// Group syntax or several addresses in `From`.
    AuthorNotPlain,
    /// The header block is over a limit (lines or bytes); the rest of it was not read.
    HeaderTooLong,
    /// Too many parts or levels; parts beyond the limit were not read.
    TooManyParts,
    /// The structure was too dangerous to take apart; only headers and raw text were read.
    NotTakenApart,
    /// The text could not be decoded in the declared charset; another was used.
    Charset,
    /// The text was cut at the limit.
    TextCut,
    /// The mail is over the size limit; only its beginning was read.
    TooLarge,
    /// NUL bytes were taken out.
    NulBytes,
}

/// One mail, read.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Of the raw bytes: the same bytes are the same mail.
    pub digest: Digest,
    /// Of Message-ID, author, subject and the beginning of the text: the same mail that came by two ways.
    /// `None` without a Message-ID.
    pub fingerprint: Option<Digest>,
    /// Raw size in bytes.
    pub size: usize,
    /// Header fields in their order, bounded.
    pub headers: Vec<Header>,
    /// `Message-ID`.
    pub message_id: Option<MessageId>,
    /// `In-Reply-To`, all ids in it.
    pub in_reply_to: Vec<MessageId>,
    /// `References`, oldest first.
    pub references: Vec<MessageId>,
    /// `From`.
    pub author: Author,
    /// `Reply-To`.
    pub reply_to: Vec<Mailbox>,
    /// `To`.
    pub to: Vec<Mailbox>,
    /// `Cc`.
    pub cc: Vec<Mailbox>,
    /// Where it was delivered to as far as headers tell: `Delivered-To`, `X-Original-To`, `Envelope-To`, then To and Cc.
    pub recipients: Vec<Address>,
    /// `Subject`, decoded; empty where absent.
    pub subject: String,
    /// `Date` where readable.
    pub date: Option<Timestamp>,
    /// The text shown to a person: text/plain, else HTML turned into text. Line ends are `\n`.
    pub text: String,
    /// Whether the text was made from HTML.
    pub from_html: bool,
    /// Everything but the text shown, images shown inside the HTML, and signatures.
    pub attachments: Vec<Attachment>,
    /// Content of `multipart/report` parts, `message/delivery-status` as text, for [`report`](super::report).
    pub status_parts: Vec<String>,
    /// Header block of a returned mail (`message/rfc822`, `text/rfc822-headers`), for [`report`](super::report).
    pub returned_headers: Option<String>,
    /// Content type of the whole mail in lower case with its parameters, `text/plain` where absent.
    pub content_type: String,
    /// What was wrong or cut.
    pub faults: Vec<Fault>,
    /// What the gateway found out about its signatures; the reader leaves it empty.
    pub checked: Vec<MethodResult>,
    /// The mail itself, where a person has signed it; the reader leaves it empty.
    pub original: Option<Attachment>,
}

impl Mail {
    /// Decoded values of all header fields called `name` (without case), in order.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }

    /// Decoded value of the first header field called `name` (without case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
    }

    /// The author's address, where there is one.
    pub fn sender(&self) -> Option<&Address> {
        self.author.mailbox.as_ref().map(|mailbox| &mailbox.address)
    }
}

/// A mail for tests: from `anna@user.example` to the desk, nothing but this subject and text.
#[cfg(test)]
pub(crate) fn sample(subject: &str, text: &str) -> Mail {
    let mailbox = |address: &str| Address::parse(address).map(Mailbox::from);
    let to: Vec<Mailbox> = mailbox("support@desk.example").into_iter().collect();
    Mail {
        digest: Digest("0".repeat(64)),
        fingerprint: None,
        size: text.len(),
        headers: Vec::new(),
        message_id: MessageId::parse("sample@user.example"),
        in_reply_to: Vec::new(),
        references: Vec::new(),
        author: Author { mailbox: mailbox("anna@user.example"), plain: true },
        reply_to: Vec::new(),
        recipients: to.iter().map(|mailbox| mailbox.address.clone()).collect(),
        to,
        cc: Vec::new(),
        subject: subject.to_owned(),
        date: None,
        text: text.to_owned(),
        from_html: false,
        attachments: Vec::new(),
        status_parts: Vec::new(),
        returned_headers: None,
        content_type: "text/plain".to_owned(),
        faults: Vec::new(),
        checked: Vec::new(),
        original: None,
    }
}

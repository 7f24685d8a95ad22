//! The ways out: one file per kind. A courier delivers one parcel at a time and says what became of it.
//!
//! It never decides whether to try again and never sees the store: that is the outbox's business.

pub mod maildir;
pub mod smtp;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::health::Health;
use crate::mail::Address;
use crate::settings::Problem;

/// A composed mail under way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Envelope sender; `None` is the null sender `<>` (RFC 5321 section 4.5.5).
    pub sender: Option<Address>,
    /// Envelope recipient.
    pub recipient: Address,
    /// The mail, CRLF line ends.
    pub bytes: Vec<u8>,
}

/// What became of a parcel. The text is the other side's answer, or what happened, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has taken responsibility.
    Sent(String),
    /// Refused or unreachable for now: try the same bytes later.
    Transient(String),
    /// Refused for good.
    Permanent(String),
    /// Cut after the data were sent: it may have arrived. The same bytes go out again under the same Message-ID.
    Unknown(String),
}

/// Why a relay carries no mail at all, whatever the parcel. The parcel itself comes back as [`Outcome::Transient`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Likely to go by itself: no route, connection refused, a 4xx answer. What happened.
    Passing(String),
    /// Stays until a person does something: a rejected login, a wrong certificate. What happened and what to do.
    Blocked(String),
}

impl Trouble {
    /// As the daemon reports it.
    pub fn health(&self) -> Health {
        match self {
            Self::Passing(text) => Health::Trouble(text.clone()),
            Self::Blocked(text) => Health::Blocked(text.clone()),
        }
    }

    /// What happened, on one line.
    pub fn text(&self) -> &str {
        match self {
            Self::Passing(text) | Self::Blocked(text) => text,
        }
    }
}

/// The settings of one relay: exactly one kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelaySettings {
    /// Hands mails to an SMTP server.
    Smtp(Box<smtp::Settings>),
    /// Writes mails into a directory.
    Maildir(maildir::Settings),
}

impl RelaySettings {
    /// The word of its table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Maildir(_) => "maildir",
        }
    }

    /// How many couriers may be under way at once.
    pub fn connections(&self) -> usize {
        match self {
            Self::Smtp(settings) => settings.connections,
            Self::Maildir(_) => 1,
        }
    }

    /// Makes every path absolute by `at`, which knows the directory of the configuration.
    pub fn resolve(&mut self, at: &dyn Fn(&Path) -> PathBuf) {
        match self {
            Self::Smtp(settings) => settings.resolve(at),
            Self::Maildir(settings) => settings.path = at(&settings.path),
        }
    }

    /// All faults that can be seen without a connection.
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Smtp(settings) => settings.problems(),
            Self::Maildir(settings) => settings.problems(),
        }
    }
}

/// Carries parcels over one relay, one after the other.
#[derive(Debug)]
pub enum Courier {
    /// By SMTP.
    Smtp(Box<smtp::Courier>),
    /// Into a directory.
    Maildir(maildir::Courier),
}

impl Courier {
    /// A courier that has not set out yet: nothing is opened before the first parcel.
    pub fn new(settings: &RelaySettings) -> Self {
        match settings {
            RelaySettings::Smtp(settings) => Self::Smtp(Box::new(smtp::Courier::new((**settings).clone()))),
            RelaySettings::Maildir(settings) => Self::Maildir(maildir::Courier::new(settings.clone())),
        }
    }

    /// Delivers one parcel. May be cancelled at any time: a half-used connection goes down with the call, and what
    /// became of the parcel is then unknown.
    pub async fn deliver(&mut self, parcel: &Parcel) -> Outcome {
        match self {
            Self::Smtp(courier) => courier.deliver(parcel).await,
            Self::Maildir(courier) => courier.deliver(parcel).await,
        }
    }

    /// Why the last delivery did not even come as far as its recipient; `None` when it did.
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Smtp(courier) => courier.trouble(),
            Self::Maildir(courier) => courier.trouble(),
        }
    }

    /// Returns when a kept connection has been idle for its time and [`Courier::rest`] is due; waits for ever where
    /// none is kept. May be cancelled.
    pub async fn tired(&mut self) {
        match self {
            Self::Smtp(courier) => courier.tired().await,
            Self::Maildir(_) => std::future::pending().await,
        }
    }

    /// Closes a kept connection politely. The next delivery opens a new one.
    pub async fn rest(&mut self) {
        match self {
            Self::Smtp(courier) => courier.rest().await,
            Self::Maildir(_) => {}
        }
    }
}

/// Tries the way out without a mail: connection, TLS, greeting, login, farewell; or whether the directory can be
/// written.
///
/// # Errors
/// What failed and what to do about it.
pub async fn probe(settings: &RelaySettings) -> Result<String, String> {
    match settings {
        RelaySettings::Smtp(settings) => smtp::probe(settings).await,
        RelaySettings::Maildir(settings) => maildir::probe(settings).await,
    }
}

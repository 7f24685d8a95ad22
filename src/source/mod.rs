//! The doors through which mail comes in: one file per kind.
//!
//! A source takes raw mails from where they lie, hands them to the [`Mailroom`] and, only when the answer is
//! [`Receipt::Kept`], moves or flags them where they lay. It never opens a mail, never decides, never sees the store.

pub mod files;
pub mod imap;
pub mod lmtp;
pub mod maildir;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{mpsc, oneshot, watch};

use crate::mail::Address;
use crate::mail::authres::MethodResult;
use crate::settings::Problem;

pub use crate::health::Health;

/// A raw mail at a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Name of the source in the configuration, or `ingest`.
    pub source: String,
    /// What this mail is called at its source, for ever: `imap:INBOX:UIDVALIDITY:UID`, a file name. Seen twice, it is
    /// the same mail.
    pub identity: String,
    /// Envelope recipients where the door knows them (LMTP); else empty, and headers tell.
    pub recipients: Vec<Address>,
    /// The bytes.
    pub raw: Vec<u8>,
    /// What the gateway itself found out about its signatures; empty until it was asked for.
    pub checked: Vec<MethodResult>,
}

impl Incoming {
    /// A mail of which its door knows no more than the bytes.
    pub fn new(source: &str, identity: String, raw: Vec<u8>) -> Self {
        Self { source: source.to_owned(), identity, recipients: Vec::new(), raw, checked: Vec::new() }
    }
}

/// The answer to one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Durable, with whatever follows from it. The source may now move it away.
    Kept,
    /// Not durable, through no fault of the mail (disk full, store locked): leave it and come again later.
    Later(String),
}

/// A source's only way into the gateway.
#[derive(Clone, Debug)]
pub struct Mailroom {
    inbox: mpsc::Sender<Delivery>,
    health: mpsc::Sender<(String, Health)>,
    shutdown: watch::Receiver<bool>,
    /// Turns true where this source alone is to end.
    leave: Option<watch::Receiver<bool>>,
}

/// A batch under way to the engine.
#[derive(Debug)]
pub struct Delivery {
    /// The mails, in order.
    pub mails: Vec<Incoming>,
    /// Where the receipts go, one per mail in the same order.
    pub receipts: oneshot::Sender<Vec<Receipt>>,
}

/// The engine's end of a mailroom.
#[derive(Debug)]
pub struct Counter {
    /// Batches from all sources.
    pub inbox: mpsc::Receiver<Delivery>,
    /// Health of each part by name.
    pub health: mpsc::Receiver<(String, Health)>,
}

impl Mailroom {
    /// A mailroom and the counter behind it; `shutdown` turns true once.
    pub fn new(shutdown: watch::Receiver<bool>) -> (Self, Counter) {
        let (inbox, inbox_end) = mpsc::channel(8);
        let (health, health_end) = mpsc::channel(64);
        (Self { inbox, health, shutdown, leave: None }, Counter { inbox: inbox_end, health: health_end })
    }

    /// The same for one source, which ends when `leave` turns true too.
    pub fn of_one(&self, leave: watch::Receiver<bool>) -> Self {
        Self { leave: Some(leave), ..self.clone() }
    }

    /// Hands a batch over and waits until it is durable. Where the engine is gone, all is [`Receipt::Later`].
    pub async fn deliver(&self, mails: Vec<Incoming>) -> Vec<Receipt> {
        let count = mails.len();
        let gone = || vec![Receipt::Later("the gateway is stopping".to_owned()); count];
        let (receipts, answer) = oneshot::channel();
        if self.inbox.send(Delivery { mails, receipts }).await.is_err() {
            return gone();
        }
        match answer.await {
            Ok(receipts) if receipts.len() == count => receipts,
            _ => gone(),
        }
    }

    /// Reports how the part called `name` fares (`source support`).
    pub async fn report(&self, name: &str, health: Health) {
        // A report that finds no listener is of no use to anybody: the engine has stopped.
        let _ = self.health.send((name.to_owned(), health)).await;
    }

    /// Returns when the daemon, or this source, is asked to stop.
    pub async fn stopped(&self) {
        let mut shutdown = self.shutdown.clone();
        let leave = async {
            match self.leave.clone() {
                Some(mut leave) => _ = leave.wait_for(|leave| *leave).await,
                None => std::future::pending().await,
            }
        };
        // An error means that the daemon's end is gone: that is a stop too.
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => {}
            () = leave => {}
        }
    }
}

/// How long a source works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Takes what is there and returns (`run --once`).
    Once,
    /// Until [`Mailroom::stopped`].
    Forever,
}

/// The settings of one source: exactly one kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceSettings {
    /// A mailbox on an IMAP server.
    Imap(Box<imap::Settings>),
    /// An MTA on this host hands mail over by LMTP.
    Lmtp(lmtp::Settings),
    /// An MTA on this host delivers into a directory.
    Maildir(maildir::Settings),
}

impl SourceSettings {
    /// The word of its table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Imap(_) => "imap",
            Self::Lmtp(_) => "lmtp",
            Self::Maildir(_) => "maildir",
        }
    }

    /// All faults that can be seen without a connection.
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Imap(settings) => settings.problems(),
            Self::Lmtp(settings) => settings.problems(),
            Self::Maildir(settings) => settings.problems(),
        }
    }

    /// The longest time between two reports of one that is well; `None` where it only speaks of changes.
    pub fn longest_rest(&self) -> Option<Duration> {
        match self {
            Self::Imap(settings) => Some(settings.poll.saturating_add(settings.limit)),
            Self::Lmtp(_) => None,
            Self::Maildir(settings) => Some(Duration::from_millis(settings.poll_ms)),
        }
    }

    /// Makes every path absolute by `at`, which knows the directory of the configuration.
    pub fn resolve(&mut self, at: &dyn Fn(&Path) -> PathBuf) {
        match self {
            Self::Imap(settings) => settings.resolve(at),
            Self::Lmtp(settings) => settings.resolve(at),
            Self::Maildir(settings) => settings.path = at(&settings.path),
        }
    }
}

/// Works as the source called `name` until there is no more to do, or for ever.
pub async fn run(name: &str, settings: &SourceSettings, mailroom: &Mailroom, stay: Stay) {
    match settings {
        SourceSettings::Imap(settings) => imap::run(name, settings, mailroom, stay).await,
        SourceSettings::Lmtp(settings) => lmtp::run(name, settings, mailroom, stay).await,
        SourceSettings::Maildir(settings) => maildir::run(name, settings, mailroom, stay).await,
    }
}

/// Whether mail can be had from it: what was found, or what is wrong and what to do.
pub async fn probe(settings: &SourceSettings) -> Result<String, String> {
    match settings {
        SourceSettings::Imap(settings) => imap::probe(settings).await,
        SourceSettings::Lmtp(settings) => lmtp::probe(settings).await,
        SourceSettings::Maildir(settings) => maildir::probe(settings).await,
    }
}

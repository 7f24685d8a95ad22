//! The SMTP relay (RFC 5321). The only folder that names lettre's transport.
//!
//! A courier owns one connection and no pool: lettre's pool takes back connections whose mail was given up half way,
//! and then takes the answer to one mail for the answer to the next. Here a delivery takes the connection with it; it
//! comes back only after a complete exchange, and goes down with whatever else happens.

mod answer;
mod connect;
mod login;
mod settings;
mod tls;
mod transaction;
mod wire;

use std::pin::Pin;

use lettre::transport::smtp::commands::Rset;
use tokio::time::{Sleep, sleep};

pub use settings::{Settings, Tls};

use super::{Outcome, Parcel, Trouble};
use connect::Line;
use transaction::{Verdict, carry};

/// Carries parcels to one server, over one connection at a time.
#[derive(Debug)]
pub struct Courier {
    settings: Settings,
    kept: Option<Kept>,
    trouble: Option<Trouble>,
}

/// A connection between two mails.
#[derive(Debug)]
struct Kept {
    line: Line,
    carried: u32,
    idle: Pin<Box<Sleep>>,
}

impl Courier {
    /// A courier without a connection.
    pub fn new(settings: Settings) -> Self {
        Self { settings, kept: None, trouble: None }
    }

    /// What is wrong with the server or with the way to it, as the last delivery showed; `None` when it did its work,
    /// be it by refusing that one parcel.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Delivers one parcel. When the call is cancelled, its connection goes with it.
    pub async fn deliver(&mut self, parcel: &Parcel) -> Outcome {
        self.trouble = None;
        let (mut line, carried) = match self.take_line().await {
            Ok(line) => line,
            Err(trouble) => {
                let outcome = Outcome::Transient(trouble.text().to_owned());
                self.trouble = Some(trouble);
                return outcome;
            }
        };
        let Verdict { outcome, trouble, line_holds } = carry(&mut line, parcel, self.settings.data_limit).await;
        self.trouble = trouble;
        if line_holds {
            self.keep(line, carried.saturating_add(1)).await;
        }
        outcome
    }

    /// Returns when the kept connection has been idle for its time; waits for ever where none is kept.
    pub async fn tired(&mut self) {
        match &mut self.kept {
            Some(kept) => kept.idle.as_mut().await,
            None => std::future::pending().await,
        }
    }

    /// Closes the kept connection with QUIT.
    pub async fn rest(&mut self) {
        if let Some(kept) = self.kept.take() {
            kept.line.farewell().await;
        }
    }

    /// The kept connection where it still answers, else a new one; with the number of mails that it has carried.
    async fn take_line(&mut self) -> Result<(Line, u32), Trouble> {
        // A timer runs only while somebody looks at it: an unpolled one never says that it has elapsed.
        let is_tired = tokio::select! {
            biased;
            () = self.tired() => true,
            () = std::future::ready(()) => false,
        };
        if is_tired {
            self.rest().await;
        }
        if let Some(mut kept) = self.kept.take()
            && kept.line.order(Rset).await.is_ok()
        {
            return Ok((kept.line, kept.carried));
        }
        Ok((connect::open(&self.settings).await?, 0))
    }

    async fn keep(&mut self, line: Line, carried: u32) {
        if carried >= self.settings.mails_per_connection {
            line.farewell().await;
        } else {
            self.kept = Some(Kept { line, carried, idle: Box::pin(sleep(self.settings.idle)) });
        }
    }
}

/// Connects, greets, logs in and takes leave.
///
/// # Errors
/// What failed and what to do about it.
pub async fn probe(settings: &Settings) -> Result<String, String> {
    let line = connect::open(settings).await.map_err(|trouble| trouble.text().to_owned())?;
    let text = format!("{} answers, {}", settings.place(), described(&line, settings));
    line.farewell().await;
    Ok(text)
}

fn described(line: &Line, settings: &Settings) -> String {
    let encrypted = if line.is_encrypted() { "encrypted" } else { "not encrypted" };
    let login = settings.user.as_ref().map_or("no login".to_owned(), |user| format!("logged in as {user}"));
    let size = line.offers.size.map_or(String::new(), |size| format!(", takes mails up to {size} octets"));
    format!("{encrypted}, {login}{size}")
}

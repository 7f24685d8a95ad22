//! The IMAP source (RFC 3501; IDLE RFC 2177, UIDPLUS RFC 4315, MOVE RFC 6851). The only folder that names `async_imap`.
//!
//! Of that library only the connection and the parser are used: its commands take a refusal for an empty success. Here
//! every command waits for its own tagged OK, within a time limit, and after any error the connection is dropped. A mail
//! is moved or flagged after it is durable, never deleted; one that can't be fetched stays and blocks nobody.

mod connect;
mod mailbox;
mod patience;
mod round;
mod session;
mod settings;
mod words;

use std::time::{Duration, Instant};

pub use settings::{After, Settings, Tls};

use super::{Health, Mailroom, Stay};
use mailbox::Mailbox;
use patience::{Patience, grown};
use session::Trouble;

/// What must not be logged at any level, as a filter: whole conversations of the library, with passwords and mails.
pub const UNLOGGED: &str = "async_imap::imap_stream=warn";

/// How often a connection that was lost in mid-work is made again when mail is taken once.
const MOST_TRIES_ONCE: u32 = 5;

/// Takes mail until told to stop, or once.
pub async fn run(name: &str, settings: &Settings, mailroom: &Mailroom, stay: Stay) {
    // A mail waits longer than its source: where it takes the connection with it, a visit without it lies between.
    let patience = Patience::new(settings.first_wait.saturating_mul(8), settings.longest_wait.saturating_mul(2));
    let mut work = Work { name, settings, mailroom, stay, patience, opened: false, failures: 0, tries: 0 };
    tokio::select! {
        () = work.go_on() => {}
        () = mailroom.stopped() => {}
    }
}

/// A source at work, over all its connections.
struct Work<'a> {
    name: &'a str,
    settings: &'a Settings,
    mailroom: &'a Mailroom,
    stay: Stay,
    patience: Patience,
    /// The folder could be opened in the last visit.
    opened: bool,
    /// Visits that ended in trouble, without a look that went well between them.
    failures: u32,
    /// Visits that ended in trouble.
    tries: u32,
}

impl Work<'_> {
    async fn go_on(&mut self) {
        loop {
            let trouble = match self.visit().await {
                Ok(()) if self.stay == Stay::Once => return,
                // The login grew old: a new one is made at once.
                Ok(()) => continue,
                Err(trouble) => trouble,
            };
            (self.failures, self.tries) = (self.failures.saturating_add(1), self.tries.saturating_add(1));
            let is_over = self.stay == Stay::Once && (!self.opened || self.tries >= MOST_TRIES_ONCE);
            let wait = wait(self.settings, self.name, self.failures, &trouble);
            let text = match is_over {
                true => trouble.text(),
                false => format!("{}; tried again in {} s", trouble.text(), wait.as_secs_f32().ceil()),
            };
            self.report(if trouble.is_rejection() { Health::Blocked(text) } else { Health::Trouble(text) }).await;
            if is_over {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// One connection, as long as it holds.
    async fn visit(&mut self) -> Result<(), Trouble> {
        self.opened = false;
        let mut mailbox = Mailbox::select(connect::open(self.settings).await?, self.name, self.settings).await?;
        self.opened = true;
        let mut refusals = 0;
        loop {
            let round = round::take_all(&mut mailbox, self.mailroom, &mut self.patience).await?;
            self.failures = 0;
            self.report(round.health(&self.settings.folder, &self.settings.after, &self.patience)).await;
            if self.stay == Stay::Once || mailbox.is_old() {
                return mailbox.leave().await;
            }
            if round.refused.is_some() {
                refusals += 1;
                mailbox.rest(grown(self.settings.first_wait, self.settings.longest_wait, refusals, self.name)).await?;
            } else {
                refusals = 0;
                mailbox.wait_for_mail(self.patience.next(Instant::now()).unwrap_or(Duration::MAX)).await?;
            }
        }
    }

    async fn report(&self, health: Health) {
        self.mailroom.report(&format!("source {}", self.name), health).await;
    }
}

/// Growing, jittered by a hash, and as long as the server asks; a rejected login waits for a person.
fn wait(settings: &Settings, name: &str, failures: u32, trouble: &Trouble) -> Duration {
    let (first, longest) = match trouble.is_rejection() {
        true => (settings.rejected_wait, settings.rejected_wait.saturating_mul(6)),
        false => (settings.first_wait, settings.longest_wait),
    };
    grown(first, longest, failures, name).max(trouble.back_off().unwrap_or_default())
}

/// Whether mail can be had: logs in, opens the folder, and says what the server can do.
pub async fn probe(settings: &Settings) -> Result<String, String> {
    look(settings).await.map_err(|trouble| trouble.text())
}

async fn look(settings: &Settings) -> Result<String, Trouble> {
    let opened = connect::open(settings).await?;
    let abilities = opened.0.abilities();
    let mut mailbox = Mailbox::select(opened, "probe", settings).await?;
    let waiting = mailbox.search().await?.len();
    mailbox.leave().await?;
    Ok(format!(
        "logged in as {}, mails waiting in {}: {waiting}; the server has {abilities}",
        settings.user, settings.folder
    ))
}

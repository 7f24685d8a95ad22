//! The IMAP source (RFC 3501; IDLE RFC 2177, UIDPLUS RFC 4315, MOVE RFC 6851). The only folder that names `async_imap`.
//!
//! Of that library only the connection and the parser are used: its commands take a refusal for an empty success. Here
//! every command waits for its own tagged OK, within a time limit, and after any error the connection is dropped. A mail
//! is moved or flagged after it is durable, never deleted; one that can't be fetched stays and blocks nobody.

mod connect;
mod mailbox;
mod session;
mod settings;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

pub use settings::{After, Settings, Tls};

use super::{Health, Mailroom, Stay};
use mailbox::Mailbox;
use session::Trouble;

/// Takes mail until told to stop, or once.
pub async fn run(name: &str, settings: &Settings, mailroom: &Mailroom, stay: Stay) {
    let part = format!("source {name}");
    let mut failures = 0;
    // Mails that could not be fetched or kept, with how often: they wait longer each time.
    let mut difficult = BTreeMap::new();
    loop {
        let visit = visit(name, settings, mailroom, stay, &mut failures, &mut difficult);
        let trouble = tokio::select! {
            ended = visit => ended.err(),
            () = mailroom.stopped() => return,
        };
        let Some(trouble) = trouble.filter(|_| stay == Stay::Forever) else {
            return;
        };
        failures += 1;
        let wait = wait(settings, name, failures, &trouble);
        let again = format!("{}; tried again in {} s", trouble.text(), wait.as_secs_f32().ceil());
        let health = if trouble.is_rejection() { Health::Blocked(again) } else { Health::Trouble(again) };
        mailroom.report(&part, health).await;
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = mailroom.stopped() => return,
        }
    }
}

/// One connection, as long as it holds.
async fn visit(
    name: &str,
    settings: &Settings,
    mailroom: &Mailroom,
    stay: Stay,
    failures: &mut u32,
    difficult: &mut BTreeMap<u32, u32>,
) -> Result<(), Trouble> {
    let part = format!("source {name}");
    let opened = async {
        let session = connect::open(settings).await?;
        Mailbox::select(session, name, settings).await
    };
    let mut mailbox = match opened.await {
        Ok(mailbox) => mailbox,
        Err(trouble) => {
            if stay == Stay::Once {
                mailroom.report(&part, Health::Trouble(trouble.text())).await;
            }
            return Err(trouble);
        }
    };
    loop {
        let note = mailbox.take_all(mailroom, difficult).await?;
        *failures = 0;
        mailroom.report(&part, note).await;
        if stay == Stay::Once {
            return mailbox.leave().await;
        }
        mailbox.wait_for_mail().await?;
    }
}

/// Growing, jittered by a hash, and as long as the server asks; a rejected login waits for a person.
fn wait(settings: &Settings, name: &str, failures: u32, trouble: &Trouble) -> Duration {
    let (first, longest) = match trouble.is_rejection() {
        true => (settings.rejected_wait, settings.rejected_wait.saturating_mul(6)),
        false => (settings.first_wait, settings.longest_wait),
    };
    let grown = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    let mut hash = DefaultHasher::new();
    (name, failures).hash(&mut hash);
    let jittered = grown.mul_f64(0.75 + (hash.finish() % 500) as f64 / 1_000.0);
    jittered.max(trouble.back_off().unwrap_or_default())
}

/// Whether mail can be had: logs in, opens the folder, and says what the server can do.
pub async fn probe(settings: &Settings) -> Result<String, String> {
    let session = connect::open(settings).await.map_err(|trouble| trouble.text())?;
    let abilities = session.abilities();
    let mut mailbox = Mailbox::select(session, "probe", settings).await.map_err(|trouble| trouble.text())?;
    let waiting = mailbox.search().await.map_err(|trouble| trouble.text())?.len();
    mailbox.leave().await.map_err(|trouble| trouble.text())?;
    Ok(format!(
        "logged in as {}, mails waiting in {}: {waiting}; the server has {abilities}",
        settings.user, settings.folder
    ))
}

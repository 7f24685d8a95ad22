//! What the service manager is told (sd_notify(3)): that the gateway is open, how it fares in one line, that it still works,
//! that it ends. Without a service manager it is silent; it decides nothing, and what it can't tell harms no mail.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::sync::{mpsc, oneshot, watch};

use super::Shared;
use super::worker::Job;
use crate::mail::plain;

/// How long a source is waited for at the start: a gateway whose mail server is away is open all the same.
const PATIENCE: Duration = Duration::from_secs(30);
/// The outbox looks around each second, whatever its couriers wait for.
const LONGEST_TURN: Duration = Duration::from_secs(60);
/// The line when nothing is in trouble.
const WELL: &str = "All is well.";
/// Longest line about how all fares, in characters.
const LONGEST_LINE: usize = 500;

/// The gateway as its service manager sees it.
#[derive(Debug)]
pub struct Service {
    /// Parts that have not yet told how they fare.
    silent: watch::Sender<BTreeSet<String>>,
    /// Turns of the outbox.
    turns: AtomicU64,
    /// How all fares.
    line: watch::Sender<String>,
}

impl Service {
    /// Open when these parts have told how they fare, well or not.
    pub fn new(parts: impl IntoIterator<Item = String>) -> Self {
        let silent = watch::Sender::new(parts.into_iter().collect());
        Self { silent, turns: AtomicU64::new(0), line: watch::Sender::new(WELL.to_owned()) }
    }

    /// A part has told how it fares, and that was kept.
    pub fn heard(&self, part: &str) {
        self.silent.send_if_modified(|silent| silent.remove(part));
    }

    /// The outbox has made a turn.
    pub fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// What is in trouble, by name and in words. Words of servers are among them, so all is made one line.
    pub fn status<'a>(&self, troubles: impl Iterator<Item = (&'a str, &'a str)>) {
        let troubles: Vec<String> = troubles.map(|(part, text)| format!("{part}: {text}")).collect();
        let line = if troubles.is_empty() { WELL } else { &troubles.join("; ") };
        let line = plain::line(line, LONGEST_LINE);
        self.line.send_if_modified(|told| {
            *told != line && {
                *told = line;
                true
            }
        });
    }
}

/// Tells the service manager all that it wants to hear, for ever. Nothing else waits for it.
pub async fn run(shared: Arc<Shared>, jobs: mpsc::Sender<Job>) {
    tokio::join!(open(&shared, &jobs), tell_lines(&shared));
}

/// Says when the gateway is open, and from then on that it works.
async fn open(shared: &Shared, jobs: &mpsc::Sender<Job>) {
    let mut silent = shared.service.silent.subscribe();
    // An error would mean that the service is gone, which is shared with us.
    let _ = tokio::time::timeout(PATIENCE, silent.wait_for(BTreeSet::is_empty)).await;
    tell(&[NotifyState::Ready]);
    if let Some(every) = sd_notify::watchdog_enabled() {
        vouch(shared, jobs, every).await;
    }
}

async fn tell_lines(shared: &Shared) {
    let mut lines = shared.service.line.subscribe();
    loop {
        let line = lines.borrow_and_update().clone();
        tell(&[NotifyState::Status(&line)]);
        if lines.changed().await.is_err() {
            return;
        }
    }
}

/// The gateway ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Vouches for the gateway while the worker answers and the outbox goes on; who is not vouched for is started anew.
async fn vouch(shared: &Shared, jobs: &mpsc::Sender<Job>, every: Duration) {
    let mut outbox = Progress::new(LONGEST_TURN, Instant::now());
    let mut beats = tokio::time::interval(every / 3);
    loop {
        beats.tick().await;
        if !answers(jobs, every).await {
            return;
        }
        match outbox.is_made(shared.service.turns.load(Ordering::Relaxed), Instant::now()) {
            true => tell(&[NotifyState::Watchdog]),
            false => tracing::error!("the outbox is stuck; the service manager is asked to start the gateway anew"),
        }
    }
}

/// Waits until the worker answers, however long that takes; it tells when that is long. `false`: there is none any more.
async fn answers(jobs: &mpsc::Sender<Job>, every: Duration) -> bool {
    let (answer, mut answered) = oneshot::channel();
    let ask = async {
        match jobs.send(Job::Answer(answer)).await {
            Ok(()) => (&mut answered).await.is_ok(),
            Err(_) => false,
        }
    };
    tokio::pin!(ask);
    if let Ok(known) = tokio::time::timeout(every / 3, &mut ask).await {
        return known;
    }
    tracing::error!("the worker does not answer; unless it does, the service manager starts the gateway anew");
    ask.await
}

/// Whether a count grows, at least once in a while.
struct Progress {
    patience: Duration,
    count: u64,
    since: Instant,
}

impl Progress {
    fn new(patience: Duration, now: Instant) -> Self {
        Self { patience, count: 0, since: now }
    }

    fn is_made(&mut self, count: u64, now: Instant) -> bool {
        if count != self.count {
            (self.count, self.since) = (count, now);
        }
        now.duration_since(self.since) <= self.patience
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager can't be told how the gateway fares");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_server_give_the_service_manager_no_orders() {
        let service = Service::new([]);
        let evil = format!("closed\nMAINPID=1\r\u{85}STOPPING=1 {}", "x".repeat(9_000));
        service.status([("relay", evil.as_str()), ("store", "full")].into_iter());
        let line = service.line.borrow().clone();
        assert!(line.starts_with("relay: closed MAINPID=1 STOPPING=1 x"), "{line}");
        assert!(!line.contains(char::is_control) && line.chars().count() == LONGEST_LINE, "{line}");
        service.status([].into_iter());
        assert_eq!(*service.line.borrow(), WELL);
    }

    #[test]
    fn progress_is_a_count_that_grows_once_in_a_while() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut progress = Progress::new(Duration::from_secs(60), start);
        assert!(progress.is_made(0, after(60)));
        assert!(!progress.is_made(0, after(61)));
        assert!(progress.is_made(1, after(100)));
        assert!(progress.is_made(1, after(160)));
        assert!(!progress.is_made(1, after(161)));
        assert!(progress.is_made(2, after(161)));
    }
}

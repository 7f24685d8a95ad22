//! A source at work, and a counter in place of the engine that notes what comes in and answers as told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ggus_gateway::source::{self, Counter, Health, Incoming, Mailroom, Receipt, SourceSettings, Stay};
use tokio::sync::watch;

use super::PATIENCE;

/// What came out of a source.
#[derive(Default)]
pub struct Seen {
    pub mails: Vec<Incoming>,
    pub healths: Vec<Health>,
    /// The store can't take mail.
    pub full: bool,
}

/// A source at work.
pub struct Running {
    pub seen: Arc<Mutex<Seen>>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

pub fn run(settings: SourceSettings, stay: Stay, full: bool) -> Running {
    let (stop, stopped) = watch::channel(false);
    let (mailroom, mut counter): (Mailroom, Counter) = Mailroom::new(stopped);
    let seen = Arc::new(Mutex::new(Seen { full, ..Seen::default() }));
    let desk = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(delivery) = counter.inbox.recv() => {
                    let mut seen = desk.lock().unwrap();
                    let receipt = if seen.full { Receipt::Later("disk full".to_owned()) } else { Receipt::Kept };
                    let receipts = vec![receipt; delivery.mails.len()];
                    seen.mails.extend(delivery.mails);
                    let _ = delivery.receipts.send(receipts);
                }
                Some((_, health)) = counter.health.recv() => desk.lock().unwrap().healths.push(health),
                else => return,
            }
        }
    });
    let task = tokio::spawn(async move { source::run("support", &settings, &mailroom, stay).await });
    Running { seen, stop, task }
}

impl Running {
    pub async fn until(&self, what: &str, so: impl Fn(&Seen) -> bool) {
        let start = std::time::Instant::now();
        while !so(&self.seen.lock().unwrap()) {
            assert!(start.elapsed() < PATIENCE, "{what}: not so: {:?}", self.seen.lock().unwrap().healths.last());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn end(self) -> Vec<Incoming> {
        let _ = self.stop.send(true);
        self.task.await.unwrap();
        std::mem::take(&mut self.seen.lock().unwrap().mails)
    }
}

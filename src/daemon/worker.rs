//! The worker: the thread that owns the store. Jobs come one after the other; what waits together is taken together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::{Shared, clock};
use crate::engine::delivery::{self, Departure};
use crate::engine::intake::{self, Outcome, Rules};
use crate::relay;
use crate::source::{Delivery, Health, Incoming, Receipt};
use crate::store::{HealthState, OutboxLine, Store, StoreError};

/// Mails in one transaction.
const BATCH: usize = 64;
/// How long an unchanged report need not be kept again.
const STILL_WELL: SignedDuration = SignedDuration::from_secs(30);
/// Stack of the worker: readers of hostile mail may nest, and must not meet the end of a small one.
const STACK: usize = 16 << 20;

/// Something for the worker to do.
#[derive(Debug)]
pub enum Job {
    /// Claims mails that are due.
    Claim(oneshot::Sender<Vec<Departure>>),
    /// Keeps how a part fares.
    Health(String, Health),
    /// Keeps what became of a mail.
    Settle(Box<OutboxLine>, relay::Outcome),
    /// Takes mails in.
    Take(Delivery),
}

/// Starts the worker; it ends when all senders of jobs are gone.
pub fn start(shared: Arc<Shared>, store: Store, jobs: mpsc::Receiver<Job>) -> JoinHandle<()> {
    let work = move || Worker { shared, store, healths: BTreeMap::new() }.run(jobs);
    let thread = std::thread::Builder::new().name("desk".to_owned()).stack_size(STACK);
    // Without a thread there is no gateway; the operating system's reason is the best message there is.
    thread.spawn(work).unwrap_or_else(|error| {
        tracing::error!(%error, "the worker thread can't be started; raise the limit on processes");
        std::process::exit(71)
    })
}

struct Worker {
    shared: Arc<Shared>,
    store: Store,
    /// What was last kept of each part, and when.
    healths: BTreeMap<String, (Health, Timestamp)>,
}

impl Worker {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            let mut waiting = vec![job];
            while waiting.len() < BATCH
                && let Ok(job) = jobs.try_recv()
            {
                waiting.push(job);
            }
            let (deliveries, others): (Vec<Job>, Vec<Job>) =
                waiting.into_iter().partition(|job| matches!(job, Job::Take(_)));
            self.take_all(deliveries);
            others.into_iter().for_each(|job| self.other(job));
        }
    }

    fn rules(shared: &Shared) -> Rules<'_> {
        Rules { policy: &shared.loaded.policy, templates: &shared.templates }
    }

    /// One commit for everything that waits; a source hears "kept" only after it.
    fn take_all(&mut self, deliveries: Vec<Job>) {
        let deliveries: Vec<Delivery> = deliveries
            .into_iter()
            .filter_map(|job| match job {
                Job::Take(delivery) => Some(delivery),
                _ => None,
            })
            .collect();
        if deliveries.is_empty() {
            return;
        }
        let mails: Vec<Incoming> = deliveries.iter().flat_map(|delivery| delivery.mails.clone()).collect();
        let shared = Arc::clone(&self.shared);
        let taken = intake::take(Self::rules(&shared), &mut self.store, &mails, clock::now());
        let receipt = match &taken {
            Ok(outcomes) => {
                mails.iter().zip(outcomes).for_each(|(incoming, outcome)| told(incoming, outcome));
                self.shared.bell.notify_one();
                Receipt::Kept
            }
            Err(error) => {
                tracing::error!(%error, mails = mails.len(), "mails could not be kept; they wait at their source");
                Receipt::Later(error.to_string())
            }
        };
        for delivery in deliveries {
            let receipts = vec![receipt.clone(); delivery.mails.len()];
            // A source that is gone comes again: the mails are known then.
            let _ = delivery.receipts.send(receipts);
        }
    }

    fn other(&mut self, job: Job) {
        let now = clock::now();
        let shared = Arc::clone(&self.shared);
        let settings = &shared.loaded.plant.outbox;
        let done = match job {
            Job::Claim(answer) => {
                delivery::claim(&shared.loaded.policy, &mut self.store, now, settings).map(|departures| {
                    // A sender that is gone leaves its leases to end by themselves.
                    let _ = answer.send(departures);
                })
            }
            Job::Health(part, health) => self.health(&part, &health),
            Job::Settle(line, outcome) => {
                sent(&line, &outcome);
                let dead = intake::settle(Self::rules(&shared), &mut self.store, &line, &outcome, now, settings);
                dead.map(|dead| {
                    if dead {
                        tracing::error!(to = %line.to, subject = %line.subject, "mail given up; `outbox list --state dead` shows it");
                        self.shared.bell.notify_one();
                    }
                })
            }
            Job::Take(_) => Ok(()),
        };
        if let Err(error) = done {
            tracing::error!(%error, "the store could not keep this; it is tried again");
        }
    }

    /// Keeps a change at once, and that all is as it was now and then: each costs a write to the disk.
    fn health(&mut self, part: &str, health: &Health) -> Result<(), StoreError> {
        let now = clock::now();
        let same = |(known, at): &(Health, Timestamp)| known == health && now.duration_since(*at) < STILL_WELL;
        if self.healths.get(part).is_some_and(same) {
            return Ok(());
        }
        self.healths.insert(part.to_owned(), (health.clone(), now));
        let (state, text) = match health {
            Health::Well(text) => (HealthState::Well, text),
            Health::Trouble(text) => (HealthState::Trouble, text),
            Health::Blocked(text) => (HealthState::Blocked, text),
        };
        match state {
            HealthState::Well => tracing::debug!(part, text, "well"),
            HealthState::Trouble => tracing::warn!(part, text, "in trouble"),
            HealthState::Blocked => tracing::error!(part, text, "blocked until somebody acts"),
        }
        self.store.batch(|batch| batch.set_health(part, state, text, now))
    }
}

fn told(incoming: &Incoming, outcome: &Outcome) {
    let decision = &outcome.decision;
    let ticket = decision.understood.ticket.map(|ticket| ticket.0);
    let (verdict, reason) = (decision.verdict.word(), outcome.reason());
    tracing::info!(
        mail = incoming.identity,
        verdict,
        ticket,
        reason,
        mails_out = decision.outbound.len(),
        "mail taken"
    );
}

fn sent(line: &OutboxLine, outcome: &relay::Outcome) {
    let (id, to, template) = (line.id.0, line.to.to_string(), line.template.name());
    match outcome {
        relay::Outcome::Sent(answer) => tracing::info!(id, to, template, answer, "mail sent"),
        relay::Outcome::Transient(error) => tracing::warn!(id, to, template, error, "mail not sent, tried again later"),
        relay::Outcome::Permanent(error) => tracing::warn!(id, to, template, error, "mail refused"),
        relay::Outcome::Unknown(error) => {
            tracing::warn!(id, to, template, error, "mail may have been sent; the same bytes go out again later");
        }
    }
}

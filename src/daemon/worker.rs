//! The worker: the thread that owns the store. Jobs come one after the other; what waits together is taken together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::parts::STORE;
use super::{Setup, Shared, clock};
use crate::config::Loaded;
use crate::engine::delivery::{self, Departure};
use crate::engine::intake::{self, Answer, Outcome, Rules};
use crate::engine::{retention, timers};
use crate::relay;
use crate::source::{Delivery, Health, Incoming, Receipt};
use crate::store::{self, HealthState, Lock, OutboxLine, Store, StoreError};

/// Mails in one transaction.
const BATCH: usize = 64;
/// How long an unchanged report need not be kept again.
const STILL_WELL: SignedDuration = SignedDuration::from_secs(30);
/// Stack of the worker: readers of hostile mail may nest, and must not meet the end of a small one.
const STACK: usize = 16 << 20;

/// Something for the worker to do.
#[derive(Debug)]
pub enum Job {
    /// Answers, and so shows that work goes on.
    Answer(oneshot::Sender<()>),
    /// Claims mails that are due.
    Claim(oneshot::Sender<Vec<Departure>>),
    /// Keeps how a part fares.
    Health(String, Health),
    /// Forgets how parts fare that are not among these: they are gone.
    Parts(Vec<String>),
    /// Takes out some of the personal data that is over its age, and answers where to go on; `None`: all was looked at.
    Retain(retention::Place, oneshot::Sender<Option<retention::Place>>),
    /// Keeps what became of a mail.
    Settle(Box<OutboxLine>, relay::Outcome),
    /// Takes mails in.
    Take(Delivery),
    /// Keeps that people were told of trouble in a part, or that it is over.
    Told(String, Option<Timestamp>),
    /// Takes the steps of timers that are due, and answers when the next one is.
    Timers(oneshot::Sender<Option<Timestamp>>),
}

/// Starts the worker; it ends when all senders of jobs are gone.
pub fn start(shared: Arc<Shared>, store: Store, lock: Lock, jobs: mpsc::Receiver<Job>) -> JoinHandle<()> {
    let work = move || Worker::new(shared, store, lock).run(jobs);
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
    lock: Lock,
    /// How the store fares.
    fares: Health,
    /// Answers of the relay that could not be kept yet. Until they are, no more mail goes out: it would go out again.
    unsettled: Vec<Answer>,
    /// What was last kept of each part, and when.
    healths: BTreeMap<String, (Health, Timestamp)>,
    /// The parts that there are.
    parts: Vec<String>,
}

impl Worker {
    fn new(shared: Arc<Shared>, store: Store, lock: Lock) -> Self {
        let fares = Health::Well("mail is kept".to_owned());
        let (unsettled, healths, parts) = (Vec::new(), BTreeMap::new(), Vec::new());
        let worker = Self { shared, store, lock, fares, unsettled, healths, parts };
        worker.note();
        worker
    }

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
            self.settle();
        }
    }

    fn rules(setup: &Setup) -> Rules<'_> {
        Rules { policy: &setup.loaded.policy, templates: &setup.templates }
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
        let setup = self.shared.setup();
        let begun = clock::mark();
        let mut decided = begun;
        let note = || decided = clock::mark();
        let taken = intake::take_noting(Self::rules(&setup), &mut self.store, &mails, clock::now(), note);
        if taken.is_ok() {
            self.shared.metrics.batch(mails.len(), decided - begun, decided.elapsed());
        }
        let receipt = match &taken {
            Ok(outcomes) => {
                for (incoming, outcome) in mails.iter().zip(outcomes) {
                    told(incoming, outcome);
                    self.shared.metrics.taken(&incoming.source, outcome);
                }
                self.shared.bell.notify_one();
                Receipt::Kept
            }
            Err(error) => {
                tracing::debug!(%error, mails = mails.len(), "mails could not be kept; they wait at their source");
                Receipt::Later(error.to_string())
            }
        };
        self.judge(taken.as_ref().err());
        for delivery in deliveries {
            let receipts = vec![receipt.clone(); delivery.mails.len()];
            // A source that is gone comes again: the mails are known then.
            let _ = delivery.receipts.send(receipts);
        }
    }

    fn other(&mut self, job: Job) {
        match job {
            Job::Answer(answer) => {
                // Who asked is gone at a stop only.
                let _ = answer.send(());
            }
            Job::Claim(answer) => {
                self.settle();
                if self.unsettled.is_empty() {
                    let Loaded { policy, plant, .. } = &self.shared.setup().loaded;
                    let settings = &plant.outbox;
                    let claimed = delivery::claim(policy, &mut self.store, clock::now(), settings);
                    self.judge(claimed.as_ref().err());
                    // A sender that is gone leaves its leases to end by themselves.
                    let _ = answer.send(claimed.unwrap_or_default());
                }
            }
            Job::Health(part, health) => {
                let kept = self.health(&part, &health);
                self.judge(kept.as_ref().err());
                self.tell();
                self.shared.service.heard(&part);
            }
            Job::Parts(parts) => {
                let is_gone = |part: &str| !parts.iter().any(|known| known == part);
                self.healths.retain(|part, _| !is_gone(part));
                self.shared.with_parts(|all| all.forget(is_gone));
                let forgotten = self.store.batch(|batch| batch.forget_health(is_gone));
                self.parts = parts;
                self.judge(forgotten.as_ref().err());
            }
            Job::Retain(place, answer) => {
                let retained = self.retain(place, clock::now());
                self.judge(retained.as_ref().err());
                // Whoever asked is gone at a stop only. What could not be done today is made up for tomorrow.
                let _ = answer.send(retained.unwrap_or_default());
            }
            Job::Settle(line, outcome) => {
                sent(&line, &outcome);
                self.shared.metrics.tried(&outcome);
                self.unsettled.push(Answer { line: *line, outcome });
            }
            Job::Take(_) => {}
            Job::Told(part, at) => {
                let kept = self.store.batch(|batch| batch.set_told(&part, at));
                self.judge(kept.as_ref().err());
            }
            Job::Timers(answer) => {
                let setup = self.shared.setup();
                let turn = timers::turn(Self::rules(&setup), &mut self.store, clock::now());
                self.judge(turn.as_ref().err());
                if let Ok(turn) = turn {
                    self.steps_taken(&turn);
                    // Whoever asked is gone at a stop only.
                    let _ = answer.send(turn.next);
                }
            }
        }
    }

    /// Keeps what became of mails that went out, as far as the store takes it.
    fn settle(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        let setup = self.shared.setup();
        let (rules, settings) = (Self::rules(&setup), &setup.loaded.plant.outbox);
        let settled = intake::settle(rules, &mut self.store, &self.unsettled, clock::now(), settings);
        self.judge(settled.as_ref().err());
        let Ok(settled) = settled else { return };
        for (Answer { line, .. }, settled) in self.unsettled.drain(..).zip(settled) {
            match settled {
                Ok(true) => {
                    tracing::error!(to = %line.to, subject = %line.subject, "mail given up; `outbox list --state dead` shows it");
                    self.shared.metrics.given_up();
                    self.shared.bell.notify_one();
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, id = line.id.0, "the answer to a mail can't be kept; please report this");
                }
            }
        }
    }

    /// Notes how the store fares, where that has changed. What failed comes again; a small write may succeed beside
    /// large ones that don't, so trouble is over only when there is room.
    fn judge(&mut self, error: Option<&StoreError>) {
        let fares = match error {
            Some(error) if error.concerns_one_call() => return,
            Some(error) if error.is_transient() => Health::Trouble(error.to_string()),
            Some(error) => Health::Blocked(error.to_string()),
            None if matches!(self.fares, Health::Well(_)) => return,
            None if store::probe(&self.shared.setup().loaded.plant.store).is_err() => return,
            None => Health::Well("mail is kept again".to_owned()),
        };
        if fares == self.fares {
            return;
        }
        match &fares {
            Health::Well(text) => tracing::info!("the store is well: {text}"),
            Health::Trouble(text) => tracing::error!("{text}"),
            Health::Blocked(text) => tracing::error!("{text}"),
        }
        self.fares = fares;
        self.shared.with_parts(|parts| parts.report(STORE, &self.fares, clock::now()));
        self.note();
    }

    fn note(&self) {
        let (state, text) = state(&self.fares);
        self.lock.note(state, text, clock::now());
        self.tell();
    }

    /// Tells the service manager what is in trouble.
    fn tell(&self) {
        let parts = self.healths.iter().map(|(part, (health, _))| (part.as_str(), health));
        let told = [("store", &self.fares)].into_iter().chain(parts).map(|(part, health)| (part, state(health)));
        let troubles = told.filter(|(_, (state, _))| *state != HealthState::Well).map(|(part, (_, text))| (part, text));
        self.shared.service.status(troubles);
    }

    fn retain(&mut self, place: retention::Place, now: Timestamp) -> Result<Option<retention::Place>, StoreError> {
        let Loaded { policy, plant, .. } = &self.shared.setup().loaded;
        let (retained, next) = retention::turn(policy, &plant.retention, &mut self.store, now, place)?;
        if !retained.is_nothing() {
            let (tickets, mails) = (retained.redacted.len(), retained.mails + retained.letters);
            tracing::info!(tickets, mails, "personal data over its age was taken out");
        }
        retained.waiting.iter().for_each(|(_, why)| tracing::warn!(why, "over its age, and stays for now"));
        if next.is_none()
            && let Err(error) = self.store.erase()
        {
            tracing::warn!(%error, "traces of what was taken out are left in the store's log until tomorrow");
        }
        Ok(next)
    }

    fn steps_taken(&self, turn: &timers::Turn) {
        for ticket in &turn.failed {
            tracing::error!(ticket = ticket.0, "the gateway failed over a timer of this ticket, please report it");
        }
        for unit in &turn.without_digest {
            tracing::error!(%unit, "the gateway failed over the digest of this unit, please report it");
        }
        if !turn.digests.is_empty() {
            tracing::info!(digests = turn.digests.len(), "digests were due");
            self.shared.bell.notify_one();
        }
        turn.decisions.iter().for_each(|decision| self.shared.metrics.stepped(decision));
        if !turn.decisions.is_empty() {
            let mails_out: usize = turn.decisions.iter().map(|decision| decision.outbound.len()).sum();
            tracing::info!(tickets = turn.decisions.len(), mails_out, "timers were due");
            self.shared.bell.notify_one();
        }
    }

    /// Keeps a change at once, and that all is as it was now and then: each costs a write to the disk.
    fn health(&mut self, part: &str, health: &Health) -> Result<(), StoreError> {
        // A source may have had something to say when it was told to end.
        if !self.parts.iter().any(|known| known == part) {
            return Ok(());
        }
        let now = clock::now();
        self.shared.with_parts(|parts| parts.report(part, health, now));
        let known = self.healths.get(part).filter(|(known, _)| known == health);
        if known.is_some_and(|(_, at)| now.duration_since(*at) < STILL_WELL) {
            return Ok(());
        }
        let (state, text) = state(health);
        match state {
            _ if known.is_some() => {}
            HealthState::Well => tracing::debug!(part, text, "well"),
            HealthState::Trouble => tracing::warn!(part, text, "in trouble"),
            HealthState::Blocked => tracing::error!(part, text, "blocked until somebody acts"),
        }
        // Where it can't be kept now, it is at its next report, and told only once.
        self.healths.insert(part.to_owned(), (health.clone(), Timestamp::MIN));
        self.store.batch(|batch| batch.set_health(part, state, text, now))?;
        self.healths.insert(part.to_owned(), (health.clone(), now));
        Ok(())
    }
}

fn state(health: &Health) -> (HealthState, &str) {
    match health {
        Health::Well(text) => (HealthState::Well, text),
        Health::Trouble(text) => (HealthState::Trouble, text),
        Health::Blocked(text) => (HealthState::Blocked, text),
    }
}

fn told(incoming: &Incoming, outcome: &Outcome) {
    let decision = &outcome.decision;
    let ticket = decision.understood.ticket.map(|ticket| ticket.0);
    let (verdict, reason) = (decision.verdict.word(), outcome.reason());
    tracing::info!(
        mail = outcome.number.map(|number| number.0),
        source = incoming.source,
        identity = incoming.identity,
        verdict,
        ticket,
        reason,
        mails_out = decision.outbound.len(),
        "mail taken"
    );
}

fn sent(line: &OutboxLine, outcome: &relay::Outcome) {
    let (id, to, template) = (line.id.0, line.to.to_string(), line.template.name());
    let mail = line.mail.map(|number| number.0);
    match outcome {
        relay::Outcome::Sent(answer) => tracing::info!(mail, id, to, template, answer, "mail sent"),
        relay::Outcome::Transient(error) => {
            tracing::warn!(mail, id, to, template, error, "mail not sent, tried again later")
        }
        relay::Outcome::Permanent(error) => tracing::warn!(mail, id, to, template, error, "mail refused"),
        relay::Outcome::Unknown(error) => {
            tracing::warn!(mail, id, to, template, error, "mail may have been sent; the same bytes go out again later");
        }
    }
}

//! The daemon: it wires sources, engine and relay together, and is the only part that knows what time it is.
//!
//! One thread owns the store and does all deciding ([`engine`](crate::engine)); it takes [`Job`]s in turn. Sources and
//! couriers are tasks; they see channels, never the store. On a stop, sources end first, what they handed over is made
//! durable, couriers finish the mail in their hands, and what is left in the outbox waits for the next start.

pub mod clock;
pub mod log;
mod outbox;
mod service;
mod timers;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::config::Loaded;
use crate::engine::retention::Place;
use crate::proof::Checks;
use crate::render::template::Templates;
use crate::source::{self, Counter, Mailroom, Stay};
use crate::store::{Lock, Store, StoreError};
use service::Service;
use worker::Job;

/// How long couriers may take to finish after a stop, before their mails are left to the next start.
const FAREWELL: Duration = Duration::from_secs(20);

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What the parts of the daemon share.
#[derive(Debug)]
struct Shared {
    loaded: Loaded,
    /// Checks signatures, where the gateway does that itself.
    checks: Option<Checks>,
    templates: Templates,
    /// Rung when mails were queued, so that they go out at once.
    bell: Notify,
    service: Service,
}

/// Runs until `stop` turns true; with [`Stay::Once`] takes what is there, delivers what is due, and returns.
pub async fn run(
    loaded: Loaded,
    templates: Templates,
    (store, lock): (Store, Lock),
    stay: Stay,
    stop: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let checks = checks(&loaded);
    let service = Service::new(loaded.plant.sources.keys().map(|name| format!("source {name}")));
    let shared = Arc::new(Shared { loaded, checks, templates, bell: Notify::new(), service });
    let (jobs, inbox) = mpsc::channel(16);
    let worker = worker::start(Arc::clone(&shared), store, lock, inbox);
    let (mailroom, counter) = Mailroom::new(stop.clone());
    let porter = tokio::spawn(carry(counter, Arc::clone(&shared), jobs.clone()));
    let mut sources = JoinSet::new();
    for (name, settings) in shared.loaded.plant.sources.clone() {
        let mailroom = mailroom.clone();
        sources.spawn(async move { source::run(&name, &settings, &mailroom, stay).await });
    }
    drop(mailroom);
    match stay {
        Stay::Once => {
            while sources.join_next().await.is_some() {}
            timers::drain(&jobs).await;
            outbox::drain(&shared, &jobs).await;
        }
        Stay::Forever => {
            let sender = tokio::spawn(outbox::run(Arc::clone(&shared), jobs.clone(), stop.clone()));
            let daily = tokio::spawn(retain_daily(jobs.clone()));
            let timers = tokio::spawn(timers::run(jobs.clone(), stop.clone()));
            let service = tokio::spawn(service::run(Arc::clone(&shared), jobs.clone()));
            let mut stopped = stop;
            // An error means that whoever could stop us is gone; that is a stop too.
            let _ = stopped.wait_for(|stop| *stop).await;
            service::stopping();
            service.abort();
            while sources.join_next().await.is_some() {}
            // It ends with the stop, between two turns.
            let _ = timers.await;
            if tokio::time::timeout(FAREWELL, sender).await.is_err() {
                tracing::warn!("couriers did not finish in time; their mails go out again at the next start");
            }
            daily.abort();
        }
    }
    drop(jobs);
    let _ = porter.await;
    let ended = tokio::task::spawn_blocking(move || worker.join()).await;
    match ended {
        Ok(Ok(())) => Ok(()),
        _ => Err(StoreError::Refused("the worker thread ended badly; its last log lines say why".to_owned())),
    }
}

/// Has personal data taken out that is over its age, at the start and once a day.
async fn retain_daily(jobs: mpsc::Sender<Job>) {
    let mut days = tokio::time::interval(DAY);
    loop {
        days.tick().await;
        let mut place = Some(Place::default());
        while let Some(here) = place {
            let (answer, next) = oneshot::channel();
            if jobs.send(Job::Retain(here, answer)).await.is_err() {
                return;
            }
            place = next.await.unwrap_or_default();
        }
    }
}

/// Without name servers nothing is proven by DKIM, and the desk still works.
fn checks(loaded: &Loaded) -> Option<Checks> {
    let plant = &loaded.plant;
    let (checks, trouble) = Checks::new(&plant.proof, &loaded.policy.desk.trusted_servers, plant.ca_folder.as_deref());
    if let Some(error) = trouble {
        tracing::error!(error, "signatures of domains can't be checked; until they are, no mail is proven by one");
    }
    checks
}

/// Carries what sources hand over, and how they fare, to the worker. A source that waits for name servers holds up no
/// other.
async fn carry(mut counter: Counter, shared: Arc<Shared>, jobs: mpsc::Sender<Job>) {
    let mut asking = JoinSet::new();
    loop {
        let job = tokio::select! {
            Some(mut delivery) = counter.inbox.recv() => match &shared.checks {
                None => Job::Take(delivery),
                Some(_) => {
                    let shared = Arc::clone(&shared);
                    asking.spawn(async move {
                        if let Some(checks) = &shared.checks {
                            checks.check_all(&mut delivery.mails, clock::now()).await;
                        }
                        delivery
                    });
                    continue;
                }
            },
            Some(Ok(delivery)) = asking.join_next() => Job::Take(delivery),
            Some((part, health)) = counter.health.recv() => Job::Health(part, health),
            else => return,
        };
        if jobs.send(job).await.is_err() {
            return;
        }
    }
}

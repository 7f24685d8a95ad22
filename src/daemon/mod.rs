//! The daemon: it wires sources, engine and relay together, and is the only part that knows what time it is.
//!
//! One thread owns the store and does all deciding ([`engine`](crate::engine)); it takes [`Job`]s in turn. Sources and
//! couriers are tasks; they see channels, never the store. On a stop, sources end first, what they handed over is made
//! durable, couriers finish the mail in their hands, and what is left in the outbox waits for the next start.
//!
//! What is configured is one value, the [`Setup`]; a [`reload`] exchanges it as a whole.

mod alerts;
pub mod clock;
pub mod control;
pub mod log;
mod metrics;
mod outbox;
mod parts;
pub mod reload;
mod service;
mod sources;
mod timers;
mod web;
mod worker;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::config::{self, Loaded};
use crate::engine::retention::Place;
use crate::health::Health;
use crate::proof::Checks;
use crate::render::template::Templates;
use crate::source::{Counter, Mailroom, Stay};
use crate::store::{Lock, Store, StoreError};
use metrics::Metrics;
use parts::Parts;
use service::Service;
use sources::Sources;
use worker::Job;

/// How long couriers may take to finish after a stop, before their mails are left to the next start.
const FAREWELL: Duration = Duration::from_secs(20);

/// The parts that are no sources.
const METRICS: &str = "metrics";
const RELAY: &str = "relay";

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Everything that is configured, ready for use.
#[derive(Debug)]
pub struct Setup {
    pub loaded: Loaded,
    pub templates: Templates,
    /// Checks signatures, where the gateway does that itself.
    checks: Option<Checks>,
}

impl Setup {
    /// Reads and checks the configuration and its mail templates.
    ///
    /// # Errors
    /// All that is wrong, one problem to a line.
    pub fn read(gateway_toml: &Path) -> Result<(Loaded, Templates), String> {
        let loaded = config::load(gateway_toml).map_err(|problems| problems.to_string())?;
        let templates = Templates::load(loaded.plant.templates.as_deref()).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })?;
        Ok((loaded, templates))
    }

    fn new(loaded: Loaded, templates: Templates) -> Self {
        let checks = checks(&loaded);
        Self { loaded, templates, checks }
    }
}

/// What the parts of the daemon share.
#[derive(Debug)]
struct Shared {
    /// What is configured now. Each piece of work takes it once, so that none sees two configurations.
    setup: watch::Sender<Arc<Setup>>,
    /// Rung when mails were queued, so that they go out at once.
    bell: Notify,
    service: Service,
    metrics: Metrics,
    /// How the parts fare.
    parts: Mutex<Parts>,
}

impl Shared {
    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.borrow())
    }

    fn parts(&self) -> Parts {
        self.with_parts(|parts| parts.clone())
    }

    fn with_parts<T>(&self, work: impl FnOnce(&mut Parts) -> T) -> T {
        // A panic elsewhere leaves them whole: each change is one assignment.
        work(&mut self.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What reaches the daemon from outside while it runs.
#[derive(Debug)]
pub struct Outside {
    /// Turns true once.
    pub stop: watch::Receiver<bool>,
    /// The configuration is to be read again.
    pub reloads: mpsc::Receiver<reload::Request>,
    /// Which lines are logged, to be changed by a reload.
    pub filter: Option<log::Filter>,
}

/// Runs until it is stopped; with [`Stay::Once`] takes what is there, delivers what is due, and returns.
pub async fn run(
    loaded: Loaded,
    templates: Templates,
    (store, lock): (Store, Lock),
    stay: Stay,
    outside: Outside,
) -> Result<(), StoreError> {
    let Outside { mut stop, reloads, filter } = outside;
    let setup = Arc::new(Setup::new(loaded, templates));
    let service = Service::new(sources::parts(&setup.loaded.plant.sources));
    let shared = Arc::new(Shared {
        setup: watch::Sender::new(Arc::clone(&setup)),
        bell: Notify::new(),
        service,
        metrics: Metrics::new(clock::now()),
        parts: Mutex::new(Parts::of(store.reader().healths()?)),
    });
    let (jobs, inbox) = mpsc::channel(16);
    let worker = worker::start(Arc::clone(&shared), store, lock, inbox);
    let (mailroom, counter) = Mailroom::new(stop.clone());
    let porter = tokio::spawn(carry(counter, Arc::clone(&shared), jobs.clone()));
    let mut sources = Sources::new(mailroom, stay);
    let _ = jobs.send(Job::Parts(parts_of(&setup))).await;
    sources.adopt(&setup.loaded.plant.sources);
    match stay {
        Stay::Once => {
            sources.finished().await;
            timers::drain(&jobs).await;
            outbox::drain(&shared, &jobs).await;
        }
        Stay::Forever => {
            let sender = tokio::spawn(outbox::run(Arc::clone(&shared), jobs.clone(), stop.clone()));
            let daily = tokio::spawn(retain_daily(jobs.clone()));
            let timers = tokio::spawn(timers::run(jobs.clone(), stop.clone()));
            let mut web = watched(&shared, &jobs).await;
            let alerts = tokio::spawn(alerts::run(Arc::clone(&shared), jobs.clone(), stop.clone()));
            let service = tokio::spawn(service::run(Arc::clone(&shared), jobs.clone()));
            let desk = reload::Desk { shared: Arc::clone(&shared), jobs: jobs.clone(), sources, filter };
            let sources = reload::run(desk, reloads, &mut stop).await;
            service::stopping();
            service.abort();
            sources.finished().await;
            // These end with the stop, between two turns.
            let _ = timers.await;
            let _ = alerts.await;
            web.abort_all();
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

/// The parts that there are by these settings, and that may fare ill.
fn parts_of(setup: &Setup) -> Vec<String> {
    let plant = &setup.loaded.plant;
    let mut parts = sources::parts(&plant.sources);
    parts.extend([RELAY.to_owned(), parts::STORE.to_owned()]);
    parts.extend(plant.metrics.iter().map(|_| METRICS.to_owned()));
    parts
}

/// Lets whoever watches the gateway ask. Where that can't be, mail goes its way all the same.
async fn watched(shared: &Arc<Shared>, jobs: &mpsc::Sender<Job>) -> JoinSet<()> {
    let mut web = JoinSet::new();
    let Some(settings) = shared.setup().loaded.plant.metrics.clone() else { return web };
    let health = match web::listen(settings.listen).await {
        Ok(listener) => {
            web.spawn(web::serve(listener, Arc::clone(shared), jobs.clone()));
            Health::Well(format!("answers at {}", settings.listen))
        }
        Err(why) => Health::Trouble(why),
    };
    let _ = jobs.send(Job::Health(METRICS.to_owned(), health)).await;
    web
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
            Some(mut delivery) = counter.inbox.recv() => {
                let setup = shared.setup();
                if setup.checks.is_none() {
                    Job::Take(delivery)
                } else {
                    asking.spawn(async move {
                        if let Some(checks) = &setup.checks {
                            checks.check_all(&mut delivery.mails, clock::now()).await;
                        }
                        delivery
                    });
                    continue;
                }
            }
            Some(Ok(delivery)) = asking.join_next() => Job::Take(delivery),
            Some((part, health)) = counter.health.recv() => Job::Health(part, health),
            else => return,
        };
        if jobs.send(job).await.is_err() {
            return;
        }
    }
}

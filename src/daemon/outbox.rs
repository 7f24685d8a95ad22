//! Draining the outbox: claim, deliver, settle. At least once; a repeat is the same mail under the same Message-ID.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::Shared;
use super::worker::Job;
use crate::engine::delivery::Departure;
use crate::relay::{Courier, Outcome, Trouble};
use crate::source::Health;

/// How often due mails are looked for when nobody rings: also how soon a mail of the command line goes out.
const LOOK: Duration = Duration::from_secs(1);

/// Sends what is due until a stop.
pub async fn run(shared: Arc<Shared>, jobs: mpsc::Sender<Job>, stop: watch::Receiver<bool>) {
    let mut courier = Courier::new(&shared.loaded.plant.relay);
    let mut stopped = stop.clone();
    while !*stop.borrow() {
        let departures = claim(&jobs).await;
        shared.service.step();
        if departures.is_empty() {
            let tired = tokio::select! {
                () = shared.bell.notified() => false,
                () = tokio::time::sleep(LOOK) => false,
                () = courier.tired() => true,
                _ = stopped.wait_for(|stop| *stop) => break,
            };
            if tired {
                courier.rest().await;
            }
            continue;
        }
        // On a stop the rest of the claim is leased, and goes out at the next start.
        deliver(&shared, &mut courier, departures, &jobs, || *stop.borrow()).await;
    }
    courier.rest().await;
}

/// Sends what is due, once.
pub async fn drain(shared: &Shared, jobs: &mpsc::Sender<Job>) {
    let mut courier = Courier::new(&shared.loaded.plant.relay);
    loop {
        let departures = claim(jobs).await;
        if departures.is_empty() {
            break;
        }
        deliver(shared, &mut courier, departures, jobs, || false).await;
    }
    courier.rest().await;
}

async fn claim(jobs: &mpsc::Sender<Job>) -> Vec<Departure> {
    let (answer, departures) = oneshot::channel();
    match jobs.send(Job::Claim(answer)).await {
        Ok(()) => departures.await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// Delivers a claim. When the server is in trouble, the rest is not tried on it: a wrong password must not be tried for
/// every mail.
async fn deliver(
    shared: &Shared,
    courier: &mut Courier,
    departures: Vec<Departure>,
    jobs: &mpsc::Sender<Job>,
    stopping: impl Fn() -> bool,
) {
    let mut trouble: Option<Trouble> = None;
    for departure in departures {
        let outcome = match &trouble {
            Some(trouble) => Outcome::Transient(trouble.text().to_owned()),
            None => courier.deliver(&departure.parcel).await,
        };
        shared.service.step();
        trouble = trouble.or_else(|| courier.trouble().cloned());
        let health = trouble.as_ref().map_or_else(|| Health::Well("mail goes out".to_owned()), Trouble::health);
        // Without a worker nothing can be kept; the lease ends and the mail goes out again.
        let _ = jobs.send(Job::Health("relay".to_owned(), health)).await;
        let _ = jobs.send(Job::Settle(Box::new(departure.line), outcome)).await;
        if stopping() {
            return;
        }
    }
}

//! Draining the outbox: claim, deliver, settle. At least once; a repeat is the same mail under the same Message-ID.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::Shared;
use super::worker::Job;
use crate::engine::delivery::Departure;
use crate::relay::Courier;
use crate::source::Health;

/// How often due mails are looked for when nobody rings: also how soon a mail of the command line goes out.
const LOOK: Duration = Duration::from_secs(1);

/// Sends what is due until a stop.
pub async fn run(shared: Arc<Shared>, jobs: mpsc::Sender<Job>, stop: watch::Receiver<bool>) {
    let mut courier = Courier::new(&shared.loaded.plant.relay);
    let mut stopped = stop.clone();
    while !*stop.borrow() {
        let departures = claim(&jobs).await;
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
        for departure in departures {
            deliver(&mut courier, departure, &jobs).await;
            if *stop.borrow() {
                // The rest of the claim is leased for a while and goes out after the next start.
                break;
            }
        }
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
        for departure in departures {
            deliver(&mut courier, departure, jobs).await;
        }
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

async fn deliver(courier: &mut Courier, departure: Departure, jobs: &mpsc::Sender<Job>) {
    let outcome = courier.deliver(&departure.parcel).await;
    let health = match courier.trouble() {
        None => Health::Well("mail goes out".to_owned()),
        Some(trouble) => trouble.health(),
    };
    // Without a worker nothing can be kept; the lease ends and the mail goes out again.
    let _ = jobs.send(Job::Health("relay".to_owned(), health)).await;
    let _ = jobs.send(Job::Settle(Box::new(departure.line), outcome)).await;
}

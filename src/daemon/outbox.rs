//! Draining the outbox: claim, deliver, settle. At least once; a repeat is the same mail under the same Message-ID.
//!
//! Several couriers work side by side. Mails of one ticket keep their order, and no recipient has more than half of the
//! couriers: one whose mail is slow to be taken holds up nobody else's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot, watch};

use super::Shared;
use super::worker::Job;
use crate::engine::delivery::Departure;
use crate::relay::{Courier, Outcome, RelaySettings, Trouble};
use crate::source::Health;
use crate::store::OutboxLine;

/// How often due mails are looked for when nobody rings: also how soon a mail of the command line goes out.
const LOOK: Duration = Duration::from_secs(1);
/// Claimed mails that may wait for a courier.
const WAITING: usize = 256;

/// Sends what is due until a stop. Then what is under way is finished; the rest of the claim is leased, and goes out at
/// the next start.
pub async fn run(shared: Arc<Shared>, jobs: mpsc::Sender<Job>, mut stop: watch::Receiver<bool>) {
    let mut pool = Pool::new(&shared.setup().loaded.plant.relay);
    while !*stop.borrow() {
        pool.adopt(&shared.setup().loaded.plant.relay).await;
        pool.set_out(&jobs).await;
        shared.service.turn();
        tokio::select! {
            Some(landed) = pool.flights.next() => pool.settle(landed, &jobs).await,
            () = shared.bell.notified() => pool.look_again(),
            () = tokio::time::sleep(LOOK) => pool.pause().await,
            () = stopped(&mut stop) => break,
        }
    }
    pool.land_all(&jobs).await;
}

/// Sends what is due, once.
pub async fn drain(shared: &Shared, jobs: &mpsc::Sender<Job>) {
    let mut pool = Pool::new(&shared.setup().loaded.plant.relay);
    loop {
        pool.set_out(jobs).await;
        match pool.flights.next().await {
            Some(landed) => pool.settle(landed, jobs).await,
            None => break,
        }
        pool.look_again();
    }
    pool.land_all(jobs).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could stop us is gone; that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn claim(jobs: &mpsc::Sender<Job>) -> Vec<Departure> {
    let (answer, departures) = oneshot::channel();
    match jobs.send(Job::Claim(answer)).await {
        Ok(()) => departures.await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// A courier that is back, and what became of its mail.
struct Landed {
    /// By which settings it set out.
    generation: u32,
    courier: Courier,
    line: OutboxLine,
    outcome: Outcome,
}

/// Couriers, and the mails that they carry.
struct Pool {
    relay: RelaySettings,
    /// How often the relay was exchanged.
    generation: u32,
    /// Couriers at home; each may keep a connection.
    home: Vec<Courier>,
    flights: FuturesUnordered<BoxFuture<'static, Landed>>,
    /// What is under way.
    lines: Vec<OutboxLine>,
    /// Claimed, and not under way yet.
    waiting: Vec<Departure>,
    /// Nothing was due at the last look.
    dry: bool,
    /// How many may be under way. One goes first: a wrong password is not tried by all of them.
    most: usize,
    /// How many the server seems to bear, until there is a pause.
    borne: usize,
}

impl Pool {
    fn new(relay: &RelaySettings) -> Self {
        Self {
            relay: relay.clone(),
            generation: 0,
            home: Vec::new(),
            flights: FuturesUnordered::new(),
            lines: Vec::new(),
            waiting: Vec::new(),
            dry: false,
            most: 1,
            borne: relay.connections(),
        }
    }

    /// Sends by these settings from now on. Who is under way comes home by the old ones, and what that tells of the old
    /// relay is of no interest any more.
    async fn adopt(&mut self, relay: &RelaySettings) {
        if self.relay == *relay {
            return;
        }
        for mut courier in std::mem::take(&mut self.home) {
            courier.rest().await;
        }
        self.relay = relay.clone();
        self.generation += 1;
        (self.most, self.borne) = (1, relay.connections());
    }

    fn look_again(&mut self) {
        self.dry = false;
    }

    /// Nothing has happened for a while.
    async fn pause(&mut self) {
        self.look_again();
        self.borne = self.relay.connections();
        self.rest_the_tired().await;
    }

    /// Sends couriers out with what is due, as many as may be under way.
    async fn set_out(&mut self, jobs: &mpsc::Sender<Job>) {
        while self.flights.len() < self.most {
            match self.waiting.iter().position(|departure| self.may_go(&departure.line)) {
                Some(at) => self.send(at),
                None if self.dry || self.waiting.len() >= WAITING => return,
                None => {
                    let mut claimed = claim(jobs).await;
                    self.dry = claimed.is_empty();
                    claimed.retain(|departure| !self.holds(&departure.line));
                    self.waiting.extend(claimed);
                }
            }
        }
    }

    /// A mail whose lease has ended while it waits here, or is under way, is claimed again; it is the same one.
    fn holds(&self, line: &OutboxLine) -> bool {
        let mut held = self.lines.iter().chain(self.waiting.iter().map(|departure| &departure.line));
        held.any(|other| other.id == line.id)
    }

    fn may_go(&self, line: &OutboxLine) -> bool {
        let share = (self.relay.connections() / 2).max(1);
        let same_ticket = |other: &&OutboxLine| line.ticket.is_some() && other.ticket == line.ticket;
        let same_recipient = |other: &&OutboxLine| other.to == line.to;
        !self.lines.iter().any(|other| same_ticket(&other)) && self.lines.iter().filter(same_recipient).count() < share
    }

    fn send(&mut self, at: usize) {
        let Departure { line, parcel } = self.waiting.remove(at);
        self.lines.push(line.clone());
        let mut courier = self.home.pop().unwrap_or_else(|| Courier::new(&self.relay));
        let generation = self.generation;
        self.flights.push(Box::pin(async move {
            let outcome = courier.deliver(&parcel).await;
            Landed { generation, courier, line, outcome }
        }));
    }

    /// Has an answer kept. While others get through, trouble on one connection is that connection's: fewer are used.
    /// Where none does, nothing else is tried for now.
    async fn settle(&mut self, landed: Landed, jobs: &mpsc::Sender<Job>) {
        let Landed { generation, mut courier, line, outcome } = landed;
        self.lines.retain(|other| other.id != line.id);
        // Without a worker nothing can be kept; the lease ends and the mail goes out again.
        let _ = jobs.send(Job::Settle(Box::new(line), outcome)).await;
        if generation != self.generation {
            return courier.rest().await;
        }
        let trouble = courier.trouble().cloned();
        self.home.push(courier);
        let health = trouble.as_ref().map_or_else(|| Health::Well("mail goes out".to_owned()), Trouble::health);
        match trouble {
            None => self.most = self.borne,
            Some(_) if !self.flights.is_empty() => {
                (self.most, self.borne) = (self.flights.len(), self.flights.len());
                return;
            }
            Some(trouble) => {
                self.most = 1;
                for Departure { line, .. } in std::mem::take(&mut self.waiting) {
                    let outcome = Outcome::Transient(trouble.text().to_owned());
                    let _ = jobs.send(Job::Settle(Box::new(line), outcome)).await;
                }
            }
        }
        let _ = jobs.send(Job::Health(super::RELAY.to_owned(), health)).await;
    }

    async fn rest_the_tired(&mut self) {
        for courier in &mut self.home {
            let tired = tokio::select! {
                biased;
                () = courier.tired() => true,
                () = std::future::ready(()) => false,
            };
            if tired {
                courier.rest().await;
            }
        }
    }

    async fn land_all(&mut self, jobs: &mpsc::Sender<Job>) {
        while let Some(landed) = self.flights.next().await {
            self.settle(landed, jobs).await;
        }
        for courier in &mut self.home {
            courier.rest().await;
        }
    }
}

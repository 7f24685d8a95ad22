//! One gateway: the real engine and the real store between a simulated mailbox and simulated couriers.
//!
//! What a process has in memory is its store and what its couriers hold. Both are gone when it dies; a new one opens the
//! files that the old one left, as `run` does. The mailbox lies on another machine and forgets nothing.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ggus_gateway::config::{self, Loaded};
use ggus_gateway::engine::delivery::{self, Departure};
use ggus_gateway::engine::intake::{self, Answer, Outcome, Rules};
use ggus_gateway::engine::timers::{self, Turn};
use ggus_gateway::render::template::Templates;
use ggus_gateway::source::Incoming;
use ggus_gateway::store::{Store, StoreError};
use ggus_gateway::{desk::ticket::TicketId, relay};
use jiff::Timestamp;

use crate::dice::Dice;
use crate::disk::{self, Plan};

/// A mail in a mailbox.
#[derive(Clone, Debug)]
pub struct Lying {
    uid: u32,
    /// Which mail of the world it is; several may be the same.
    pub number: usize,
    pub raw: Vec<u8>,
}

/// A folder on a mail server.
#[derive(Debug)]
pub struct Mailbox {
    validity: u32,
    last_uid: u32,
    pub lying: Vec<Lying>,
}

impl Mailbox {
    pub fn put(&mut self, number: usize, raw: Vec<u8>) {
        self.last_uid += 1;
        self.lying.push(Lying { uid: self.last_uid, number, raw });
    }

    /// Some of what lies there, not always in order.
    pub fn offer(&self, dice: &mut Dice) -> Vec<Lying> {
        let mut offered = self.lying.clone();
        if dice.percent(30) {
            dice.shuffle(&mut offered);
        }
        offered.truncate(dice.number(1..9));
        offered
    }

    pub fn put_away(&mut self, mail: &Lying) {
        self.lying.retain(|lying| lying.uid != mail.uid);
    }

    /// The server gives new numbers to all.
    pub fn renumber(&mut self, dice: &mut Dice) {
        self.validity += 1;
        dice.shuffle(&mut self.lying);
        for (uid, lying) in (1..).zip(&mut self.lying) {
            lying.uid = uid;
        }
        self.last_uid = self.lying.len() as u32;
    }
}

/// A mail in a courier's hands.
#[derive(Debug)]
pub struct Hand {
    pub departure: Departure,
    /// What the relay said, once it did.
    pub answer: Option<relay::Outcome>,
}

/// What a gateway is and stays, whatever process runs it.
#[derive(Debug)]
pub struct Plant {
    pub loaded: Loaded,
    templates: Templates,
    pub domain: &'static str,
    first_ticket: TicketId,
}

impl Plant {
    fn new(name: &str, domain: &'static str, routing: &str, first_ticket: u64) -> Self {
        let desk =
            format!("\n[desk]\nname = \"{name}\"\naddress = \"support@{domain}\"\noperators = [\"ops@{domain}\"]\n");
        let gateway = format!("{}{desk}", include_str!("gateway.toml"));
        let loaded = config::from_texts(&gateway, routing, &[7; 32]).unwrap_or_else(|problems| panic!("{problems}"));
        Self { loaded, templates: Templates::built_in(), domain, first_ticket: TicketId(first_ticket) }
    }

    /// GGUS, and a gateway that it works with.
    pub fn both() -> &'static [Self; 2] {
        static PLANTS: OnceLock<[Plant; 2]> = OnceLock::new();
        PLANTS.get_or_init(|| {
            [
                Self::new("GGUS", "ggus.example", include_str!("ggus.toml"), 100),
                Self::new("NGI", "ngi.example", include_str!("ngi.toml"), 5_000),
            ]
        })
    }

    pub fn rules(&self) -> Rules<'_> {
        Rules { policy: &self.loaded.policy, templates: &self.templates }
    }

    /// The file of a store in which nothing is yet: made once, since that takes longer than most mails.
    fn empty_store(&self) -> &[u8] {
        static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
        EMPTY.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("empty");
            drop(Store::open(&path).unwrap());
            std::fs::read(path).unwrap()
        })
    }

    pub fn is_triage(&self, unit: &str) -> bool {
        self.loaded.policy.default_unit.0 == unit
    }
}

#[derive(Debug)]
pub struct Gateway {
    pub plant: &'static Plant,
    path: PathBuf,
    pub store: Option<Store>,
    pub mailbox: Mailbox,
    pub hands: Vec<Hand>,
}

impl Gateway {
    pub fn start(plant: &'static Plant, folder: &Path, now: Timestamp) -> Self {
        let path = folder.join(plant.domain);
        std::fs::write(&path, plant.empty_store()).unwrap();
        let mailbox = Mailbox { validity: 1, last_uid: 0, lying: Vec::new() };
        let mut gateway = Self { plant, path, store: None, mailbox, hands: Vec::new() };
        gateway.open(now);
        gateway
    }

    /// As `run` begins.
    fn open(&mut self, now: Timestamp) {
        let mut store = Store::open(&self.path).unwrap_or_else(|error| panic!("a start after a crash: {error}"));
        store.set_first_ticket(self.plant.first_ticket).unwrap();
        store.batch(|batch| batch.end_leases(now)).unwrap();
        self.store = Some(store);
    }

    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("a gateway runs")
    }

    /// The process ends at once, and another begins.
    pub fn die(&mut self, power: bool, now: Timestamp) {
        disk::plan(Plan::Dead);
        if power {
            disk::cut_power();
        }
        self.store = None;
        self.hands.clear();
        disk::plan(Plan::Well);
        self.open(now);
    }

    pub fn take(&mut self, mails: &[Lying], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        let (domain, validity) = (self.plant.domain, self.mailbox.validity);
        let identity = |mail: &Lying| format!("imap:{domain}/INBOX;{validity};{}", mail.uid);
        let incoming = |mail: &Lying| Incoming::new("support", identity(mail), mail.raw.clone());
        let mails: Vec<Incoming> = mails.iter().map(incoming).collect();
        let rules = self.plant.rules();
        intake::take(rules, self.store(), &mails, now)
    }

    pub fn timers(&mut self, now: Timestamp) -> Result<Turn, StoreError> {
        let rules = self.plant.rules();
        timers::turn(rules, self.store(), now)
    }

    pub fn claim(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let settings = &self.plant.loaded.plant.outbox;
        let departures = delivery::claim(&self.plant.loaded.policy, self.store(), now, settings)?;
        self.hands.extend(departures.into_iter().map(|departure| Hand { departure, answer: None }));
        Ok(())
    }

    /// Writes down what the relay said. Whether the mail is dead now.
    pub fn settle(&mut self, hand: &Hand, answer: &relay::Outcome, now: Timestamp) -> Result<bool, StoreError> {
        let (rules, settings) = (self.plant.rules(), &self.plant.loaded.plant.outbox);
        let answers = [Answer { line: hand.departure.line.clone(), outcome: answer.clone() }];
        // One answer makes one result.
        intake::settle(rules, self.store(), &answers, now, settings)?.remove(0)
    }
}

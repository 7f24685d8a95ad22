//! The world of one seed: two gateways, the people and helpdesks around them, and the mail between.
//!
//! A step is anything that can happen next, in any order: the dice say what. After each step the [laws](crate::laws) are
//! asked about what it touched, after each death and at the end about everything. In the end it grows calm: nobody sits
//! down to write any more, nothing fails, programs still answer programs, and all of it must come to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ggus_gateway::desk::decision::{Act, Order};
use ggus_gateway::desk::policy::UnitName;
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::engine::intake::{self, OrderError};
use ggus_gateway::mail::{Digest, Mail};
use ggus_gateway::relay::Outcome;
use ggus_gateway::store::{OutboxFilter, OutboxState, QuarantineFilter, StoreError, TicketFilter};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::dice::Dice;
use crate::disk::{self, Plan};
use crate::gateway::{Gateway, Hand, Lying, Plant};
use crate::laws::{self, Law};
use crate::letters::{self, Draft};
use crate::people::{self, Names, Party, SITES, Secret, USERS, letters_of};
use crate::tally::Tally;

/// A mail of the world, however often it comes.
#[derive(Debug, Default)]
pub struct Sent {
    /// It must open a ticket.
    pub is_root: bool,
    /// Its bytes as they came to which gateway, and whether that one said that it has them.
    pub copies: BTreeMap<(usize, Digest), bool>,
}

/// A mail under way.
#[derive(Debug)]
struct Item {
    to: String,
    envelope_sender: String,
    raw: Vec<u8>,
    number: usize,
}

/// A mail of a gateway as its relay saw it: which it is, and its bytes.
type Wire = BTreeMap<(usize, String, String), (usize, Vec<u8>)>;

pub struct World {
    dice: Dice,
    pub now: Timestamp,
    pub gateways: [Gateway; 2],
    people: Vec<Party>,
    names: Names,
    secrets: Vec<Secret>,
    post: Vec<Item>,
    wire: Wire,
    /// What a relay has taken responsibility for: gateway, Message-ID, recipient.
    pub relayed: BTreeSet<(usize, String, String)>,
    pub sent: Vec<Sent>,
    pub steps: Vec<String>,
    pub tally: Tally,
    _folder: TempDir,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Claim,
    Death,
    Deliver,
    Order,
    Post,
    Renumber,
    Root,
    Settle,
    Take,
    Time,
    Timers,
    Work,
}

const STEPS: [(usize, Step); 12] = [
    (10, Step::Claim),
    (3, Step::Death),
    (18, Step::Deliver),
    (4, Step::Order),
    (18, Step::Post),
    (1, Step::Renumber),
    (7, Step::Root),
    (14, Step::Settle),
    (16, Step::Take),
    (4, Step::Time),
    (4, Step::Timers),
    (14, Step::Work),
];

/// Steps before it grows calm: most seeds are short, so that there can be many.
const SHORT: Range<usize> = 5..40;
const LONG: Range<usize> = 100..200;
/// Rounds of mail until programs that answer programs must have come to rest.
const ROUNDS: usize = 400;
/// Mails under way or lying about at once.
const MOST_UNDER_WAY: usize = 400;

impl World {
    pub fn new(seed: u64) -> Self {
        disk::install();
        let mut dice = Dice::new(seed);
        // A Monday morning.
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let gateways = Plant::both().each_ref().map(|plant| Gateway::start(plant, folder.path(), now));
        Self {
            people: people::all(&mut dice),
            dice,
            now,
            gateways,
            names: Names::default(),
            secrets: Vec::new(),
            post: Vec::new(),
            wire: BTreeMap::new(),
            relayed: BTreeSet::new(),
            sent: Vec::new(),
            steps: Vec::new(),
            tally: Tally { seeds: 1, ..Tally::default() },
            _folder: folder,
        }
    }

    pub fn run(&mut self) -> Law {
        let steps = if self.dice.percent(4) { LONG } else { SHORT };
        for _ in 0..self.dice.number(steps) {
            let step = self.dice.weighted(&STEPS);
            let at = self.dice.number(0..2);
            self.now += SignedDuration::from_secs(self.dice.number(0..90) as i64);
            self.step(step, at)?;
            self.bounded()?;
        }
        self.calm()?;
        self.end()
    }

    fn step(&mut self, step: Step, at: usize) -> Law {
        self.tally.steps += 1;
        match step {
            Step::Claim => self.claim(at),
            Step::Death => self.death(at),
            Step::Deliver => self.deliver(at),
            Step::Order => self.order(at),
            Step::Post => self.carry(),
            Step::Renumber => self.renumber(at),
            Step::Root => self.root(),
            Step::Settle => self.settle(at),
            Step::Take => self.take_some(at),
            Step::Time => self.time(),
            Step::Timers => self.timers(at),
            Step::Work => self.work(),
        }
    }

    fn note(&mut self, what: impl Into<String>) {
        self.steps.push(what.into());
    }

    fn bounded(&self) -> Law {
        let lying: usize = self.gateways.iter().map(|gateway| gateway.mailbox.lying.len()).sum();
        laws::that(self.post.len() + lying <= MOST_UNDER_WAY, || format!("{} mails under way", self.post.len() + lying))
    }

    // What people do.

    fn root(&mut self) -> Law {
        let user = *self.dice.one(&USERS).unwrap();
        let domain = if self.dice.percent(70) { "ggus.example" } else { "ngi.example" };
        let (n, site) = (self.names.next(), *self.dice.one(&SITES).unwrap());
        let draft = Draft {
            from: user.to_owned(),
            to: format!("support@{domain}"),
            subject: format!("The {} is down", letters_of(n)),
            id: format!("<{n}@lab.example>"),
            text: format!("SITE: {site}\n\nNothing works since {}.", letters_of(n)),
            ..Draft::default()
        };
        self.note(format!("{user} writes to {domain} about {site}"));
        self.send(draft, true);
        Ok(())
    }

    fn work(&mut self) -> Law {
        let party = self.dice.number(0..self.people.len());
        let draft = self.people[party].work(&mut self.dice, &mut self.names, &mut self.secrets);
        if let Some(draft) = draft {
            self.note(format!("{} writes to {}: {:?}", draft.from, draft.to, draft.text));
            self.send(draft, false);
        }
        Ok(())
    }

    fn send(&mut self, draft: Draft, is_root: bool) {
        self.sent.push(Sent { is_root, ..Sent::default() });
        let automatic = draft.headers.iter().any(|(name, _)| *name == "Auto-Submitted");
        let envelope_sender = if automatic { String::new() } else { draft.from.clone() };
        self.tally.mails += 1;
        self.tally.automatic += usize::from(automatic);
        let raw = draft.bytes();
        self.post.push(Item { to: draft.to, envelope_sender, raw, number: self.sent.len() - 1 });
    }

    // What mail servers do.

    /// Any mail that is under way arrives.
    fn carry(&mut self) -> Law {
        if self.post.is_empty() {
            return Ok(());
        }
        let item = self.post.swap_remove(self.dice.number(0..self.post.len()));
        self.arrive(item, true);
        Ok(())
    }

    fn arrive(&mut self, item: Item, faults: bool) {
        let home = self.gateways.iter().position(|gateway| item.to.ends_with(&format!("@{}", gateway.plant.domain)));
        let home = home.filter(|_| !item.to.starts_with("ops@"));
        let Some(at) = home else { return self.read(&item) };
        let once = [format!("Return-Path: <{}>\r\n", item.envelope_sender).as_bytes(), &item.raw].concat();
        let by_another_way = [b"Received: from list.example\r\n", once.as_slice()].concat();
        let copies = match self.dice.number(0..20) {
            0 if faults => vec![once.clone(), once],
            1 if faults => vec![once, by_another_way],
            _ => vec![once],
        };
        self.tally.repeats += copies.len() - 1;
        for raw in copies {
            self.sent[item.number].copies.entry((at, Mail::unread(&raw).digest)).or_default();
            self.gateways[at].mailbox.put(item.number, raw);
        }
    }

    /// It came to a person or a helpdesk.
    fn read(&mut self, item: &Item) {
        let Some(party) = self.people.iter_mut().find(|party| party.address == item.to) else { return };
        let answers = party.receive(letters::read(&item.raw), &mut self.names, &mut self.secrets);
        answers.into_iter().for_each(|draft| self.send(draft, false));
    }

    fn renumber(&mut self, at: usize) -> Law {
        self.note(format!("{at}: a new UIDVALIDITY"));
        self.tally.renumbered += 1;
        let Self { gateways, dice, .. } = self;
        gateways[at].mailbox.renumber(dice);
        Ok(())
    }

    fn time(&mut self) -> Law {
        let hours = self.dice.weighted(&[(4, 1), (3, 30), (1, 150), (1, 24 * 20), (2, -1), (1, -50)]);
        self.note(format!("the clock jumps {hours} hours"));
        self.tally.jumps += 1;
        self.now += SignedDuration::from_hours(hours);
        Ok(())
    }

    // What a gateway does.

    /// The disk of the step that comes, at times.
    fn plan(&mut self) {
        // A claim writes a few pages, a batch of mails some dozens.
        let most = if self.dice.percent(50) { 12 } else { 70 };
        let after = self.dice.number(0..most) as u32;
        let lasting = self.dice.number(1..40) as u32;
        let plan = match self.dice.number(0..100) {
            0..12 => Plan::DiesAfter(after),
            12..18 => Plan::Fails { after, lasting, code: disk::FULL },
            18..22 => Plan::Fails { after, lasting, code: disk::BROKEN },
            _ => Plan::Well,
        };
        disk::plan(plan);
    }

    /// Whether the process died of the plan.
    fn died(&mut self, at: usize, what: &str) -> Result<bool, String> {
        let dead = disk::plan(Plan::Well) == Plan::Dead;
        if dead {
            self.tally.deaths_in_commits += 1;
            self.restart(at, what)?;
        }
        Ok(dead)
    }

    fn death(&mut self, at: usize) -> Law {
        self.restart(at, "between two steps")
    }

    fn restart(&mut self, at: usize, what: &str) -> Law {
        let power = self.dice.percent(50);
        self.note(format!("{at}: dies {what}{}", if power { ", the power is cut" } else { "" }));
        self.tally.deaths += 1;
        self.gateways[at].die(power, self.now);
        laws::everything(self, at)
    }

    fn failed(&mut self, at: usize, error: &StoreError) -> Law {
        self.note(format!("{at}: {error}"));
        self.tally.full += usize::from(matches!(error, StoreError::Full { .. }));
        self.tally.broken += usize::from(matches!(error, StoreError::Io { .. }));
        laws::that(error.is_transient(), || format!("a disk's fault is told as another: {error}"))
    }

    /// Steps of timers are taken, of all tickets that wait.
    fn timers(&mut self, at: usize) -> Law {
        self.plan();
        let now = self.now;
        let turn = self.gateways[at].timers(now);
        if self.died(at, "while timers are due")? {
            return Ok(());
        }
        match turn {
            Err(error) => self.failed(at, &error),
            Ok(turn) => {
                self.note(format!("{at}: timers are due in {} tickets", turn.decisions.len()));
                self.tally.timers += turn.decisions.len();
                laws::that(turn.failed.is_empty(), || format!("timers fail in {:?}", turn.failed))
            }
        }
    }

    fn take_some(&mut self, at: usize) -> Law {
        let offered = self.gateways[at].mailbox.offer(&mut self.dice);
        self.plan();
        self.take(at, &offered, true)
    }

    fn take(&mut self, at: usize, offered: &[Lying], faults: bool) -> Law {
        let before = laws::kept(self, at, offered);
        let now = self.now;
        let taken = self.gateways[at].take(offered, now);
        self.note(match &taken {
            Ok(outcomes) => format!("{at}: takes {}", laws::told(offered, outcomes)),
            Err(error) => format!("{at}: takes nothing of {}: {error}", offered.len()),
        });
        if self.died(at, "while it takes mails")? {
            let after = laws::kept(self, at, offered);
            let all = after.iter().all(|kept| *kept);
            return laws::that(all || after == before, || format!("half a batch: {before:?}, then {after:?}"));
        }
        match taken {
            Err(error) => {
                self.failed(at, &error)?;
                laws::that(laws::kept(self, at, offered) == before, || "a failed batch kept something".to_owned())
            }
            Ok(outcomes) => {
                for (mail, outcome) in offered.iter().zip(&outcomes) {
                    laws::taken(outcome)?;
                    self.put_away(at, mail, faults);
                    if let Some(ticket) = &outcome.decision.ticket {
                        laws::ticket(&mut self.gateways[at], ticket.id)?;
                    }
                }
                laws::that(laws::kept(self, at, offered).iter().all(|kept| *kept), || "not kept".to_owned())
            }
        }
    }

    /// The source hears "kept". The connection may be gone before the mailbox hears it.
    fn put_away(&mut self, at: usize, mail: &Lying, faults: bool) {
        if faults && self.dice.percent(10) {
            self.tally.cuts += 1;
            return self.note(format!("{at}: the connection is lost before mail {} is put away", mail.number));
        }
        self.gateways[at].mailbox.put_away(mail);
        self.sent[mail.number].copies.insert((at, Mail::unread(&mail.raw).digest), true);
    }

    fn claim(&mut self, at: usize) -> Law {
        self.plan();
        let now = self.now;
        let claimed = self.gateways[at].claim(now);
        if self.died(at, "while it claims mails")? {
            return Ok(());
        }
        claimed.or_else(|error| self.failed(at, &error))
    }

    /// The relay gets a mail.
    fn deliver(&mut self, at: usize) -> Law {
        let waiting = |hand: &Hand| hand.answer.is_none();
        let Some(place) = self.gateways[at].hands.iter().position(waiting) else { return Ok(()) };
        let say = |text: &str| text.to_owned();
        let (taken, answer) = match self.dice.number(0..100) {
            0..70 => (true, Outcome::Sent(say("250 queued"))),
            70..78 => (true, Outcome::Unknown(say("cut after DATA"))),
            78..82 => (false, Outcome::Unknown(say("cut after DATA"))),
            82..90 => (false, Outcome::Transient(say("451 later"))),
            90..95 => (false, Outcome::Permanent(say("550 5.1.1 no such user"))),
            _ => {
                self.tally.stalls += 1;
                self.now += SignedDuration::from_hours(2);
                (true, Outcome::Sent(say("250 queued after two hours")))
            }
        };
        self.tally.unknown += usize::from(matches!(answer, Outcome::Unknown(_)));
        self.tally.later += usize::from(matches!(answer, Outcome::Transient(_)));
        self.tally.refused += usize::from(matches!(answer, Outcome::Permanent(_)));
        self.hand_over(at, place, taken, answer, true)
    }

    fn hand_over(&mut self, at: usize, place: usize, taken: bool, answer: Outcome, faults: bool) -> Law {
        let parcel = self.gateways[at].hands[place].departure.parcel.clone();
        let line = self.gateways[at].hands[place].departure.line.clone();
        let (to, id) = (line.to.to_string(), line.message_id.to_string());
        self.note(format!("{at}: mail {} ({}) to {to}: {answer:?}", line.id, line.template.name()));
        self.gateways[at].hands[place].answer = Some(answer);
        laws::secrecy(self.gateways[at].plant, &line, &parcel.bytes, &self.secrets)?;
        let next = self.sent.len();
        let (number, bytes) = self.wire.entry((at, id.clone(), to.clone())).or_insert((next, parcel.bytes.clone()));
        let number = *number;
        laws::that(*bytes == parcel.bytes, || format!("mail {} to {to} is another than before", line.id))?;
        if number == next {
            self.sent.push(Sent::default());
            self.tally.letters += 1;
        }
        if !taken {
            return Ok(());
        }
        self.relayed.insert((at, id.clone(), to.clone()));
        let envelope_sender = parcel.sender.map(|sender| sender.to_string()).unwrap_or_default();
        if faults && !envelope_sender.is_empty() && self.dice.percent(3) {
            self.note(format!("the mail to {to} bounces"));
            self.tally.bounces += 1;
            let n = self.names.next();
            self.send(letters::bounce(&envelope_sender, &to, &id, format!("<{n}@relay.example>")), false);
            return Ok(());
        }
        for _ in 0..if faults && self.dice.percent(4) { 2 } else { 1 } {
            let (to, envelope_sender, raw) = (to.clone(), envelope_sender.clone(), parcel.bytes.clone());
            self.post.push(Item { to, envelope_sender, raw, number });
        }
        Ok(())
    }

    fn settle(&mut self, at: usize) -> Law {
        let answered = |hand: &Hand| hand.answer.is_some();
        let Some(place) = self.gateways[at].hands.iter().position(answered) else { return Ok(()) };
        let hand = self.gateways[at].hands.remove(place);
        self.plan();
        self.settle_hand(at, &hand)
    }

    fn settle_hand(&mut self, at: usize, hand: &Hand) -> Law {
        let (now, answer) = (self.now, hand.answer.clone().unwrap());
        let settled = self.gateways[at].settle(hand, &answer, now);
        if self.died(at, "while it settles a mail")? {
            return Ok(());
        }
        match (settled, hand.departure.line.ticket) {
            (Ok(true), Some(ticket)) => laws::ticket(&mut self.gateways[at], ticket),
            (Ok(_), _) => Ok(()),
            (Err(error), _) => self.failed(at, &error),
        }
    }

    /// A person of the desk does something.
    fn order(&mut self, at: usize) -> Law {
        let now = self.now;
        let gateway = &mut self.gateways[at];
        let rules = gateway.plant.rules();
        let store = gateway.store();
        if self.dice.percent(25) {
            let dead = OutboxFilter { state: Some(OutboxState::Dead), ticket: None };
            if let Some(line) = store.reader().outbox(&dead, 50).unwrap().first() {
                let id = line.id;
                store.batch(|batch| batch.outbox_retry(id, now)).unwrap();
                self.note(format!("{at}: mail {id} is tried again"));
            }
            return Ok(());
        }
        if self.dice.percent(20) {
            if let Some(row) = store.reader().quarantine(QuarantineFilter::Open, 50).unwrap().first() {
                let mail = row.mail;
                intake::retry(rules, store, mail, "olga", now).unwrap();
                self.note(format!("{at}: mail {mail} in quarantine is tried again"));
            }
            return Ok(());
        }
        let tickets = store.reader().tickets(&TicketFilter::default(), 50).unwrap();
        let Some(ticket) = self.dice.one(&tickets).map(|line| line.id) else { return Ok(()) };
        let text = format!("The desk says {}.", letters_of(self.names.next()));
        let units: Vec<UnitName> = gateway.plant.loaded.policy.units.keys().cloned().collect();
        let other = self.dice.one(&tickets).map_or(ticket, |line| line.id);
        let act = match self.dice.number(0..9) {
            6 | 7 => Act::Master { master: Some(other) },
            8 => Act::Merge { into: other },
            0 | 1 => Act::Assign { unit: self.dice.one(&units).unwrap().clone(), text: None },
            2 => Act::Comment { text, public: true },
            3 => Act::Solve { text },
            4 => Act::Reopen { text },
            _ => Act::Hold { wake: None },
        };
        let shown = format!("{at}: an order about ticket {ticket}: {act:?}");
        let order = Order { ticket, by: "olga".to_owned(), act };
        match intake::order(rules, gateway.store(), &order, now) {
            Ok(_) | Err(OrderError::Refused(_)) => {}
            Err(OrderError::Store(error)) => return Err(error.to_string()),
        }
        self.note(shown);
        laws::ticket(&mut self.gateways[at], ticket)
    }

    // How it ends.

    fn calm(&mut self) -> Law {
        self.note("it grows calm");
        for _ in 0..ROUNDS {
            let mut moved = false;
            for at in 0..2 {
                moved |= self.calm_round(at)?;
            }
            for item in std::mem::take(&mut self.post) {
                moved = true;
                self.arrive(item, false);
            }
            self.bounded()?;
            if !moved {
                let due = |gateway: &mut Gateway| gateway.store().batch(|batch| batch.next_due()).unwrap();
                match self.gateways.iter_mut().filter_map(due).min() {
                    Some(due) => self.now = self.now.max(due),
                    None => return Ok(()),
                }
            }
        }
        Err(format!("mail still goes round after {ROUNDS} rounds"))
    }

    fn calm_round(&mut self, at: usize) -> Result<bool, String> {
        let offered = self.gateways[at].mailbox.lying.clone();
        self.take(at, &offered, false)?;
        let now = self.now;
        self.gateways[at].claim(now).map_err(|error| error.to_string())?;
        let moved = !offered.is_empty() || !self.gateways[at].hands.is_empty();
        for place in 0..self.gateways[at].hands.len() {
            if self.gateways[at].hands[place].answer.is_none() {
                self.hand_over(at, place, true, Outcome::Sent("250 queued".to_owned()), false)?;
            }
        }
        for hand in std::mem::take(&mut self.gateways[at].hands) {
            self.settle_hand(at, &hand)?;
        }
        Ok(moved)
    }

    fn end(&mut self) -> Law {
        for at in 0..2 {
            laws::everything(self, at)?;
            laws::at_rest(self, at)?;
            laws::bonds(self, at)?;
        }
        Ok(())
    }

    pub fn tickets(&mut self, at: usize) -> Vec<TicketId> {
        let tickets = self.gateways[at].store().reader().tickets(&TicketFilter::default(), 10_000).unwrap();
        tickets.into_iter().map(|line| line.id).collect()
    }
}

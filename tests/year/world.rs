//! The desk and everybody who writes to it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use ggus_gateway::config::{self, Loaded};
use ggus_gateway::desk::calendar::WorkTime;
use ggus_gateway::desk::decision::{Act, Decision, Order, Outbound, Recipient, Template};
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::engine::intake::{self, Rules};
use ggus_gateway::engine::timers;
use ggus_gateway::render::template::Templates;
use ggus_gateway::source::Incoming;
use ggus_gateway::store::{Settlement, Store};
use jiff::{SignedDuration, Timestamp};

use crate::dice::Dice;
use crate::ledger::{Ledger, Seen};
use crate::people::{self, Plan};

/// A VO that somebody thought of who likes web pages.
pub const HOSTILE_VO: &str = "<b onclick=alert(1)>";

const VOS: [(usize, &str); 8] =
    [(34, "atlas"), (26, "cms"), (12, "lhcb"), (9, "alice"), (8, "biomed"), (5, "dteam"), (4, "ops"), (2, "magic")];
const TYPES: [(usize, &str); 8] = [
    (28, "Workload Management"),
    (24, "Data Management"),
    (16, "Storage Systems"),
    (10, "Information System"),
    (8, "Network"),
    (6, "Monitoring"),
    (5, "VO Specific Software"),
    (3, "Other"),
];

/// Something to come: when, a number that keeps the order, about which ticket, at whose hands.
type Planned = Reverse<(Timestamp, u64, u64, u32, Plan)>;

/// What the people of a ticket need to write again.
#[derive(Debug, Default)]
struct Desk {
    user: String,
    right_unit: String,
    user_reply: String,
    unit_reply: String,
    unit_envelope: String,
    unit_address: String,
    subject: String,
    message_id: String,
    /// Plans of before the ticket last went to somebody are void.
    turn: u32,
}

pub struct World {
    pub loaded: Loaded,
    pub store: Store,
    pub ledger: Ledger,
    templates: Templates,
    dice: Dice,
    now: Timestamp,
    plans: BinaryHeap<Planned>,
    desks: BTreeMap<u64, Desk>,
    number: u64,
    week: Timestamp,
}

impl World {
    pub fn new(seed: u64, begin: Timestamp) -> Self {
        let (gateway, routing) = (include_str!("../../config/gateway.toml"), include_str!("../../config/routing.toml"));
        let loaded = config::from_texts(gateway, routing, &[7; 32]).unwrap_or_else(|problems| panic!("{problems}"));
        Self {
            loaded,
            store: Store::in_memory().unwrap(),
            ledger: Ledger::default(),
            templates: Templates::built_in(),
            dice: Dice::new(seed),
            now: begin,
            plans: BinaryHeap::new(),
            desks: BTreeMap::new(),
            number: 0,
            week: begin,
        }
    }

    /// Lets everything happen up to a moment.
    pub fn run(&mut self, until: Timestamp) {
        let mut night = self.now;
        self.turn();
        while self.now < until {
            if self.now >= self.week {
                self.begin_week();
            }
            if self.now >= night {
                self.deliver();
                night = self.now + SignedDuration::from_hours(24);
            }
            let planned = self.plans.peek().map(|Reverse((at, ..))| *at);
            let due = self.store.batch(|batch| batch.next_step()).unwrap();
            let next = planned.into_iter().chain(due).chain([self.week, night, until]).min().unwrap();
            self.now = self.now.max(next);
            if due.is_some_and(|due| due <= self.now) {
                self.turn();
            } else if planned.is_some_and(|at| at <= self.now) {
                let Reverse((_, _, ticket, turn, plan)) = self.plans.pop().unwrap();
                self.happen(ticket, turn, plan);
            }
        }
    }

    fn begin_week(&mut self) {
        for _ in 0..people::tickets_in_week(self.week) {
            let at = self.week + people::moment(&mut self.dice);
            self.plan(at, 0, 0, Plan::Open);
        }
        self.week += SignedDuration::from_hours(7 * 24);
    }

    fn plan(&mut self, at: Timestamp, ticket: u64, turn: u32, plan: Plan) {
        self.number += 1;
        self.plans.push(Reverse((at, self.number, ticket, turn, plan)));
    }

    /// Plans of a unit, in its own working time.
    fn unit_plans(&mut self, ticket: u64, unit: &str, plans: Vec<(Plan, i64)>) {
        let turn = self.desks[&ticket].turn;
        let calendar = self.loaded.policy.units.get(&unit.into()).unwrap().calendar.clone();
        for (plan, minutes) in plans {
            let machine = matches!(plan, Plan::Number | Plan::Bounce);
            let whole = calendar.after(self.now, WorkTime::Hours(u32::try_from(minutes / 60).unwrap()));
            let at = if machine { self.now } else { whole } + SignedDuration::from_mins(minutes % 60);
            self.plan(at, ticket, turn, plan);
        }
    }

    /// Steps of timers and digests that are due.
    fn turn(&mut self) {
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        let turn = timers::turn(rules, &mut self.store, self.now).unwrap();
        assert!(turn.failed.is_empty() && turn.without_digest.is_empty());
        self.ledger.digests += turn.digests.len();
        for decision in turn.decisions {
            self.post(&decision);
        }
    }

    /// All that waits in the outbox has gone out.
    fn deliver(&mut self) {
        let (now, sent) = (self.now, Settlement::Sent { answer: "250 ok".to_owned() });
        self.store
            .batch(|batch| {
                for line in batch.due(now, 100_000)? {
                    batch.settle(line.id, &sent, now)?;
                }
                Ok(())
            })
            .unwrap();
    }

    fn happen(&mut self, ticket: u64, turn: u32, plan: Plan) {
        if plan == Plan::Open {
            return self.open();
        }
        let seen = &self.ledger.tickets[&ticket];
        let open = seen.spans.last().is_some_and(|(_, end)| end.is_none());
        let wants_open = !matches!(plan, Plan::Thank | Plan::Complain);
        if turn != self.desks[&ticket].turn || open != wants_open {
            return;
        }
        self.number += 1;
        let word = word(self.number);
        match plan {
            Plan::Open => {}
            Plan::Number => self.by_unit(ticket, &format!("LOCAL ID: {}", 10_000 + self.number)),
            Plan::Accept => self.by_unit(ticket, "STATUS: in progress"),
            Plan::Comment => self.by_unit(ticket, &format!("We have found that the {word} is slow and look on.")),
            Plan::Ask => {
                self.by_unit(ticket, &format!("Is the {word} in your job description?\n\nSTATUS: waiting for reply"))
            }
            Plan::HandOver => {
                let to = self.desks[&ticket].right_unit.clone();
                self.by_unit(ticket, &format!("ASSIGN TO: {to}"));
            }
            Plan::Refuse => self.by_unit(ticket, &format!("REFUSE: the {word} is not ours")),
            Plan::Solve => self.by_unit(ticket, &format!("STATUS: solved\nSOLUTION: The {word} was restarted.")),
            Plan::GiveUp => self.by_unit(ticket, &format!("STATUS: unsolved\nSOLUTION: The {word} is no more.")),
            Plan::Assign => self.assign(ticket),
            Plan::Answer => self.by_user(ticket, &format!("Yes, the {word} is in it.")),
            Plan::Thank => self.by_user(ticket, "Thank you!"),
            Plan::Complain => self.by_user(ticket, &format!("The {word} fails again, please look once more.")),
            Plan::Bounce => self.bounce(ticket),
        }
    }

    fn open(&mut self) {
        self.number += 1;
        let units: Vec<String> = self.loaded.policy.units.keys().map(|unit| unit.0.clone()).collect();
        let rocs: Vec<String> = units.into_iter().filter(|unit| unit.starts_with("ROC_") || unit == "OSG").collect();
        let right_unit = self.dice.one(&rocs).unwrap().clone();
        let named = if self.dice.percent(9) { self.dice.one(&rocs).unwrap().clone() } else { right_unit.clone() };
        let sites: Vec<String> = {
            let sites = self.loaded.policy.sites.iter().map(|(_, site)| site);
            sites.filter(|site| site.unit.0 == named).map(|site| site.name.clone()).collect()
        };
        let site = self.dice.one(&sites).unwrap().clone();
        let vo = self.dice.weighted(&VOS);
        let kind = self.dice.weighted(&TYPES);
        let hostile = self.number.is_multiple_of(97);
        let vo = if hostile { HOSTILE_VO } else { vo };
        let mut fields = String::new();
        if !self.dice.percent(12) {
            fields += &format!("SITE: {site}\n");
        }
        let has_vo = hostile || !self.dice.percent(6);
        if has_vo {
            fields += &format!("VO: {vo}\n");
        }
        fields += &format!("TYPE OF PROBLEM: {kind}\n");
        if self.dice.percent(6) {
            fields += &format!("PRIORITY: {}\n", self.dice.weighted(&[(4, "very urgent"), (1, "top priority")]));
        }
        let word = word(self.number);
        let user = format!("user{}@uni{}.example", self.number % 61, self.number % 7);
        let subject = format!("The {word} does not answer");
        let body = format!("{fields}\nSince this morning the {word} does not answer. What can I do?");
        let decision = self.mail(&user, "support@ggus.example", &subject, &body);
        let ticket = decision.ticket.as_ref().unwrap_or_else(|| panic!("{decision:#?}")).id.0;
        let desk = Desk { user, right_unit, subject, ..Desk::default() };
        self.desks.insert(ticket, desk);
        let seen = Seen {
            opened: self.now,
            vo: has_vo.then(|| vo.to_owned()),
            unit: None,
            since: self.now,
            silent: false,
            holders: Vec::new(),
            spans: vec![(self.now, None)],
            ends: Vec::new(),
        };
        self.ledger.tickets.insert(ticket, seen);
        self.post(&decision);
    }

    /// Somebody of the unit that has the ticket answers the desk's last mail to it.
    fn by_unit(&mut self, ticket: u64, body: &str) {
        let desk = &self.desks[&ticket];
        let (from, to, subject) =
            (desk.unit_address.clone(), desk.unit_reply.clone(), format!("Re: [GGUS:{ticket}] {}", desk.subject));
        let seen = self.ledger.tickets.get_mut(&ticket).unwrap();
        if std::mem::take(&mut seen.silent) {
            let took = self.now.duration_since(seen.since).as_secs();
            self.ledger.acknowledged.push((self.now, seen.unit.clone().unwrap(), took));
        }
        let decision = self.mail(&from, &to, &subject, body);
        self.post(&decision);
    }

    fn by_user(&mut self, ticket: u64, body: &str) {
        let desk = &self.desks[&ticket];
        let (from, to, subject) =
            (desk.user.clone(), desk.user_reply.clone(), format!("Re: [GGUS:{ticket}] {}", desk.subject));
        let decision = self.mail(&from, &to, &subject, body);
        self.post(&decision);
    }

    fn assign(&mut self, ticket: u64) {
        let unit = self.desks[&ticket].right_unit.as_str().into();
        let order = Order { ticket: TicketId(ticket), by: "olga".to_owned(), act: Act::Assign { unit, text: None } };
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        if let Ok(decision) = intake::order(rules, &mut self.store, &order, self.now) {
            self.post(&decision);
        }
    }

    fn bounce(&mut self, ticket: u64) {
        let desk = &self.desks[&ticket];
        let (address, id) = (desk.unit_address.clone(), desk.message_id.clone());
        let to = desk.unit_envelope.clone();
        let body = format!(
            "--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\n\
             Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {address}\nAction: failed\nStatus: 5.1.1\n\
             Diagnostic-Code: smtp; 550 no such mailbox\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {id}\n\n--b--"
        );
        let head = "Return-Path: <>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n";
        let decision = self.raw("MAILER-DAEMON@mx.example", &to, "Undelivered Mail Returned to Sender", head, &body);
        self.post(&decision);
    }

    fn mail(&mut self, from: &str, to: &str, subject: &str, body: &str) -> Decision {
        self.raw(from, to, subject, "", body)
    }

    fn raw(&mut self, from: &str, to: &str, subject: &str, head: &str, body: &str) -> Decision {
        self.number += 1;
        let (n, date) = (self.number, self.now.strftime("%a, %d %b %Y %H:%M:%S +0000"));
        let text = format!(
            "From: {from}\nTo: {to}\nSubject: {subject}\nDate: {date}\nMessage-ID: <{n}@people.example>\n{head}\n{body}\n"
        );
        let incoming = Incoming::new("year", format!("year:{n}"), text.replace('\n', "\r\n").into_bytes());
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        let mut outcomes = intake::take(rules, &mut self.store, &[incoming], self.now).unwrap();
        outcomes.remove(0).decision
    }

    /// People get what the desk has written, note it, and make plans.
    fn post(&mut self, decision: &Decision) {
        for mail in &decision.outbound {
            self.ledger.mails += 1;
            let Some((TicketId(ticket), _)) = mail.ticket else {
                self.operator_reads(mail);
                continue;
            };
            match &mail.recipient {
                Recipient::Unit(unit) => self.unit_reads(ticket, &unit.0.clone(), mail),
                Recipient::User => self.user_reads(ticket, mail),
                Recipient::Operator => self.operator_reads(mail),
                Recipient::Copy | Recipient::Site => {}
            }
        }
    }

    fn count(&mut self, what: &'static str, unit: &str) {
        self.ledger.counts.push((self.now, what, unit.to_owned()));
    }

    fn operator_reads(&mut self, mail: &Outbound) {
        // `ROC_SE has not acknowledged the ticket, …`, alone on its line.
        let said = mail.words.text.lines().find_map(|line| line.split_once(" has not acknowledged the ticket"));
        if let Some(unit) = said.map(|(unit, _)| unit.to_owned()) {
            self.count("late acknowledgement", &unit);
        }
    }

    fn unit_reads(&mut self, ticket: u64, unit: &str, mail: &Outbound) {
        let now = self.now;
        let triage = self.loaded.policy.default_unit.0 == unit;
        if mail.template == Template::Dispatch {
            let desk = self.desks.get_mut(&ticket).unwrap();
            let text = |address: &Option<_>| address.as_ref().map(ToString::to_string).unwrap_or_default();
            (desk.unit_reply, desk.unit_envelope) = (text(&mail.reply_to), text(&mail.envelope_sender));
            (desk.unit_address, desk.message_id) = (mail.to.to_string(), mail.message_id.to_string());
            desk.turn += 1;
            let right = desk.right_unit == unit;
            let seen = self.ledger.tickets.get_mut(&ticket).unwrap();
            let from = seen.unit.replace(unit.to_owned()).unwrap_or_default();
            (seen.since, seen.silent) = (now, !triage);
            seen.holders.push((now, unit.to_owned()));
            self.ledger.given.push((now, from, unit.to_owned()));
            if triage {
                let minutes = self.dice.number(5..110) as i64;
                return self.unit_plans(ticket, unit, vec![(Plan::Assign, minutes)]);
            }
            let plans = people::work(&mut self.dice, unit, right);
            return self.unit_plans(ticket, unit, plans);
        }
        match mail.template {
            Template::RefusalAcknowledged => self.count("refused", unit),
            Template::HandoverAcknowledged => self.count("handed over", unit),
            Template::ReopenedUnit => {
                self.count("reopened", unit);
                let seen = self.ledger.tickets.get_mut(&ticket).unwrap();
                seen.spans.push((now, None));
                (seen.since, seen.silent) = (now, false);
                let plans = people::work_again(&mut self.dice, unit);
                self.unit_plans(ticket, unit, plans);
            }
            Template::CommentUnit => {
                let plans = people::work_again(&mut self.dice, unit);
                self.unit_plans(ticket, unit, plans);
            }
            Template::Reminder => {
                if mail.words.text.contains("was expected by") {
                    self.count("late response", unit);
                }
                if self.dice.percent(45) {
                    let plans = people::work_again(&mut self.dice, unit);
                    self.unit_plans(ticket, unit, plans);
                }
            }
            Template::TpmNotice if mail.words.text.contains("has waited since") => self.count("late triage", unit),
            _ => {}
        }
    }

    fn user_reads(&mut self, ticket: u64, mail: &Outbound) {
        let now = self.now;
        let reply = mail.reply_to.as_ref().map(ToString::to_string).unwrap_or_default();
        let turn = {
            let desk = self.desks.get_mut(&ticket).unwrap();
            desk.user_reply = reply;
            desk.turn
        };
        let plan = match mail.template {
            Template::Question => people::user(&mut self.dice, Plan::Ask),
            Template::Solution | Template::Unsolved | Template::Unanswered => {
                let seen = self.ledger.tickets.get_mut(&ticket).unwrap();
                seen.spans.last_mut().unwrap().1 = Some(now);
                let took = now.duration_since(seen.since).as_secs();
                seen.ends.push((now, mail.template == Template::Solution, seen.unit.clone().unwrap(), took));
                seen.silent = false;
                people::user(&mut self.dice, Plan::Solve)
            }
            _ => None,
        };
        if let Some((plan, minutes)) = plan {
            self.plan(now + SignedDuration::from_mins(minutes), ticket, turn, plan);
        }
    }
}

/// A number as a word, since digits are nothing to those who look for repeats.
fn word(number: u64) -> String {
    let letter = |digit: u32| char::from(b"bcdfghklmn"[digit as usize]);
    number.to_string().chars().filter_map(|digit| digit.to_digit(10)).flat_map(|digit| [letter(digit), 'a']).collect()
}

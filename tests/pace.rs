//! A helpdesk gets no more new tickets than it acknowledges: the rest waits in the outbox, in order, and holds up nobody.

use std::fmt::Write as _;

use ggus_gateway::config::{self, Loaded};
use ggus_gateway::desk::decision::{Act, Order, Template};
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::engine::delivery::{self, OutboxSettings};
use ggus_gateway::engine::intake::{self, Answer, Rules};
use ggus_gateway::relay::Outcome;
use ggus_gateway::render::template::Templates;
use ggus_gateway::source::Incoming;
use ggus_gateway::store::{OutboxFilter, OutboxState, Store};
use jiff::{SignedDuration, Timestamp};

const GATEWAY: &str = "[desk]\naddress = \"support@ggus.example\"\n[store]\npath = \"none\"\n\
                       [source.a.maildir]\npath = \"none\"\n[relay.maildir]\npath = \"none\"\n";
const ROUTING: &str = "default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@tpm.example\"\nsites = [\"X-1\"]\n\
                       [unit.ROC]\naddress = \"desk@roc.example\"\ndialect = \"zammad\"\nsites = [\"Z-1\"]\n";
const NONE: Option<Outcome> = None;

struct World {
    loaded: Loaded,
    templates: Templates,
    store: Store,
    start: Timestamp,
    now: Timestamp,
    mails: usize,
}

impl World {
    fn new() -> Self {
        let loaded = config::from_texts(GATEWAY, ROUTING, &[7; 32]).unwrap_or_else(|problems| panic!("{problems}"));
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let (templates, store) = (Templates::built_in(), Store::in_memory().unwrap());
        Self { loaded, templates, store, start: now, now, mails: 0 }
    }

    fn at(&mut self, minutes: i64) {
        self.now = self.start + SignedDuration::from_mins(minutes);
    }

    /// New tickets for a site.
    fn tickets(&mut self, site: &str, how_many: usize) {
        for _ in 0..how_many {
            self.mails += 1;
            let n = self.mails;
            let raw = format!(
                "From: u{n}@uni.example\r\nSubject: CE {n}\r\nMessage-ID: <{n}@uni>\r\n\r\nSITE: {site}\r\n\r\nHelp {n}.\r\n"
            );
            let (identity, raw) = (n.to_string(), raw.into_bytes());
            let incoming = Incoming::new("test", identity, raw);
            let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
            intake::take(rules, &mut self.store, &[incoming], self.now).unwrap();
        }
    }

    fn comment(&mut self, ticket: u64) {
        let act = Act::Comment { text: "Any news?".to_owned(), public: true };
        let order = Order { ticket: TicketId(ticket), by: "olga".to_owned(), act };
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        intake::order(rules, &mut self.store, &order, self.now).unwrap();
    }

    /// Delivers everything that may go now; gives back what units got: `dispatch 3, comment-unit 4`.
    fn deliver(&mut self, answer: Option<Outcome>) -> String {
        let settings = OutboxSettings::default();
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        let answer = answer.unwrap_or_else(|| Outcome::Sent("250 ok".to_owned()));
        let mut got = String::new();
        loop {
            let departures = delivery::claim(rules.policy, &mut self.store, self.now, &settings).unwrap();
            if departures.is_empty() {
                return got;
            }
            for departure in departures {
                let line = departure.line;
                if matches!(line.template, Template::Dispatch | Template::CommentUnit) {
                    let comma = if got.is_empty() { "" } else { ", " };
                    write!(got, "{comma}{} {}", line.template.name(), line.ticket.unwrap()).unwrap();
                }
                let answers = [Answer { line, outcome: answer.clone() }];
                intake::settle(rules, &mut self.store, &answers, self.now, &settings).unwrap();
            }
        }
    }

    fn waiting(&self) -> Vec<(u64, String, i64)> {
        let filter = OutboxFilter { state: Some(OutboxState::Ready), ticket: None };
        let mut lines = self.store.reader().outbox(&filter, 1_000).unwrap();
        lines.sort_by_key(|line| line.id);
        let minutes = |at: Timestamp| at.duration_since(self.start).as_mins();
        let row = |line: ggus_gateway::store::OutboxLine| {
            (line.ticket.unwrap().0, line.held.unwrap_or_default(), minutes(line.due.unwrap()))
        };
        lines.into_iter().map(row).collect()
    }
}

fn dispatches(tickets: std::ops::RangeInclusive<u64>) -> String {
    tickets.map(|ticket| format!("dispatch {ticket}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_is_beyond_the_pace_waits_in_order_and_holds_up_nobody() {
    let mut world = World::new();
    world.tickets("Z-1", 62);
    world.tickets("X-1", 1);
    assert_eq!(world.deliver(NONE), format!("{}, dispatch 63", dispatches(1..=30)));
    let waiting = world.waiting();
    assert_eq!(waiting.len(), 32);
    assert_eq!(waiting[0], (31, "held back: ROC gets 30 new tickets in 10 min".to_owned(), 10));
    assert_eq!((waiting[29].2, waiting[30].2), (10, 20));
    let held = world.store.reader().counts(world.now).unwrap().held;
    assert_eq!((held.len(), held[0].mails, held[0].until), (1, 32, Some(world.start + SignedDuration::from_mins(20))));
    world.at(9);
    world.tickets("Z-1", 1);
    assert_eq!(world.deliver(NONE), "");
    world.at(10);
    assert_eq!(world.deliver(NONE), dispatches(31..=60));
    world.at(20);
    assert_eq!(world.deliver(NONE), "dispatch 61, dispatch 62, dispatch 64");
    assert_eq!(world.waiting(), []);
    assert_eq!(world.store.reader().counts(world.now).unwrap().held, []);
}

#[test]
fn nothing_of_a_ticket_overtakes_its_dispatch() {
    let mut world = World::new();
    world.tickets("Z-1", 31);
    world.deliver(NONE);
    world.comment(31);
    world.comment(30);
    assert_eq!(world.deliver(NONE), "comment-unit 30");
    assert_eq!(world.waiting()[1].1, "held back with the dispatch of its ticket");
    world.at(10);
    assert_eq!(world.deliver(NONE), "dispatch 31, comment-unit 31");
}

#[test]
fn what_was_refused_does_not_count_and_what_is_tried_again_keeps_its_place() {
    let mut world = World::new();
    world.tickets("Z-1", 30);
    world.deliver(Some(Outcome::Transient("451 later".to_owned())));
    world.tickets("Z-1", 5);
    assert_eq!(world.deliver(NONE), "", "the thirty that come again are first");
    world.at(2);
    assert_eq!(world.deliver(NONE).matches("dispatch").count(), 30);
    assert!(world.waiting().iter().all(|(ticket, ..)| *ticket > 30));
    world.at(12);
    assert_eq!(world.deliver(NONE), dispatches(31..=35));
}

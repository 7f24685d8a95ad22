//! A mail that the relay gives up: its ticket learns of it, TPM gets the ticket, operators are told, and it ends there.

use ggus_gateway::config::{self, Loaded};
use ggus_gateway::engine::delivery::{self, OutboxSettings};
use ggus_gateway::engine::intake::{self, Answer, Rules};
use ggus_gateway::relay::Outcome;
use ggus_gateway::render::template::Templates;
use ggus_gateway::source::Incoming;
use ggus_gateway::store::{OutboxFilter, OutboxState, Store};
use jiff::{SignedDuration, Timestamp};

const GATEWAY: &str = "[desk]\naddress = \"support@ggus.example\"\noperators = [\"olga@ggus.example\"]\n[store]\npath = \"none\"\n\
                       [source.a.maildir]\npath = \"none\"\n[relay.maildir]\npath = \"none\"\n";
const ROUTING: &str = "default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@tpm.example\"\n[unit.ROC]\naddress = \"gone@roc.example\"\nsites = [\"X-1\"]\n";

struct World {
    loaded: Loaded,
    templates: Templates,
    store: Store,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let loaded = config::from_texts(GATEWAY, ROUTING, &[7; 32]).unwrap_or_else(|problems| panic!("{problems}"));
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let mut world = Self { loaded, templates: Templates::built_in(), store: Store::in_memory().unwrap(), now };
        let raw =
            b"From: anna@uni.example\r\nSubject: CE down\r\nMessage-ID: <1@uni>\r\n\r\nSITE: X-1\r\n\r\nHelp.\r\n"
                .to_vec();
        let incoming = Incoming::new("test", "1".into(), raw);
        let rules = Rules { policy: &world.loaded.policy, templates: &world.templates };
        intake::take(rules, &mut world.store, &[incoming], now).unwrap();
        world
    }

    /// Tries everything that is due; gives back to whom.
    fn deliver(&mut self, answer: impl Fn(&str) -> Outcome) -> Vec<String> {
        let settings = OutboxSettings::default();
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        let departures = delivery::claim(rules.policy, &mut self.store, self.now, &settings).unwrap();
        let mut tried = Vec::new();
        for departure in departures {
            let to = departure.line.to.to_string();
            tried.push(format!("{} to {to}", departure.line.template.name()));
            let answers = [Answer { outcome: answer(&to), line: departure.line }];
            intake::settle(rules, &mut self.store, &answers, self.now, &settings).unwrap();
        }
        tried
    }
}

fn sent() -> Outcome {
    Outcome::Sent("250 ok".to_owned())
}

#[test]
fn a_refused_dispatch_goes_to_tpm_and_an_operator_hears() {
    let mut world = World::new();
    let refuse =
        |to: &str| if to == "gone@roc.example" { Outcome::Permanent("550 no such user".to_owned()) } else { sent() };
    assert_eq!(world.deliver(refuse), ["receipt to anna@uni.example", "dispatch to gone@roc.example"]);
    let ticket = &world.store.reader().ticket(ggus_gateway::desk::ticket::TicketId(1)).unwrap().unwrap();
    assert_eq!(ticket.unit.as_ref().map(|unit| unit.0.as_str()), Some("TPM"));
    let followed = world.deliver(|_| sent());
    assert_eq!(
        followed,
        ["dispatch to tpm@tpm.example", "tpm-notice to tpm@tpm.example", "operator-notice to olga@ggus.example"]
    );
    let dead = world.store.reader().outbox(&OutboxFilter { state: Some(OutboxState::Dead), ticket: None }, 10).unwrap();
    assert_eq!((dead.len(), dead[0].answer.as_str()), (1, "550 no such user"));
    let interface = world.store.reader().interface(&"ROC".into()).unwrap();
    let failing = interface.failing.map(|failing| failing.why);
    assert_eq!((interface.delivered, interface.bounced, failing.as_deref()), (0, 1, Some("550 no such user")));
}

#[test]
fn what_only_waits_is_tried_for_days_and_then_given_up() {
    let mut world = World::new();
    let later = |_: &str| Outcome::Transient("451 not now".to_owned());
    let mut tries = 0;
    while world
        .store
        .reader()
        .outbox(&OutboxFilter { state: Some(OutboxState::Dead), ticket: None }, 10)
        .unwrap()
        .is_empty()
    {
        tries += world.deliver(later).len();
        world.now = world.now.checked_add(SignedDuration::from_mins(30)).unwrap();
        assert!(tries < 1_000, "it never ends");
    }
    let waited = world.now.duration_since("2026-11-23T09:00:00Z".parse().unwrap());
    assert!(waited >= SignedDuration::from_hours(5 * 24) && waited < SignedDuration::from_hours(6 * 24), "{waited:?}");
}

#[test]
fn when_nobody_can_be_reached_it_ends() {
    let mut world = World::new();
    let refuse = |_: &str| Outcome::Permanent("550 no".to_owned());
    let rounds = (0..10).take_while(|_| !world.deliver(refuse).is_empty()).count();
    assert!(rounds < 5, "{rounds} rounds of notices about notices");
}

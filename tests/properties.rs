//! What holds for any input: tags and tokens are read back and belong to nobody else, replies are cut out of what was
//! written, states change only as the protocol's table says, working days add up.

use std::collections::{BTreeMap, BTreeSet};

use ggus_gateway::config;
use ggus_gateway::desk::calendar::Calendar;
use ggus_gateway::desk::decision::{Act, Order};
use ggus_gateway::desk::policy::Policy;
use ggus_gateway::desk::tag::{self, Party, Tags};
use ggus_gateway::desk::ticket::{Status, Ticket, TicketId};
use ggus_gateway::desk::timer::Timer;
use ggus_gateway::desk::title::title;
use ggus_gateway::engine::intake::{self, Rules};
use ggus_gateway::engine::timers;
use ggus_gateway::mail::block::{write_lines, write_xml};
use ggus_gateway::mail::control::controls;
use ggus_gateway::mail::form::{Field, Form, forms, is_absent};
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::reply::cut;
use ggus_gateway::mail::{Address, MessageId, plain};
use ggus_gateway::render::template::Templates;
use ggus_gateway::source::Incoming;
use ggus_gateway::store::Store;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

const GATEWAY: &str = include_str!("conversations/world/gateway.toml");
const ROUTING: &str = include_str!("conversations/world/routing.toml");

fn policy() -> Policy {
    config::from_texts(GATEWAY, ROUTING, &[7; 32]).unwrap_or_else(|problems| panic!("{problems}")).policy
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A number of a ticket that SQLite can hold.
fn number() -> impl Strategy<Value = TicketId> {
    (1..=i64::MAX as u64).prop_map(TicketId)
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![
        any::<u32>().prop_map(Party::Envelope),
        "[A-Za-z_-]{1,20}".prop_map(|name| Party::Unit(name.as_str().into())),
        "[a-z0-9.]{1,20}@[a-z]{1,10}\\.example"
            .prop_filter_map("an address", |text| Address::parse(&text).map(Party::User)),
    ]
}

/// Titles in which tags of all kinds stand, whole and broken.
const TITLE: &str = r"(\[|\]|GGUS|ggus|Ticket-ID|:|#|-| |\u{200b}|\u{a0}|［|：|０|[0-9]{1,20}|Re|AW|CE|é|\PC){0,40}";

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_desk_reads_its_own_tag(name in "[A-Za-z]{2,16}", id in number(), prefix in "(Re: |AW: |Fwd: |\\[x #1\\] ){0,3}") {
        let tags = Tags::new(&name).unwrap();
        for tag in [tags.write(id), tags.write_historic(id), tags.write(id).to_uppercase(), tags.write(id).to_lowercase()] {
            prop_assert_eq!(tags.read(&format!("{prefix}{tag} CE down")), BTreeSet::from([id]), "{}", tag);
        }
    }

    #[test]
    fn no_title_adds_a_tag_to_the_desks_own(subject in TITLE, text in TITLE, id in number()) {
        let tags = Tags::new("GGUS").unwrap();
        let (title, _) = title(&tags, &subject, &text);
        prop_assert_eq!(tags.read(&format!("{} {title}", tags.write(id))), BTreeSet::from([id]), "{:?}", title);
        let bare = tags.cut_from(&subject);
        prop_assert_eq!(tags.read(&bare), BTreeSet::new(), "{:?}", bare);
        prop_assert!(tags.read(&subject).is_subset(&tags.read_tolerant(&subject)));
    }

    #[test]
    fn a_token_is_its_partys_in_its_ticket_and_nobody_elses(
        (id, other_id) in (number(), number()), (mine, other) in (party(), party()), place in 0..16_usize
    ) {
        let desk = policy().desk;
        let token = desk.keys.token(id, &mine);
        prop_assert!(desk.keys.verify(&token, id, &mine) && desk.keys.verify(&token.to_uppercase(), id, &mine));
        prop_assert!(id == other_id || !desk.keys.verify(&token, other_id, &mine));
        prop_assert!(mine == other || !desk.keys.verify(&token, id, &other));
        let mut wrong = token.into_bytes();
        wrong[place] = if wrong[place] == b'a' { b'b' } else { b'a' };
        prop_assert!(!desk.keys.verify(std::str::from_utf8(&wrong).unwrap(), id, &mine));
    }

    #[test]
    fn addresses_and_message_ids_of_the_desk_are_read_back(id in number(), number in any::<u32>(), party in party()) {
        let desk = policy().desk;
        let reply = tag::read_address(&desk, &tag::reply_address(&desk, id, &party)).unwrap();
        prop_assert_eq!((reply.ticket, reply.number), (id, None));
        prop_assert!(desk.keys.verify(&reply.token, id, &party));
        let envelope = tag::read_address(&desk, &tag::envelope_address(&desk, id, number)).unwrap();
        prop_assert_eq!((envelope.ticket, envelope.number), (id, Some(number)));
        let message_id = tag::message_id(&desk, id, number);
        prop_assert_eq!(tag::read_message_id(&desk, &message_id), Some((id, number)));
        let forged = MessageId::parse(&message_id.as_str().replacen('.', "1.", 1)).unwrap();
        prop_assert_eq!(tag::read_message_id(&desk, &forged), None);
    }
}

/// Lines of replies: words, quotes, introductions, signatures, fences, forms.
const LINE: &str = r"(> |>> |-- |On Mon wrote:|Am 1\.1\. schrieb Bob:|-----Original Message-----|From: a@x\.example|Subject: x|```|Hello|Regards,|    |<Ticket>|</Ticket>|STATUS: solved|_{5}|\PC{0,20}){0,3}";
/// Lines that nobody could take for anything but words.
const WORDS: &str = "(the|disk|is|full|again|since|noon)( (the|disk|is|full|again|since|noon)){2,9}\\.";

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_reply_is_cut_out_of_what_was_written(lines in prop::collection::vec(LINE, 0..25)) {
        let text = lines.join("\n");
        let known: Vec<&str> = text.lines().map(str::trim_end).collect();
        let parts = cut(&text);
        for part in [&parts.newest, &parts.quoted, &parts.signature] {
            let mut rest = known.iter();
            for line in part.lines() {
                prop_assert!(rest.any(|known| *known == line), "{:?} is not in {:?} in this order", line, text);
            }
        }
        let written = lines.iter().any(|line| !line.trim().is_empty());
        prop_assert!(!written || [&parts.newest, &parts.quoted, &parts.signature].iter().any(|part| !part.is_empty()));
    }

    #[test]
    fn words_above_a_quote_are_what_was_written(
        words in prop::collection::vec(WORDS, 1..6), quoted in prop::collection::vec(WORDS, 1..6)
    ) {
        let words = words.join("\n");
        let quote: String = quoted.iter().map(|line| format!("> {line}\n")).collect();
        for introduction in ["On Mon, 23 Nov 2026 at 10:00, Bob <b@x.example> wrote:\n", "Am 23.11.2026 um 10:00 schrieb Bob:\n"] {
            let parts = cut(&format!("{words}\n\n{introduction}{quote}\n-- \nAnna\n"));
            prop_assert_eq!(&parts.newest, &words);
            prop_assert_eq!(parts.quoted.lines().count(), quoted.len() + 1);
        }
    }
}

/// What can happen to a ticket; while days pass, timers fall due.
#[derive(Clone, Debug)]
enum Step {
    Order(Act),
    User(&'static str),
    Unit(&'static str),
    Days(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let text = || "why".to_owned();
    let acts = vec![
        Act::Assign { unit: "ROC_France".into(), text: None },
        Act::Assign { unit: "ROC_Italy".into(), text: None },
        Act::Clear { text: text() },
        Act::Close,
        Act::Comment { text: text(), public: true },
        Act::Hold { wake: Some(jiff::civil::date(2027, 1, 4)) },
        Act::Hurry { text: text() },
        Act::Reopen { text: text() },
        Act::Solve { text: text() },
        Act::Timer { timer: Timer::Reply, runs: false },
        Act::Timer { timer: Timer::Reply, runs: true },
        Act::Unsolve { text: text() },
    ];
    let user = vec!["It is down again.", "Thanks!", "STATUS: verified", "STATUS: closed\nSOLUTION: none", "HURRY"];
    let unit = vec![
        "STATUS: in progress",
        "STATUS: on hold\nWAKE: 2027-01-04",
        "Which machine?\n\nSTATUS: waiting for reply",
        "STATUS: solved\nSOLUTION: restarted",
        "STATUS: unsolved\nSOLUTION: broken for good",
        "STATUS: verified",
        "REFUSE: not ours",
        "ASSIGN TO: ROC_France",
        "We look at it.",
    ];
    prop_oneof![
        3 => prop::sample::select(acts).prop_map(Step::Order),
        3 => prop::sample::select(user).prop_map(Step::User),
        4 => prop::sample::select(unit).prop_map(Step::Unit),
        1 => prop_oneof![Just(1), Just(30)].prop_map(Step::Days),
    ]
}

/// One ticket on a desk of its own.
struct World {
    policy: Policy,
    templates: Templates,
    store: Store,
    now: Timestamp,
    mails: usize,
}

impl World {
    fn new() -> Self {
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let (templates, store) = (Templates::built_in(), Store::in_memory().unwrap());
        let mut world = Self { policy: policy(), templates, store, now, mails: 0 };
        world.mail("anna@uni.example", "CE down", "SITE: INFN-T1\n\nIt is down.");
        world
    }

    fn mail(&mut self, from: &str, subject: &str, text: &str) {
        self.mails += 1;
        let id = self.mails;
        let raw = format!(
            "From: {from}\r\nTo: support@ggus.example\r\nSubject: {subject}\r\nMessage-ID: <{id}@x.example>\r\n\r\n{text}\r\n"
        );
        let incoming = Incoming::new("world", id.to_string(), raw.into_bytes());
        let rules = Rules { policy: &self.policy, templates: &self.templates };
        intake::take(rules, &mut self.store, &[incoming], self.now).unwrap();
    }

    /// Whether it was refused.
    fn take(&mut self, step: &Step) -> bool {
        self.now += SignedDuration::from_hours(1);
        match step {
            Step::Order(act) => {
                let rules = Rules { policy: &self.policy, templates: &self.templates };
                let order = Order { ticket: TicketId(1), by: "olga".to_owned(), act: act.clone() };
                return intake::order(rules, &mut self.store, &order, self.now).is_err();
            }
            Step::User(text) => self.mail("anna@uni.example", "Re: [GGUS:1] CE down", text),
            Step::Unit(text) => self.mail("helpdesk@roc-italy.example", "Re: [GGUS:1] CE down", text),
            Step::Days(days) => {
                self.now += SignedDuration::from_hours(24 * days);
                let rules = Rules { policy: &self.policy, templates: &self.templates };
                timers::turn(rules, &mut self.store, self.now).unwrap();
            }
        }
        false
    }

    fn ticket(&self) -> Ticket {
        self.store.reader().ticket(TicketId(1)).unwrap().unwrap()
    }
}

/// The table of states: where a step may lead from where.
fn may(from: Status, step: &Step, to: Status) -> bool {
    use Status::{Assigned, Closed, InProgress, New, OnHold, Reopened, Solved, Unsolved, Verified, WaitingForReply};
    if from == to {
        return true;
    }
    match step {
        Step::Days(_) => {
            matches!((from, to), (WaitingForReply, Unsolved) | (OnHold, InProgress) | (Solved | Unsolved, Closed))
        }
        Step::User(_) => matches!((from, to), (WaitingForReply, InProgress) | (Solved | Unsolved, Verified | Reopened)),
        Step::Unit(_) => {
            from.is_open() && matches!(to, New | Assigned | InProgress | WaitingForReply | OnHold | Solved | Unsolved)
        }
        Step::Order(Act::Assign { .. }) => from.is_open() && matches!(to, New | Assigned),
        Step::Order(Act::Close) => matches!((from, to), (Solved | Unsolved | Verified, Closed)),
        Step::Order(Act::Clear { .. } | Act::Comment { .. } | Act::Hurry { .. } | Act::Timer { .. }) => false,
        Step::Order(Act::Master { .. } | Act::Parent { .. } | Act::Relate { .. }) => false,
        Step::Order(Act::Merge { .. }) => from.is_open() && to == Closed,
        Step::Order(Act::Hold { .. }) => from.is_open() && to == OnHold,
        Step::Order(Act::Reopen { .. }) => !from.is_open() && to == Reopened,
        Step::Order(Act::Solve { .. }) => from.is_open() && to == Solved,
        Step::Order(Act::Unsolve { .. }) => from.is_open() && to == Unsolved,
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn states_change_only_as_the_table_says(steps in prop::collection::vec(step(), 1..15)) {
        let mut world = World::new();
        for step in steps {
            let before = world.ticket();
            let refused = world.take(&step);
            let after = world.ticket();
            prop_assert!(may(before.status, &step, after.status), "{} to {} by {:?}", before.status, after.status, step);
            prop_assert!(!refused || before == after, "{:?} was refused and changed something", step);
            prop_assert_eq!(after.ended.is_none(), after.status.is_open(), "{:?}", step);
            prop_assert!(after.wake.is_none() || after.status == Status::OnHold, "{:?}", step);
            prop_assert!(after.solution.is_some() || !matches!(after.status, Status::Solved | Status::Unsolved));
            prop_assert!(before.mails_sent <= after.mails_sent && before.changed <= after.changed);
        }
    }
}

/// Any moment of forty years.
fn moment() -> impl Strategy<Value = Timestamp> {
    (1_000_000_000..2_300_000_000_i64).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn zone() -> impl Strategy<Value = TimeZone> {
    let names = ["UTC", "Europe/Rome", "America/New_York", "Asia/Taipei", "Pacific/Apia"];
    prop::sample::select(names.to_vec()).prop_map(|name| TimeZone::get(name).unwrap())
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn working_days_are_counted_as_on_a_calendar(from in moment(), hours in -500..8_000_i64, zone in zone()) {
        let to = from + SignedDuration::from_hours(hours);
        let (mut day, last) = (from.to_zoned(zone.clone()).date(), to.to_zoned(zone.clone()).date());
        let mut wanted = 0;
        while day < last {
            day = day.checked_add(1.day()).unwrap();
            wanted += u32::from(!matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday));
        }
        prop_assert_eq!(Calendar::new(zone).days_between(from, to), wanted);
    }

    #[test]
    fn working_days_add_up(from in moment(), (one, two) in (0..9_000_i64, 0..9_000_i64), zone in zone()) {
        let middle = from + SignedDuration::from_hours(one);
        let to = middle + SignedDuration::from_hours(two);
        let zone = Calendar::new(zone);
        let sum = zone.days_between(from, middle) + zone.days_between(middle, to);
        prop_assert_eq!(zone.days_between(from, to), sum);
        prop_assert_eq!(zone.days_between(to, from), 0);
    }
}

/// Lines of values: what could end a field, begin another, break XML, or be taken for a closing, an order, a quote.
const VALUE: &str = r"(\n|\n\n| |  |:|SOLUTION: none|STATUS: solved|VO: cms|TICKET: 1|Regards,|-- |> x|On 3 Mar 2009 A <a@x\.example> wrote:|\x0B|mailing list|wrote --|```|<Ticket>|</Ticket>|<GHD_Status>|&#60;|&amp;|]]>|//|http://x|none|-|/|_|\*|[a-zA-Z]{1,12}|\PC{0,6}){0,14}";

/// What the reader of a unit's mail makes of a text.
fn form_in(text: &str) -> Form {
    let raw = format!("Content-Type: text/plain; charset=utf-8\r\n\r\nHello\n\n{text}");
    let mail = parse(raw.as_bytes(), &ReadLimits::default());
    forms(&mail, &controls(&cut(&mail.text).newest).rest)
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn fields_are_read_back_whatever_stands_in_them(values in prop::collection::vec(VALUE, 1..8), start in 0..27_usize) {
        let fields = Field::ALL.into_iter().cycle().skip(start).zip(values).collect::<Vec<_>>();
        let line = |value: &str| plain::line(value, 4_000);
        let given = fields.iter().map(|(field, value)| (*field, line(value)));
        let wanted: BTreeMap<Field, String> = given.filter(|(_, value)| !is_absent(value)).collect();
        for text in [write_lines(&fields), write_xml(&fields)] {
            let read = form_in(&text).fields;
            let read: BTreeMap<Field, String> = read.iter().map(|(field, value)| (*field, line(value))).collect();
            prop_assert_eq!(&read, &wanted, "{}", text);
        }
    }
}

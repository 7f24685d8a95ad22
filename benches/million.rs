//! A store with a million tickets, filled through the store's own code, and how long what people and mails ask for takes
//! in it. `cargo bench --bench million`; `TICKETS=50000` makes a smaller one, `STORE=FILE` keeps it for the next run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ggus_gateway::desk::decision::{Decision, Verdict};
use ggus_gateway::desk::event::{Actor, Event};
use ggus_gateway::desk::inquiry::Inquiry;
use ggus_gateway::desk::known::{self, Asked};
use ggus_gateway::desk::ticket::{Solution, Status, Submitter, Ticket, TicketId};
use ggus_gateway::mail::Address;
use ggus_gateway::mail::language::Language;
use ggus_gateway::store::{Reader, Record, Store, StoreError, TicketFilter};
use jiff::{SignedDuration, Timestamp};

const START: Timestamp = Timestamp::constant(1_164_290_700, 0);
/// Tickets in one transaction while the store is filled.
const AT_ONCE: u64 = 2_000;
/// How often each question is asked; the median is told.
const TIMES: usize = 9;

/// Words as they are in texts: a few in very many, many in few. Always the same ones.
struct Words(u64);

impl Words {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn text(&mut self, words: usize) -> String {
        let word = |words: &mut Self| {
            let magnitude = 1 << (words.next() % 17);
            format!("w{}", words.next() % magnitude)
        };
        (0..words).map(|_| word(self)).collect::<Vec<_>>().join(" ")
    }
}

fn ticket(id: TicketId) -> Ticket {
    let mut words = Words(id.0);
    let person = words.next() % 5_000;
    let submitter = Submitter {
        address: Address::parse(&format!("user{person}@lab.example")).expect("an address"),
        answers_to: None,
        name: None,
        login_name: None,
        phone: None,
        thread: Vec::new(),
        language: Language::En,
    };
    let at = START + SignedDuration::from_mins(id.0 as i64);
    let unit = words.next() % 200;
    let status = if id.0.is_multiple_of(20) { Status::InProgress } else { Status::Closed };
    let solution = Solution { short: None, text: words.text(15), by: "unit".to_owned(), at };
    Ticket {
        status,
        unit: Some(format!("ROC_{unit}").as_str().into()),
        site: Some(format!("SITE-{unit}-{}", words.next() % 20)),
        vo: Some("atlas".to_owned()),
        solution: (!status.is_open()).then_some(solution),
        ended: (!status.is_open()).then_some(at),
        ..Ticket::new(id, submitter, words.text(7), words.text(60), at)
    }
}

fn fill(store: &mut Store, from: u64, to: u64) -> Result<(), StoreError> {
    store.batch(|batch| {
        for id in from..to {
            let ticket = ticket(TicketId(id));
            let actor = Actor::User(ticket.submitter.address.clone());
            let mut events = vec![(actor, Event::Opened)];
            if let Some(solution) = &ticket.solution {
                events.push((Actor::Unit("unit".into()), Event::Solved { text: solution.text.clone() }));
            }
            let now = ticket.created;
            let nothing = Decision::nothing(Verdict::Open);
            let decision = Decision { ticket: Some(ticket), events, ..nothing };
            batch.record(&Record { now, taken: None, decision: &decision, letters: &[] })?;
        }
        Ok(())
    })
}

fn asked<T>(what: &str, mut ask: impl FnMut() -> T) {
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let begin = Instant::now();
            std::hint::black_box(ask());
            begin.elapsed()
        })
        .collect();
    let first = times[0];
    times.sort();
    println!("{what:<44} median {:>9.3?}   first {first:>9.3?}   most {:>9.3?}", times[TIMES / 2], times[TIMES - 1]);
}

fn main() -> Result<(), StoreError> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let tickets = number("TICKETS").unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let path = std::env::var_os("STORE").map_or(folder.path().join("desk.sqlite"), PathBuf::from);
    let mut store = Store::open(&path)?;
    let there = store.batch(|batch| batch.look(&Inquiry::default()))?.next_ticket.0;
    let begin = Instant::now();
    for from in (there..=tickets).step_by(AT_ONCE as usize) {
        fill(&mut store, from, (from + AT_ONCE).min(tickets + 1))?;
    }
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    println!(
        "{tickets} tickets, {} filled in {:.1?}, {} bytes each",
        tickets + 1 - there,
        begin.elapsed(),
        bytes / tickets
    );
    drop(store);
    ask_all(&path, tickets)
}

fn ask_all(path: &Path, tickets: u64) -> Result<(), StoreError> {
    asked("start: open for writing", || Store::open(path).map(drop));
    asked("start: open for reading", || Reader::open(path).map(drop));
    let mut store = Store::open(path)?;
    let reader = Reader::open(path)?;
    let middle = TicketId(tickets / 2);
    let old = ticket(TicketId(tickets / 3));
    asked("ticket show", || (reader.ticket(middle), reader.mails_of(middle, 100), reader.history(middle, 100)).0);
    asked("ticket list", || reader.tickets(&TicketFilter::default(), 50));
    asked("ticket list --open", || reader.tickets(&TicketFilter { open: true, ..TicketFilter::default() }, 50));
    let site = TicketFilter { open: true, site: old.site.clone(), ..TicketFilter::default() };
    asked("ticket list --open --site", || reader.tickets(&site, 50));
    asked("status (counts)", || reader.counts(START));
    let person = TicketFilter { submitter: Some(old.submitter.address.to_string()), ..TicketFilter::default() };
    asked("search --from", || reader.search("", &person, 50));
    asked("search, a rare and a common word", || reader.search("w60000 w1", &TicketFilter::default(), 50));
    asked("search, two common words", || reader.search("w1 w2", &TicketFilter::default(), 50));
    asked("search, common words at a site", || reader.search("w1 w2", &site, 50));
    let inquiry = |title: &str, text: &str| {
        let known = Some(Asked::Words(known::asked(title, text)));
        Inquiry { known, ..Inquiry::default() }
    };
    let (alike, mut words) = (inquiry(&old.subject, &old.description), Words(7));
    let (other, text) = (words.text(7), words.text(60));
    let other = inquiry(&other, &text);
    asked("known solutions of a problem that is there", || store.batch(|batch| batch.look(&alike)).map(drop));
    asked("known solutions of a new problem", || store.batch(|batch| batch.look(&other)).map(drop));
    asked("the rest of a look-up", || store.batch(|batch| batch.look(&Inquiry::default())).map(drop));
    Ok(())
}

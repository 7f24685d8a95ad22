//! The real program under load from a real Postfix and a real Dovecot, killed with SIGKILL at moments that the dice
//! choose: while it starts, while it takes mail, while it sends; at times Postfix takes nothing from it for now, or
//! Dovecot starts anew. Then all is counted: each mail of a user is one ticket, each fact is one mail to each of its
//! recipients (the very same mail where it came again), and nothing is left in the inbox.
//!
//! `KILLS=300 KILLS_SEED=7` changes how many and which moments. The dice choose the moments, not what the machine does
//! in them: a failure comes again often, not always.

#[path = "simulation/dice.rs"]
#[allow(dead_code, reason = "not all throws are needed here")]
mod dice;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use dice::Dice;
use serde_json::Value;
use servers::PATIENCE;
use servers::desk::{World, address, header};

/// Mails that lie in the inbox before the first start.
const AT_FIRST: usize = 100;
const DESK: &str = "gw@example.test";

fn setting(name: &str, default: usize) -> usize {
    let text = std::env::var(name);
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: write a number")))
}

/// People at work: users report and add to their reports, a helpdesk solves. Each mail has words of its own.
struct People {
    dice: Dice,
    reports: usize,
    /// Answers that can be given: from, to, mail.
    unanswered: Vec<(&'static str, String, String)>,
    /// What was answered already, or lies in [`People::unanswered`]: whose, and the number of the report.
    seen: BTreeSet<(&'static str, usize)>,
    additions: usize,
    solutions: usize,
}

impl People {
    /// Mails written so far.
    fn mails(&self) -> usize {
        self.reports + self.additions + self.solutions
    }

    fn report(&mut self) -> String {
        self.reports += 1;
        let n = self.reports;
        format!(
            "From: anna@example.test\nTo: {DESK}\nSubject: trouble {n}\nMessage-ID: <{n}@anna.test>\n\n\
             SITE: INFN-T1\n\nText {n}.\n"
        )
    }

    /// One mail to the desk, now: an answer where there is something to answer, or a report.
    fn write(&mut self, world: &World) {
        if self.dice.percent(40)
            && let Some((from, to, mail)) = self.unanswered.pop()
        {
            self.additions += usize::from(from.starts_with("anna"));
            self.solutions += usize::from(from.starts_with("roc"));
            return world.send(from, &to, &mail);
        }
        let mail = self.report();
        world.send("anna@example.test", DESK, &mail);
    }

    /// Reads what the desk has sent so far. Users add to reports with even numbers, the helpdesk solves the others, so
    /// that it does not matter which of their mails comes first.
    fn read_mail(&mut self, world: &World) {
        for (user, turn) in [("anna", 0), ("roc", 1)] {
            for mail in world.dovecot.mails(user, "INBOX") {
                let subject = header(&mail, "Subject");
                let n: usize = subject.rsplit_once("trouble ").and_then(|(_, n)| n.parse().ok()).expect(subject);
                if n % 2 == turn && self.seen.insert((user, n)) {
                    self.unanswered.push(if user == "anna" { addition(&mail, n) } else { solution(&mail, n) });
                }
            }
        }
        self.dice.shuffle(&mut self.unanswered);
    }
}

fn addition(receipt: &str, n: usize) -> (&'static str, String, String) {
    let to = address(header(receipt, "Reply-To"));
    let mail = format!(
        "From: anna@example.test\nTo: {to}\nSubject: Re: {}\nMessage-ID: <more-{n}@anna.test>\nIn-Reply-To: {}\n\nMore {n}.\n",
        header(receipt, "Subject"),
        header(receipt, "Message-ID")
    );
    ("anna@example.test", to.to_owned(), mail)
}

fn solution(dispatch: &str, n: usize) -> (&'static str, String, String) {
    let to = address(header(dispatch, "Reply-To"));
    let mail = format!(
        "From: ROC Italy <roc@example.test>\nTo: {to}\nSubject: [rt.roc-italy.example #{n}] {}\n\
         X-RT-Ticket: rt.roc-italy.example #{n}\nMessage-ID: <rt-{n}@roc.test>\n\nCure {n}.\n\nSTATUS: solved\n",
        header(dispatch, "Subject")
    );
    ("roc@example.test", to.to_owned(), mail)
}

/// Runs the daemon and kills it after `moment`; people go on writing meanwhile.
fn run_and_kill(world: &mut World, people: &mut People, moment: Duration) {
    world.run();
    let pid = world.gateway.as_ref().unwrap().id().to_string();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(moment);
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    });
    while !killer.is_finished() {
        people.write(world);
        std::thread::sleep(Duration::from_millis(people.dice.number(1..100) as u64));
    }
    killer.join().unwrap();
    world.gateway.take().unwrap().wait().unwrap();
}

/// Waits as long as the number goes down.
fn until_none(what: &str, left: impl FnMut() -> usize) {
    until_none_of(|| what.to_owned(), left);
}

fn until_none_of(what: impl Fn() -> String, mut left: impl FnMut() -> usize) {
    let (mut least, mut since) = (usize::MAX, Instant::now());
    loop {
        match left() {
            0 => return,
            fewer if fewer < least => (least, since) = (fewer, Instant::now()),
            same => assert!(since.elapsed() < PATIENCE, "{}: {same} and no fewer within {PATIENCE:?}", what()),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn kills_at_any_moment_lose_nothing_and_double_nothing() {
    let (kills, seed) = (setting("KILLS", 20), setting("KILLS_SEED", 1));
    println!("KILLS={kills} KILLS_SEED={seed}");
    let mut world = World::build();
    let dice = Dice::new(seed as u64);
    let mut people = People { dice, reports: 0, unanswered: vec![], seen: BTreeSet::new(), additions: 0, solutions: 0 };
    for n in 0..AT_FIRST {
        let mail = people.report().replace('\n', "\r\n");
        world.dovecot.put("gw", &format!("m{n:05}"), mail.as_bytes());
    }
    let (mut deferring, mut restarts) = (0, 0);
    for kill in 0..kills {
        match people.dice.number(0..100) {
            0..8 => {
                world.postfix.defer_mail_of(Some(DESK));
                deferring += 1;
                run_and_kill(&mut world, &mut people, Duration::from_secs(1));
                world.postfix.defer_mail_of(None);
            }
            8..12 => {
                world.run();
                world.dovecot.stop();
                world.dovecot.again();
                world.signal("-KILL");
                restarts += 1;
            }
            more => {
                // Most starts take 20 to 100 ms; a few lives are long, so that work gets done.
                let longest = [60, 600, 2_000][if more < 40 { 0 } else { 1 + usize::from(more >= 85) }];
                let moment = people.dice.number(1..longest);
                run_and_kill(&mut world, &mut people, Duration::from_millis(moment as u64));
            }
        }
        if kill % 2 == 1 {
            people.read_mail(&world);
        }
    }
    let lives = world.log().matches("the desk is open").count();
    let cut = world.log().matches("mails were under way").count();
    println!(
        "{kills} kills: {} while it started, {lives} at work; {cut} starts found mails under way; {deferring} times Postfix \
         deferred, {restarts} times Dovecot started anew",
        kills - lives
    );
    world.run();
    until_none("mails on their way in", || people.mails() - ids(&world, "gw", "Processed").len());
    until_none("mails in the inbox", || world.dovecot.mails("gw", "INBOX").len());
    until_none("mails in the outbox", || {
        let outbox = &world.json(&["status"])["counts"]["outbox"];
        ["ready", "leased"].iter().map(|state| outbox[state]["count"].as_u64().unwrap() as usize).sum()
    });
    world.signal("-TERM");
    count(&world, &people);
}

/// What must hold when all is quiet.
fn count(world: &World, people: &People) {
    let most = (10 * people.reports).to_string();
    let tickets = world.json(&["ticket", "list", "--most", &most]);
    let tickets = tickets.as_array().unwrap();
    let subjects: BTreeSet<&str> = tickets.iter().map(|ticket| ticket["subject"].as_str().unwrap()).collect();
    let outbox = world.json(&["outbox", "list", "--most", &most]);
    let outbox = outbox.as_array().unwrap();
    let facts: BTreeSet<String> = outbox.iter().map(fact).collect();
    let (in_all, lost, doubled) = (people.mails(), people.reports - subjects.len(), tickets.len() - subjects.len());
    println!(
        "{in_all} mails in: {} reports, {} additions, {} solutions; {} tickets, {lost} lost, {doubled} doubled; {} mails \
         out for {} facts",
        people.reports,
        people.additions,
        people.solutions,
        tickets.len(),
        outbox.len(),
        facts.len()
    );
    assert_eq!((lost, doubled), (0, 0), "one ticket for each report");
    assert_eq!(facts.len(), outbox.len(), "one mail for each fact and recipient");
    // A receipt and a dispatch for each report, an addition passed on, a solution passed on and acknowledged.
    assert_eq!(outbox.len(), 2 * people.reports + people.additions + 2 * people.solutions);
    for user in ["anna", "roc"] {
        let sent: BTreeSet<&str> = outbox
            .iter()
            .filter(|row| row["to"].as_str().unwrap().starts_with(user))
            .map(|row| row["message_id"].as_str().unwrap())
            .collect();
        let missing = || -> Vec<&str> {
            let arrived = ids(world, user, "INBOX");
            let here = |id: &str| arrived.contains_key(&format!("<{id}>")) || arrived.contains_key(id);
            sent.iter().copied().filter(|id| !here(id)).collect()
        };
        let told = || format!("mails on their way to {user}, {}", on_their_way(world, &missing()));
        until_none_of(told, || missing().len());
        let arrived = ids(world, user, "INBOX");
        let arrived_ids: BTreeSet<&str> = arrived.keys().map(|id| id.trim_matches(['<', '>'])).collect();
        assert_eq!(arrived_ids, sent, "{user}: what was sent is what came");
        let copies: usize = arrived.values().map(|copies| copies.len() - 1).sum();
        for (id, copies) in &arrived {
            let different: BTreeSet<&String> = copies.iter().collect();
            assert_eq!(different.len(), 1, "{user}: {id} came with other words: {different:#?}");
        }
        println!("{user}: {} mails, {copies} came again as the very same mail", arrived.len());
    }
    for (user, words, count) in
        [("roc", "Text", people.reports), ("roc", "More", people.additions), ("anna", "Cure", people.solutions)]
    {
        let arrived = ids(world, user, "INBOX");
        let holders = |n: usize| {
            let line = format!("{words} {n}.");
            arrived.values().filter(|copies| copies[0].lines().any(|own| own.trim_end() == line)).count()
        };
        let told: Vec<usize> = (1..=people.reports).map(holders).collect();
        assert_eq!(told.iter().sum::<usize>(), count, "{user} is told each {words:?} once: {told:?}");
        assert!(told.iter().all(|times| *times <= 1), "{user} is told each {words:?} once: {told:?}");
    }
    assert!(world.dovecot.mails("gw", "INBOX").is_empty());
    let told = world.command(&["check", "--store"]);
    assert!(told.status.success(), "{told:?}");
}

/// Mails by their Message-IDs, with what the gateway and Postfix have noted of them.
fn on_their_way(world: &World, ids: &[&str]) -> String {
    let maillog = std::fs::read_to_string(world.postfix.path("maillog")).unwrap_or_default();
    let mut told = String::new();
    for id in ids {
        let queued = maillog.lines().filter(|line| line.contains(id)).filter_map(|line| line.split(": ").nth(1));
        let queued: BTreeSet<&str> = queued.collect();
        let noted = maillog.lines().filter(|line| queued.iter().any(|queue_id| line.contains(queue_id)));
        told += &format!("{id}:\n{}\n", noted.collect::<Vec<_>>().join("\n"));
    }
    told
}

/// What a mail of the outbox tells, and to whom.
fn fact(row: &Value) -> String {
    format!("{} {} {}", row["ticket"], row["template"], row["to"])
}

/// Mails of a folder by Message-ID, each from its first own field on: above stands what servers add.
fn ids(world: &World, user: &str, folder: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in world.dovecot.mails(user, folder) {
        let own = mail.find("\nFrom: ").map_or(mail.as_str(), |at| &mail[at + 1..]).to_owned();
        found.entry(header(&mail, "Message-ID").to_owned()).or_default().push(own);
    }
    found
}

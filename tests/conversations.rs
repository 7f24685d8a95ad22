//! Conversations: plain text files in which people, helpdesks and the desk write to each other, run through the real
//! engine and store. `UPDATE=1` writes what happened into the files; the lines that begin with `?` are never changed.
//!
//! A file is a list of blocks. `> who` opens a mail (raw, up to a line with a single dot); `> who signed SUBJECT` one whose
//! S/MIME signature was found to be good, by a certificate of that subject for that address, `> who badly signed: WHY` one
//! whose signature proves nothing. `$ command` is an order of a person (before `redact` all mail has gone out), `+ 2h`
//! lets time pass and nobody look. `@ time` lets it pass until then, and each step of a timer be taken when it falls due;
//! `@! time` is the same for a desk that was down, and looks when it is up again.
//!
//! Below each stands what came of it: `= verdict, ticket, status, unit` (of a timer also when) and one line
//! `< template to recipient: subject` for each mail sent. `? N has …` and `? N lacks …` look into mail number N and what
//! is attached to it, `? trail has …` into the reasons, `? events has …` into the facts, `? ticket has …` into the
//! ticket as JSON, and `? sent has …` into the list of mails that the last input made; `? sent none` says that there is
//! none.
//!
//! In a mail `{id N}` is the Message-ID of sent mail N, `{reply N}` its Reply-To, `{envelope N}` its envelope sender.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ggus_gateway::config::{self, Loaded};
use ggus_gateway::desk::decision::{Act, Decision, Order, Outbound};
use ggus_gateway::desk::ops::Opening;
use ggus_gateway::desk::policy::UnitName;
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::desk::timer::Timer;
use ggus_gateway::engine::intake::{self, Rules};
use ggus_gateway::engine::{orders, retention, timers, units};
use ggus_gateway::mail::authres::MethodResult;
use ggus_gateway::mail::smime;
use ggus_gateway::render::template::Templates;
use ggus_gateway::source::Incoming;
use ggus_gateway::store::{Batch, Settlement, Store};
use jiff::{SignedDuration, Timestamp};

const GATEWAY: &str = include_str!("conversations/world/gateway.toml");
const ROUTING: &str = include_str!("conversations/world/routing.toml");

const NO_DIGESTS: &str = "[clocks]\nunit_digest = \"never\"\ntriage_digest = \"never\"";

/// One desk and everything that it has sent.
struct World {
    loaded: Loaded,
    templates: Templates,
    store: Store,
    now: Timestamp,
    sent: Vec<(Outbound, String)>,
    last: Option<Decision>,
    mails: usize,
}

impl World {
    fn new(settings: &str) -> Self {
        let routing = format!("{ROUTING}\n");
        // Digests are for conversations that are about them.
        let clocks = if settings.contains("[clocks]") { "" } else { NO_DIGESTS };
        let gateway = format!("{GATEWAY}\n{settings}\n{clocks}\n");
        let loaded = config::from_texts(&gateway, &routing, &[7; 32]).unwrap_or_else(|problems| panic!("{problems}"));
        Self {
            loaded,
            templates: Templates::built_in(),
            store: Store::in_memory().unwrap(),
            // A Monday morning.
            now: "2026-11-23T09:00:00Z".parse().unwrap(),
            sent: Vec::new(),
            last: None,
            mails: 0,
        }
    }

    fn mail(&mut self, who: &str, text: &str) {
        let (who, checked) = signed(who);
        self.mails += 1;
        let mut raw = self.filled(text);
        let head_end = raw.find("\n\n").map_or(raw.len(), |at| at + 1);
        let mut head = String::new();
        for (name, value) in [
            ("From:", format!("From: {who}")),
            ("To:", "To: support@ggus.example".to_owned()),
            ("Message-ID:", format!("Message-ID: <in-{}@test.example>", self.mails)),
            ("Date:", format!("Date: {}", self.now.strftime("%a, %d %b %Y %H:%M:%S +0000"))),
        ] {
            if !raw[..head_end].to_lowercase().lines().any(|line| line.starts_with(&name.to_lowercase())) {
                writeln!(head, "{value}").unwrap();
            }
        }
        raw.insert_str(0, &head);
        let raw = raw.lines().filter(|line| *line != "Message-ID: none").collect::<Vec<_>>().join("\r\n").into_bytes();
        let incoming = Incoming { checked, ..Incoming::new("talk", format!("talk:{}", self.mails), raw) };
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        let outcome = intake::take(rules, &mut self.store, &[incoming], self.now).unwrap().remove(0);
        self.remember(outcome.decision);
    }

    fn remember(&mut self, decision: Decision) {
        self.keep(&decision.outbound);
        self.last = Some(decision);
    }

    fn keep(&mut self, mails: &[Outbound]) {
        for outbound in mails {
            let body = self.templates.fill(outbound.template, outbound.language, &outbound.words);
            let head = String::from_utf8(intake::written(
                Rules { policy: &self.loaded.policy, templates: &self.templates },
                outbound,
                self.now,
            ))
            .unwrap_or_default();
            let head = head.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n", "\n");
            self.sent.push((outbound.clone(), format!("{head}\n\n{body}")));
        }
    }

    fn filled(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (at, (outbound, _)) in self.sent.iter().enumerate() {
            let number = at + 1;
            let address = |address: &Option<_>| address.as_ref().map(ToString::to_string).unwrap_or_default();
            out = out.replace(&format!("{{id {number}}}"), &outbound.message_id.to_string());
            out = out.replace(&format!("{{reply {number}}}"), &address(&outbound.reply_to));
            out = out.replace(&format!("{{envelope {number}}}"), &address(&outbound.envelope_sender));
        }
        out
    }

    /// Lets time pass, and takes each step of a timer when it falls due.
    fn wait_until(&mut self, until: Timestamp) -> String {
        let mut out = String::new();
        loop {
            let next = self.store.batch(|batch| batch.next_step()).unwrap();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            out.push_str(&self.turn());
        }
        self.now = until;
        out
    }

    /// Takes the steps that are due now.
    fn turn(&mut self) -> String {
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        let turn = timers::turn(rules, &mut self.store, self.now).unwrap();
        assert!(turn.failed.is_empty());
        let mut out = String::new();
        for decision in turn.decisions {
            let before = self.sent.len();
            self.remember(decision);
            write!(out, "= {}: {}", self.now.strftime("%a %Y-%m-%d %H:%M"), &self.outcome(before)[2..]).unwrap();
        }
        if !turn.digests.is_empty() {
            let before = self.sent.len();
            self.keep(&turn.digests);
            write!(out, "= {}: digests\n{}", self.now.strftime("%a %Y-%m-%d %H:%M"), self.mails(before)).unwrap();
        }
        out
    }

    fn order(&mut self, command: &str) -> Result<(), String> {
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        if let Some(unit) = command.strip_prefix("probe ") {
            let decision = units::probe(rules, &mut self.store, &unit.into(), "olga", self.now);
            self.remember(decision.map_err(|error| error.to_string())?);
            return Ok(());
        }
        if let Some(ticket) = command.strip_prefix("redact ") {
            self.deliver_all();
            let (policy, id) = (&self.loaded.policy, TicketId(ticket.parse().unwrap()));
            let order = ("olga", "her wish");
            self.last = None;
            let done = retention::redact(policy, &mut self.store, id, order, self.now, false);
            return done.map(drop).map_err(|error| error.to_string());
        }
        // `open site=INFN-T1 check=CRL node=ce01 | subject | text`
        if let Some(opening) = command.strip_prefix("open ") {
            let decision = orders::open(rules, &mut self.store, &opened(opening), "olga", self.now);
            self.remember(decision.map_err(|error| error.to_string())?);
            return Ok(());
        }
        let mut words = command.splitn(3, ' ');
        let (verb, number, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        let text = rest.to_owned();
        let act = match verb {
            "assign" => Act::Assign { unit: UnitName(text), text: None },
            "clear" => Act::Clear { text },
            "close" => Act::Close,
            "comment" => Act::Comment { text, public: true },
            "hold" => Act::Hold { wake: (!rest.is_empty()).then(|| rest.parse().unwrap()) },
            "hurry" => Act::Hurry { text },
            "master" => Act::Master { master: Some(TicketId(rest.parse().unwrap())) },
            "merge" => Act::Merge { into: TicketId(rest.parse().unwrap()) },
            "unmaster" => Act::Master { master: None },
            "note" => Act::Comment { text, public: false },
            "reopen" => Act::Reopen { text },
            "solve" => Act::Solve { text },
            "start" | "stop" => Act::Timer { timer: Timer::from_word(rest).unwrap(), runs: verb == "start" },
            "unsolve" => Act::Unsolve { text },
            _ => panic!("unknown order {command}"),
        };
        let order = Order { ticket: TicketId(number.parse().unwrap()), by: "olga".to_owned(), act };
        let decision = intake::order(rules, &mut self.store, &order, self.now).map_err(|error| error.to_string())?;
        self.remember(decision);
        Ok(())
    }

    /// Nothing waits to go out any more.
    fn deliver_all(&mut self) {
        let now = self.now;
        let sent = Settlement::Sent { answer: "250 ok".to_owned() };
        let deliver = |batch: &mut Batch<'_>| {
            for line in batch.due(now, 1_000)? {
                batch.settle(line.id, &sent, now)?;
            }
            Ok(())
        };
        self.store.batch(deliver).unwrap();
    }

    /// What came of the last input, as lines of the file.
    fn outcome(&self, sent_before: usize) -> String {
        let Some(decision) = &self.last else { return String::new() };
        let mut line = format!("= {}", decision.verdict.word());
        if let Some(ticket) = &decision.ticket {
            write!(line, " {}, {}", ticket.id, ticket.status).unwrap();
            if let Some(unit) = &ticket.unit {
                write!(line, ", {unit}").unwrap();
                for leg in &ticket.legs {
                    let id = leg.foreign_id().map(|id| format!(" as {id}")).unwrap_or_default();
                    write!(line, " [{}: {}{id}]", leg.unit, leg.state.words()).unwrap();
                }
            }
        } else if let Some(id) = decision.understood.ticket {
            write!(line, " {id}").unwrap();
        }
        line.push('\n');
        line + &self.mails(sent_before)
    }

    /// The mails from a number on, as lines of the file.
    fn mails(&self, sent_before: usize) -> String {
        let mut lines = String::new();
        for (at, (outbound, _)) in self.sent.iter().enumerate().skip(sent_before) {
            let parked = if outbound.parked.is_some() { "parked " } else { "" };
            let (what, to, subject) = (outbound.template.name(), &outbound.to, &outbound.subject);
            writeln!(lines, "< {} {parked}{what} to {to}: {subject}", at + 1).unwrap();
        }
        lines
    }

    fn assert(&self, claim: &str, place: &str) {
        let (what, rest) = claim.split_once(' ').unwrap_or_else(|| panic!("{place}: {claim}"));
        let decision = self.last.as_ref().unwrap();
        let goes_out = || decision.outbound.iter().filter(|mail| mail.parked.is_none());
        let sent = || goes_out().map(|mail| format!("{} to {}", mail.template.name(), mail.to));
        if (what, rest) == ("sent", "none") {
            return assert!(goes_out().next().is_none(), "{place}: sent: {}", sent().collect::<Vec<_>>().join(", "));
        }
        let (verb, wanted) = rest.split_once(' ').unwrap_or_else(|| panic!("{place}: {claim}"));
        let haystack = match what {
            "trail" => decision.trail.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            "ticket" => {
                decision.ticket.as_ref().map(|ticket| serde_json::to_string_pretty(ticket).unwrap()).unwrap_or_default()
            }
            "events" => format!("{:#?}", decision.events),
            "sent" => sent().collect::<Vec<_>>().join("\n"),
            number => {
                let (outbound, text) =
                    &self.sent[number.parse::<usize>().unwrap_or_else(|_| panic!("{place}: {claim}")) - 1];
                let attached: Vec<&str> =
                    outbound.attachments.iter().map(|attachment| attachment.name.as_str()).collect();
                let inside = outbound.attachments.iter().map(|one| String::from_utf8_lossy(&one.bytes).into_owned());
                format!(
                    "{text}\nenvelope: <{}>\nattached: {}\n{}",
                    outbound.envelope_sender.as_ref().map(ToString::to_string).unwrap_or_default(),
                    attached.join(", "),
                    inside.collect::<Vec<_>>().join("\n")
                )
            }
        };
        let wanted = self.filled(wanted);
        let found = haystack.contains(&wanted);
        match verb {
            "has" => assert!(found, "{place}: not found: {wanted}\nin:\n{haystack}"),
            "lacks" => assert!(!found, "{place}: found: {wanted}\nin:\n{haystack}"),
            _ => panic!("{place}: {claim}"),
        }
    }
}

fn opened(command: &str) -> Opening {
    let mut parts = command.splitn(3, " | ");
    let mut opening = Opening::default();
    for (name, value) in parts.next().unwrap().split(' ').filter_map(|word| word.split_once('=')) {
        match name {
            "check" => opening.check = Some(value.to_owned()),
            "node" => opening.node = Some(value.to_owned()),
            "site" => opening.site = Some(value.to_owned()),
            "unit" => opening.unit = Some(value.into()),
            _ => panic!("unknown field {name}"),
        }
    }
    let mut text = || parts.next().unwrap().to_owned();
    (opening.subject, opening.text) = (text(), text());
    opening
}

/// The author, and what was found out about their signature when the mail came.
fn signed(who: &str) -> (&str, Vec<MethodResult>) {
    let found = |result: &str, properties: &[(&str, &str)]| {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        vec![MethodResult { method: smime::METHOD.to_owned(), result: result.to_owned(), properties }]
    };
    if let Some((who, why)) = who.split_once(" badly signed: ") {
        return (who, found("fail", &[(smime::REASON, why)]));
    }
    let Some((who, subject)) = who.split_once(" signed ") else { return (who, Vec::new()) };
    (who, found("pass", &[(smime::IDENTIFIER, who), (smime::SUBJECT, subject)]))
}

/// `2026-11-24 10:00`, UTC.
fn at_time(text: &str, place: &str) -> Timestamp {
    format!("{}:00Z", text.replace(' ', "T")).parse().unwrap_or_else(|error| panic!("{place}: {error}"))
}

/// Runs a file; gives it back with what happened.
fn run(path: &Path, text: &str) -> String {
    let settings: String =
        text.lines().filter_map(|line| line.strip_prefix("! ")).map(|line| format!("{line}\n")).collect();
    let mut world = World::new(&settings);
    // As the gateway does when it starts.
    world.turn();
    let mut out = String::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let place = format!("{}:{}", path.display(), at + 1);
        let before = world.sent.len();
        if line.starts_with("= ") || line.starts_with("< ") {
            continue;
        }
        writeln!(out, "{line}").unwrap();
        if let Some(who) = line.strip_prefix("> ") {
            let mut raw = String::new();
            for (_, line) in lines.by_ref() {
                writeln!(out, "{line}").unwrap();
                if line == "." {
                    break;
                }
                writeln!(raw, "{line}").unwrap();
            }
            world.mail(who, &raw);
            out.push_str(&world.outcome(before));
        } else if let Some(command) = line.strip_prefix("$ ") {
            match world.order(command) {
                Ok(()) => out.push_str(&world.outcome(before)),
                Err(refusal) => writeln!(out, "= refused: {refusal}").unwrap(),
            }
        } else if let Some(span) = line.strip_prefix("+ ") {
            world.now =
                world.now.checked_add(span.parse::<SignedDuration>().unwrap_or_else(|_| panic!("{place}"))).unwrap();
        } else if let Some(time) = line.strip_prefix("@ ") {
            out.push_str(&world.wait_until(at_time(time, &place)));
        } else if let Some(time) = line.strip_prefix("@! ") {
            world.now = at_time(time, &place);
            out.push_str(&world.turn());
        } else if let Some(claim) = line.strip_prefix("? ") {
            world.assert(claim, &place);
        }
    }
    out
}

#[test]
fn conversations_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "talk"));
    paths.sort();
    assert!(!paths.is_empty());
    let mut different = Vec::new();
    for path in &paths {
        let written = std::fs::read_to_string(path).unwrap();
        let happened = match std::panic::catch_unwind(|| run(path, &written)) {
            Ok(happened) => happened,
            Err(_) => {
                different.push(format!("{}: see above", path.display()));
                continue;
            }
        };
        if written != happened {
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(path, &happened).unwrap();
            } else {
                different.push(difference(path, &written, &happened));
            }
        }
    }
    assert!(different.is_empty(), "{}\nUPDATE=1 takes what happened", different.join("\n"));
    println!("{} conversations", paths.len());
}

fn difference(path: &Path, written: &str, happened: &str) -> String {
    let mut text = format!("{}:", path.display());
    let (old, new): (Vec<&str>, Vec<&str>) = (written.lines().collect(), happened.lines().collect());
    let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    old.iter().skip(same).take(4).for_each(|line| write!(text, "\n  written:  {line}").unwrap());
    new.iter().skip(same).take(4).for_each(|line| write!(text, "\n  happened: {line}").unwrap());
    text
}

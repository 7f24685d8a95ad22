//! What the daemon does, in numbers for Prometheus: counters that are kept as things happen, and what is read when
//! somebody asks. No name, address or subject is in them, but those of sources and units.

use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::parts::Parts;
use crate::desk::decision::{Decision, Verdict};
use crate::desk::trail::Reason;
use crate::engine::intake::Outcome;
use crate::relay;
use crate::store::Standing;

type Labels = Vec<(&'static str, String)>;

/// Counters from the start of the daemon on.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    mails_in: Family<Labels, Counter>,
    suppressed: Family<Labels, Counter>,
    bounces: Counter,
    mails_out: Family<Labels, Counter>,
    given_up: Counter,
    steps: Counter,
    reloads: Family<Labels, Counter>,
    alerts: Family<Labels, Counter>,
    decide: Histogram,
    commit: Histogram,
}

impl Metrics {
    pub fn new(now: Timestamp) -> Self {
        let mut registry = Registry::with_prefix("ggus");
        let build: Family<Labels, Gauge> = Family::default();
        build.get_or_create(&vec![("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
        registry.register("build_info", "The version that runs", build);
        let started: Gauge = Gauge::default();
        started.set(now.as_second());
        registry.register("start_timestamp_seconds", "When the gateway was started", started);
        // 16 µs to half a minute.
        let seconds = || Histogram::new(exponential_buckets(0.000_016, 4.0, 11));
        let metrics = Self {
            mails_in: Family::default(),
            suppressed: Family::default(),
            bounces: Counter::default(),
            mails_out: Family::default(),
            given_up: Counter::default(),
            steps: Counter::default(),
            reloads: Family::default(),
            alerts: Family::default(),
            decide: seconds(),
            commit: seconds(),
            registry: Registry::default(),
        };
        registry.register("mails_in", "Mails taken in, by source and verdict", metrics.mails_in.clone());
        registry.register(
            "answers_suppressed",
            "Mails that a machine wrote and that got no answer (automatic), and answers held back over a limit (limit)",
            metrics.suppressed.clone(),
        );
        registry.register("bounces", "Delivery reports taken in", metrics.bounces.clone());
        registry.register("mails_out", "Attempts to send a mail, by what became of them", metrics.mails_out.clone());
        registry.register("mails_given_up", "Mails that were given up", metrics.given_up.clone());
        registry.register("timer_steps", "Tickets of which steps were taken that fell due", metrics.steps.clone());
        registry.register("reloads", "Times that the configuration was read again", metrics.reloads.clone());
        registry.register(
            "alerts",
            "Times that people were told of trouble, or that it is over",
            metrics.alerts.clone(),
        );
        registry.register("decide_seconds", "Time to read and decide about one mail", metrics.decide.clone());
        registry.register("commit_seconds", "Time to make a batch of mails durable", metrics.commit.clone());
        for why in ["automatic", "limit"] {
            drop(metrics.suppressed.get_or_create(&vec![("why", why.to_owned())]));
        }
        for outcome in ["permanent", "sent", "transient", "unknown"] {
            drop(metrics.mails_out.get_or_create(&vec![("outcome", outcome.to_owned())]));
        }
        Self { registry, ..metrics }
    }

    /// A mail was taken in.
    pub fn taken(&self, source: &str, outcome: &Outcome) {
        let decision = &outcome.decision;
        let verdict = if outcome.duplicate { "duplicate" } else { decision.verdict.word() };
        self.mails_in.get_or_create(&vec![("source", source.to_owned()), ("verdict", verdict.to_owned())]).inc();
        if outcome.duplicate {
            return;
        }
        let has = |wanted: fn(&Reason) -> bool| decision.trail.iter().any(wanted);
        if decision.verdict == Verdict::Report && has(|reason| matches!(reason, Reason::DeliveryReport { .. })) {
            self.bounces.inc();
        }
        if has(|reason| matches!(reason, Reason::Automatic { .. } | Reason::NotAnswered { .. })) {
            self.suppress("automatic", 1);
        }
        self.held_back(decision);
    }

    /// Steps of a ticket were taken.
    pub fn stepped(&self, decision: &Decision) {
        self.steps.inc();
        self.held_back(decision);
    }

    fn held_back(&self, decision: &Decision) {
        self.suppress("limit", decision.outbound.iter().filter(|mail| mail.parked.is_some()).count() as u64);
    }

    fn suppress(&self, why: &str, answers: u64) {
        self.suppressed.get_or_create(&vec![("why", why.to_owned())]).inc_by(answers);
    }

    /// A batch was decided and made durable.
    pub fn batch(&self, mails: usize, decide: Duration, commit: Duration) {
        for _ in 0..mails {
            self.decide.observe(decide.as_secs_f64() / mails as f64);
        }
        self.commit.observe(commit.as_secs_f64());
    }

    /// An attempt to send a mail ended.
    pub fn tried(&self, outcome: &relay::Outcome) {
        let word = match outcome {
            relay::Outcome::Permanent(_) => "permanent",
            relay::Outcome::Sent(_) => "sent",
            relay::Outcome::Transient(_) => "transient",
            relay::Outcome::Unknown(_) => "unknown",
        };
        self.mails_out.get_or_create(&vec![("outcome", word.to_owned())]).inc();
    }

    /// A mail was given up.
    pub fn given_up(&self) {
        self.given_up.inc();
    }

    /// The configuration was read again, or not taken over.
    pub fn reloaded(&self, adopted: bool) {
        let result = if adopted { "adopted" } else { "refused" };
        self.reloads.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    /// People were told of something.
    pub fn alerted(&self, about: &'static str) {
        self.alerts.get_or_create(&vec![("about", about.to_owned())]).inc();
    }

    /// Everything as text. `standing`: what the store holds, where it can be read.
    pub fn text(&self, parts: &Parts, standing: Option<&Standing>, now: Timestamp) -> String {
        let mut asked = Registry::with_prefix("ggus");
        parts_in(&mut asked, parts);
        let readable = gauge(&mut asked, "store_readable", "Whether the store can be read");
        readable.set(standing.is_some().into());
        if let Some(standing) = standing {
            standing_in(&mut asked, standing, now);
        }
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = encode_registry(&mut text, &self.registry);
        let _ = encode_registry(&mut text, &asked);
        let _ = encode_eof(&mut text);
        text
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn gauges(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, Gauge> {
    let family: Family<Labels, Gauge> = Family::default();
    registry.register(name, help, family.clone());
    family
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn parts_in(registry: &mut Registry, parts: &Parts) {
    let well = gauges(registry, "part_well", "Whether a part of the gateway works");
    let polled =
        gauges(registry, "source_last_success_timestamp_seconds", "When a source was last looked into with success");
    for (name, part) in &parts.all {
        well.get_or_create(&vec![("part", name.clone())]).set(part.health.is_well().into());
        if let (Some(source), Some(at)) = (name.strip_prefix("source "), part.well) {
            polled.get_or_create(&vec![("source", source.to_owned())]).set(at.as_second());
        }
    }
}

fn standing_in(registry: &mut Registry, standing: &Standing, now: Timestamp) {
    let tickets = gauges(registry, "tickets", "Tickets by unit and status; tests of units are left out");
    for (unit, status, count) in &standing.tickets {
        let unit = unit.as_ref().map_or("", |unit| &unit.0);
        let labels = vec![("unit", unit.to_owned()), ("status", status.words().to_owned())];
        tickets.get_or_create(&labels).set(number(*count));
    }
    let outbox =
        gauges(registry, "outbox_mails", "Mails that are not sent yet: ready, leased (under way), dead (given up)");
    for (state, count) in &standing.outbox {
        outbox.get_or_create(&vec![("state", state.word().to_owned())]).set(number(*count));
    }
    gauge(registry, "outbox_held_mails", "Mails of those ready that are held back on purpose")
        .set(number(standing.held));
    let age = |at: Option<Timestamp>| at.map_or(0, |at| now.duration_since(at).as_secs().max(0));
    gauge(registry, "outbox_oldest_seconds", "Age of the oldest mail that waits to go out and is not held back")
        .set(age(standing.waiting_since));
    gauge(registry, "quarantine_mails", "Mails that a person must decide about").set(number(standing.quarantine));
    gauge(registry, "timers_overdue_seconds", "How long the step of a ticket is overdue that fell due first")
        .set(age(standing.next_step));
}

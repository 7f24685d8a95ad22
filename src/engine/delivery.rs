//! Sending: which mails of the outbox go out now, and what follows from each answer.
//!
//! At-least-once. A row is leased and its attempt counted before the courier gets the mail; the same bytes go out under
//! the same Message-ID until the other side takes them, refuses them for good, or the time is up (RFC 5321 section
//! 4.5.4.1). It opens no connection and holds no transaction while the mail is under way.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use crate::desk::bounce::Undelivered;
use crate::desk::decision::{Recipient, Template};
use crate::desk::policy::{Policy, UnitName};
use crate::desk::recognise;
use crate::desk::ticket::TicketId;
use crate::engine::pace;
use crate::mail::{Address, MessageId};
use crate::relay::{Outcome, Parcel};
use crate::store::{Batch, OutboxId, OutboxLine, OutboxRow, Settlement, Store, StoreError};

/// Longest answer of the other side that is kept, in characters.
const LONGEST_ANSWER: usize = 500;

/// Waits are shortened by up to this part, so that mails that failed together do not come back together.
const JITTER_PERCENT: u64 = 20;

/// How patient the outbox is. Durations as people write them: `1 min`, `5 days` (of 24 hours).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboxSettings {
    /// Wait after the first failure; each further failure doubles it.
    #[serde(deserialize_with = "span")]
    pub first_wait: SignedDuration,
    /// The wait grows no longer than this.
    #[serde(deserialize_with = "span")]
    pub longest_wait: SignedDuration,
    /// A mail that was not taken in this time since its first attempt is dead.
    #[serde(deserialize_with = "span")]
    pub give_up_after: SignedDuration,
    /// How long an attempt may take, whatever the relay's own limits; afterwards the mail is taken up anew.
    #[serde(deserialize_with = "span")]
    pub lease: SignedDuration,
    /// Mails that are taken up at once.
    pub at_once: usize,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self {
            first_wait: SignedDuration::from_mins(1),
            longest_wait: SignedDuration::from_hours(1),
            give_up_after: SignedDuration::from_hours(5 * 24),
            lease: SignedDuration::from_hours(1),
            at_once: 64,
        }
    }
}

/// Reads `90s`, `1 min`, `5 days`.
fn span<'de, D: Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
    let span = Span::deserialize(from)?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| serde::de::Error::custom("this is no fixed time, write it in days or less, such as \"5 days\""))
}

impl OutboxSettings {
    /// Every fault that the syntax does not show: the setting, and a sentence that ends in what to do.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let spans = [
            ("first_wait", self.first_wait),
            ("longest_wait", self.longest_wait),
            ("give_up_after", self.give_up_after),
            ("lease", self.lease),
        ];
        for (key, span) in spans.into_iter().filter(|(_, span)| *span < SignedDuration::from_secs(1)) {
            problems.push((key, format!("{span:#} is too short, use a second or more")));
        }
        if self.longest_wait < self.first_wait {
            problems.push(("longest_wait", "it is shorter than first_wait, use the same or more".to_owned()));
        }
        if !(1..=1_000).contains(&self.at_once) {
            problems.push(("at_once", format!("{} is out of bounds, use 1 to 1000", self.at_once)));
        }
        problems
    }
}

/// A mail that goes out now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Its row, which the answer is settled on.
    pub line: OutboxLine,
    pub parcel: Parcel,
}

impl From<OutboxRow> for Departure {
    fn from(row: OutboxRow) -> Self {
        let OutboxRow { line, bytes } = row;
        let parcel = Parcel { sender: line.envelope_sender.clone(), recipient: line.to.clone(), bytes };
        Self { line, parcel }
    }
}

/// A mail that was given up. A person must hear of it, and so must its ticket: to whom it was addressed has not heard
/// of what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: OutboxId,
    /// The ticket, and the mail's number in it; `None` for a notice that has no ticket.
    pub ticket: Option<(TicketId, u32)>,
    pub recipient: Recipient,
    pub to: Address,
    pub template: Template,
    pub subject: String,
    pub message_id: MessageId,
    /// Why, on one line: the other side's last answer, or what went wrong.
    pub error: String,
    pub attempts: u32,
    /// It may have arrived all the same: an attempt ended without an answer.
    pub unknown: bool,
    /// When it was queued.
    pub created: Timestamp,
}

impl From<&DeadLetter> for Undelivered {
    fn from(dead: &DeadLetter) -> Self {
        Self {
            ticket: dead.ticket,
            recipient: dead.recipient.clone(),
            to: dead.to.clone(),
            subject: dead.subject.clone(),
            message_id: dead.message_id.clone(),
            error: dead.error.clone(),
        }
    }
}

impl DeadLetter {
    /// The unit whose address fails, where it was a unit's mail.
    pub fn unit(&self) -> Option<&UnitName> {
        match &self.recipient {
            Recipient::Unit(unit) => Some(unit),
            Recipient::Copy | Recipient::Operator | Recipient::Site | Recipient::User => None,
        }
    }
}

/// Takes up what is due, and has it leased and counted before it returns. Settle each with [`settle`]. What must wait
/// for the pace of its helpdesk is passed over, and holds up nothing behind it.
pub fn claim(
    policy: &Policy,
    store: &mut Store,
    now: Timestamp,
    settings: &OutboxSettings,
) -> Result<Vec<Departure>, StoreError> {
    store.batch(|batch| {
        let policy = &recognise::in_force(policy, &batch.reader().recognised()?);
        let mut departures = Vec::new();
        loop {
            // Each is leased or held back, so none is due again in the next turn.
            let due = batch.due(now, settings.at_once.saturating_sub(departures.len()))?;
            if due.is_empty() {
                return Ok(departures);
            }
            for line in due {
                match pace::hold(policy, batch, &line, now)? {
                    Some(hold) => batch.hold(line.id, hold.until, &hold.why)?,
                    None => departures.push(batch.lease(line.id, now, settings.lease)?.into()),
                }
            }
        }
    })
}

/// Writes down the answer to one mail. What comes back is a letter that died of it: the caller tells the desk, in the
/// same batch, so that no crash lies between. An answer that comes too late to change anything kills nothing.
pub fn settle(
    batch: &mut Batch<'_>,
    line: &OutboxLine,
    outcome: &Outcome,
    now: Timestamp,
    settings: &OutboxSettings,
) -> Result<Option<DeadLetter>, StoreError> {
    let settlement = after(outcome, line, now, settings);
    let settled = batch.settle(line.id, &settlement, now)?;
    Ok(match settlement {
        Settlement::Dead { error } if settled => Some(dead(line, error, outcome)),
        _ => None,
    })
}

/// What follows from an answer. `line` is the row as it was claimed: this attempt is counted in it.
pub fn after(outcome: &Outcome, line: &OutboxLine, now: Timestamp, settings: &OutboxSettings) -> Settlement {
    match outcome {
        Outcome::Sent(answer) => Settlement::Sent { answer: one_line(answer) },
        Outcome::Permanent(error) => Settlement::Dead { error: one_line(error) },
        Outcome::Transient(error) => later(one_line(error), false, line, now, settings),
        Outcome::Unknown(error) => later(one_line(error), true, line, now, settings),
    }
}

fn later(error: String, unknown: bool, line: &OutboxLine, now: Timestamp, settings: &OutboxSettings) -> Settlement {
    let since = line.first_tried.unwrap_or(line.created);
    let end = since.saturating_add(settings.give_up_after).unwrap_or(Timestamp::MAX);
    if now >= end {
        let perhaps = if unknown || line.unknown { ", though it may have arrived" } else { "" };
        let error = format!("given up after {:#}{perhaps}: {error}", settings.give_up_after);
        return Settlement::Dead { error };
    }
    let next = now.saturating_add(wait(line, settings)).unwrap_or(Timestamp::MAX);
    // The last attempt falls on the end itself, not an hour before it.
    Settlement::Again { at: next.min(end), error, unknown }
}

/// Doubled with each attempt, bounded, and a little shorter by the row's own measure.
fn wait(line: &OutboxLine, settings: &OutboxSettings) -> SignedDuration {
    let doublings = line.attempts.saturating_sub(1).min(30);
    let grown = settings.first_wait.saturating_mul(1 << doublings).min(settings.longest_wait);
    let millis = u64::try_from(grown.as_millis()).unwrap_or(0);
    let most = (millis / 100).saturating_mul(JITTER_PERCENT);
    let less = most.saturating_mul(chance(&line.key, line.attempts)) / u64::from(u16::MAX);
    SignedDuration::from_millis(i64::try_from(millis - less.min(millis)).unwrap_or(i64::MAX))
}

/// 0 to 65535, always the same for one attempt of one row: no dice, so a test and a repeat see the same.
fn chance(key: &str, attempts: u32) -> u64 {
    let hash = Sha256::digest(format!("{key}\n{attempts}").as_bytes());
    u64::from(u16::from_be_bytes([hash[0], hash[1]]))
}

fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_ANSWER).collect();
    plain.trim().to_owned()
}

fn dead(line: &OutboxLine, error: String, outcome: &Outcome) -> DeadLetter {
    DeadLetter {
        id: line.id,
        ticket: line.ticket.zip(line.number),
        recipient: line.recipient.clone(),
        to: line.to.clone(),
        template: line.template,
        subject: line.subject.clone(),
        message_id: line.message_id.clone(),
        error,
        attempts: line.attempts,
        unknown: line.unknown || matches!(outcome, Outcome::Unknown(_)),
        created: line.created,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OutboxState;

    const START: Timestamp = Timestamp::constant(1_164_290_700, 0);

    fn line(attempts: u32) -> OutboxLine {
        OutboxLine {
            id: OutboxId(1),
            key: format!("{:064}", 7),
            ticket: Some(TicketId(57_890)),
            number: Some(1),
            recipient: Recipient::Unit("ROC_Italy".into()),
            to: Address::parse("helpdesk@infn.example").unwrap(),
            template: Template::Dispatch,
            subject: "[GGUS:57890] CE is down".to_owned(),
            message_id: MessageId::made("57890.1.x", "ggus.example"),
            envelope_sender: None,
            automatic: false,
            size: 12,
            state: OutboxState::Leased,
            due: None,
            held: None,
            attempts,
            unknown: false,
            answer: String::new(),
            created: START,
            first_tried: Some(START),
            settled: None,
            settled_by: None,
            mail: None,
        }
    }

    /// Seconds from an attempt at `now` until the next one.
    fn waits(attempts: u32, now: Timestamp) -> Option<i64> {
        let failed = Outcome::Transient("451 later".to_owned());
        match after(&failed, &line(attempts), now, &OutboxSettings::default()) {
            Settlement::Again { at, .. } => Some(at.as_second() - now.as_second()),
            Settlement::Dead { .. } | Settlement::Sent { .. } => None,
        }
    }

    #[test]
    fn waits_double_up_to_an_hour_less_a_fifth_at_most() {
        for (attempts, minutes) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
            let seconds = waits(attempts, START).unwrap();
            assert!((minutes * 48..=minutes * 60).contains(&seconds), "attempt {attempts}: {seconds} s");
        }
    }

    #[test]
    fn rows_that_failed_together_come_back_apart() {
        let settings = OutboxSettings::default();
        let wait_of = |n: u32| wait(&OutboxLine { key: format!("{n:064}"), ..line(8) }, &settings);
        let waits: std::collections::BTreeSet<_> = (0..50).map(wait_of).collect();
        assert!(waits.len() > 45, "{waits:?}");
        assert_eq!(wait_of(3), wait_of(3));
    }

    #[test]
    fn after_five_days_it_is_dead_and_the_last_attempt_falls_on_the_end() {
        let end = START + SignedDuration::from_hours(120);
        assert_eq!(waits(100, end - SignedDuration::from_secs(30)), Some(30));
        assert_eq!(waits(100, end), None);
        let lost = Outcome::Unknown("cut after DATA".to_owned());
        let settlement = after(&lost, &line(100), end, &OutboxSettings::default());
        let error = "given up after 120h, though it may have arrived: cut after DATA".to_owned();
        assert_eq!(settlement, Settlement::Dead { error });
    }

    #[test]
    fn a_refusal_for_good_kills_at_once_and_a_lost_answer_says_that_it_is_lost() {
        let settings = OutboxSettings::default();
        let refused = Outcome::Permanent("550 5.1.1 no such user".to_owned());
        let dead = Settlement::Dead { error: "550 5.1.1 no such user".to_owned() };
        assert_eq!(after(&refused, &line(1), START, &settings), dead);
        let lost = Outcome::Unknown("cut after DATA".to_owned());
        assert!(matches!(after(&lost, &line(1), START, &settings), Settlement::Again { unknown: true, .. }));
        let taken = Outcome::Sent("250 queued\r\nas 4711".to_owned());
        let sent = Settlement::Sent { answer: "250 queued  as 4711".to_owned() };
        assert_eq!(after(&taken, &line(1), START, &settings), sent);
    }

    #[test]
    fn a_clock_that_jumps_back_gives_no_mail_up() {
        assert!(waits(1, START - SignedDuration::from_hours(9_999)).is_some());
        assert_eq!(waits(1, Timestamp::MAX), None);
        assert!(waits(1, Timestamp::MIN).is_some());
    }

    #[test]
    fn settings_are_read_as_people_write_them_and_nonsense_is_named() {
        let read = |text: &str| toml::from_str::<OutboxSettings>(text);
        let settings = read("first_wait = \"30s\"\ngive_up_after = \"2 days\"").unwrap();
        assert_eq!(settings.first_wait, SignedDuration::from_secs(30));
        assert_eq!(settings.give_up_after, SignedDuration::from_hours(48));
        assert_eq!(settings.lease, OutboxSettings::default().lease);
        assert!(read("give_up_after = \"1 month\"").is_err());
        assert!(read("give_up = \"1 day\"").is_err());
        assert_eq!(settings.problems(), []);
        let keys = |text: &str| read(text).unwrap().problems().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys("first_wait = \"-1 min\""), ["first_wait"]);
        assert_eq!(keys("longest_wait = \"30s\"\nat_once = 0"), ["longest_wait", "at_once"]);
    }
}

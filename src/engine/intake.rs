//! Taking mails in: read, inquire, look, decide, compose, record. What is recorded is durable when the batch returns.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;

use crate::desk::bounce;
use crate::desk::case::Case;
use crate::desk::decide::decide;
use crate::desk::decision::{Act, Decision, Order, Outbound, Recipient, Understood, Verdict};
use crate::desk::inquiry::{Inquiry, Snapshot};
use crate::desk::known::Asked;
use crate::desk::order;
use crate::desk::policy::Policy;
use crate::desk::recognise;
use crate::desk::trail::Reason;
use crate::engine::delivery::{self, DeadLetter, OutboxSettings};
use crate::mail::authres::MethodResult;
use crate::mail::smime::Signature;
use crate::mail::{Digest, Mail, original, parse};
use crate::proof::smime;
use crate::relay;
use crate::render::compose::compose;
use crate::render::template::Templates;
use crate::source::Incoming;
use crate::store;
use crate::store::{Batch, Letter, MailNumber, OutboxLine, Record, Resolution, Store, StoreError, Taken};

/// What everything here rests on; exchanged as a whole when the configuration is read again.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub policy: &'a Policy,
    pub templates: &'a Templates,
}

impl<'a> Rules<'a> {
    /// The policy with the dialects that the desk has recognised so far.
    pub(super) fn in_force(&self, batch: &Batch<'_>) -> Result<Cow<'a, Policy>, StoreError> {
        Ok(recognise::in_force(self.policy, &batch.reader().recognised()?))
    }
}

/// What became of one mail.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub decision: Decision,
    /// The same mail had been taken before.
    pub duplicate: bool,
    /// Its number in the store, where it was told.
    pub number: Option<MailNumber>,
}

impl Outcome {
    /// The reason to show beside the verdict: the last that was found.
    pub fn reason(&self) -> String {
        self.decision.trail.last().map(ToString::to_string).unwrap_or_default()
    }
}

/// Takes a batch of mails: all of it is durable, or an error says why none of it is.
pub fn take(
    rules: Rules<'_>,
    store: &mut Store,
    mails: &[Incoming],
    now: Timestamp,
) -> Result<Vec<Outcome>, StoreError> {
    take_noting(rules, store, mails, now, || {})
}

/// The same for who wants to know when all is decided and only the commit is left.
pub fn take_noting(
    rules: Rules<'_>,
    store: &mut Store,
    mails: &[Incoming],
    now: Timestamp,
    decided: impl FnOnce(),
) -> Result<Vec<Outcome>, StoreError> {
    // Reading needs no store and takes most of the time, so it is done before the transaction begins.
    let read: Vec<Option<Mail>> = mails.iter().map(|incoming| read(rules.policy, incoming)).collect();
    store.batch(|batch| {
        let mut policy = rules.in_force(batch)?;
        let mut outcomes = Vec::with_capacity(mails.len());
        for (incoming, mail) in mails.iter().zip(&read) {
            let outcome = take_one(Rules { policy: &policy, ..rules }, batch, incoming, mail.as_ref(), now)?;
            if outcome.decision.teaches() {
                policy = rules.in_force(batch)?;
            }
            outcomes.push(outcome);
        }
        decided();
        Ok(outcomes)
    })
}

/// Reads one mail; `None` where the reader panicked.
fn read(policy: &Policy, incoming: &Incoming) -> Option<Mail> {
    catch_unwind(|| {
        let mut mail = read_bytes(policy, &incoming.raw, &incoming.checked);
        // Where the door knows the envelope, headers need not tell; both may carry a token.
        mail.recipients.splice(0..0, incoming.recipients.iter().cloned());
        mail
    })
    .ok()
}

/// Reads a mail, and where it is signed as a whole the text that is signed: what was found out about its signatures is
/// about that text. What was signed once is one mail, whatever author, subject and Message-ID it is sent with.
pub fn read_bytes(policy: &Policy, raw: &[u8], checked: &[MethodResult]) -> Mail {
    let mail = parse::parse(&smime::opened(raw), &policy.desk.read_limits);
    let original = original::of(raw, &mail.text);
    let signed_once = Signature::of(checked).signer().and_then(|signer| signer.print.clone());
    let fingerprint = signed_once.or(mail.fingerprint);
    Mail { digest: parse::digest(raw), size: raw.len(), checked: checked.to_vec(), original, fingerprint, ..mail }
}

fn take_one(
    rules: Rules<'_>,
    batch: &mut Batch<'_>,
    incoming: &Incoming,
    mail: Option<&Mail>,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let tried = match mail {
        Some(mail) => batch.item(|batch| {
            let attempt = catch_unwind(AssertUnwindSafe(|| decide_one(rules, batch, incoming, mail, now)));
            attempt.map_err(|_| Failed::Poison)?.map_err(Failed::from)
        })?,
        None => Err(Failed::Poison),
    };
    match tried {
        Ok(outcome) => Ok(outcome),
        Err(Failed::Store(error)) => Err(error),
        Err(Failed::Poison) => poison(rules, batch, incoming, mail, now),
    }
}

/// Why nothing was decided about a mail, or a ticket whose timer is due.
pub(super) enum Failed {
    /// The code panicked over it, or the store refuses what came of it: no other is concerned.
    Poison,
    /// The store can't take anything.
    Store(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        if error.concerns_one_call() { Self::Poison } else { Self::Store(error) }
    }
}

fn decide_one(
    rules: Rules<'_>,
    batch: &mut Batch<'_>,
    incoming: &Incoming,
    mail: &Mail,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let Decided { decision, body_print, duplicate } = decide_about(rules.policy, batch, mail, now, |inquiry| inquiry)?;
    // The same bytes are only noted; the same mail in other bytes is kept, since what was added on its way may matter.
    let known = if duplicate { batch.sighting(&incoming.identity, &mail.digest, now)? } else { None };
    let number = match known {
        Some(known) => Some(known),
        None => record(rules, batch, Some(taken(incoming, mail, body_print.as_ref())), &decision, now)?,
    };
    Ok(Outcome { decision, duplicate, number })
}

/// A mail, decided about.
struct Decided {
    decision: Decision,
    body_print: Option<Digest>,
    /// The same mail had been taken before.
    duplicate: bool,
}

impl Decided {
    fn of(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot, now: Timestamp) -> Self {
        let decision = decide(policy, case, snapshot, now);
        Self { decision, body_print: case.body_print(), duplicate: snapshot.prior.is_some() }
    }
}

/// Reads a mail and decides about it. One that teaches which dialect its unit writes is read again, in that dialect.
fn decide_about(
    policy: &Policy,
    batch: &mut Batch<'_>,
    mail: &Mail,
    now: Timestamp,
    ask: impl Fn(Inquiry) -> Inquiry,
) -> Result<Decided, StoreError> {
    let case = Case::read(policy, mail);
    let snapshot = batch.look(&ask(case.inquiry(policy, now)))?;
    let Some(lesson) = recognise::lesson(policy, &case, &snapshot, now) else {
        return Ok(Decided::of(policy, &case, &snapshot, now));
    };
    let policy = &*lesson.applied(policy);
    let case = Case::read(policy, mail);
    let snapshot = batch.look(&ask(case.inquiry(policy, now)))?;
    let mut decided = Decided::of(policy, &case, &snapshot, now);
    lesson.noted_in(&mut decided.decision);
    Ok(decided)
}

fn taken<'a>(incoming: &'a Incoming, mail: &'a Mail, body_print: Option<&'a Digest>) -> Taken<'a> {
    Taken {
        source: &incoming.source,
        identity: &incoming.identity,
        raw: &incoming.raw,
        mail,
        body_print,
        sender: mail.sender(),
    }
}

/// Composes the mails of a decision and keeps all of it. The number of the mail, where there is one.
pub(super) fn record(
    rules: Rules<'_>,
    batch: &mut Batch<'_>,
    taken: Option<Taken<'_>>,
    decision: &Decision,
    now: Timestamp,
) -> Result<Option<MailNumber>, StoreError> {
    with_letters(rules, decision, now, |letters| batch.record(&Record { now, taken, decision, letters }))
}

/// Composes the mails of a decision and hands them on, in their order.
fn with_letters<T>(rules: Rules<'_>, decision: &Decision, now: Timestamp, then: impl FnOnce(&[Letter<'_>]) -> T) -> T {
    let bytes: Vec<Vec<u8>> = decision.outbound.iter().map(|outbound| written(rules, outbound, now)).collect();
    let pairs = decision.outbound.iter().zip(&bytes);
    let due = |outbound: &Outbound| if outbound.parked.is_some() { store::UNTIL_RELEASED } else { now };
    let letters: Vec<Letter<'_>> =
        pairs.map(|(outbound, bytes)| Letter { outbound, bytes, due: due(outbound) }).collect();
    then(&letters)
}

/// The bytes of a mail: the same for the same decision.
pub fn written(rules: Rules<'_>, outbound: &Outbound, now: Timestamp) -> Vec<u8> {
    let body = rules.templates.fill(outbound.template, outbound.language, &outbound.words);
    compose(outbound, &body, &rules.policy.desk, now)
}

/// Keeps the bytes of a mail that nothing could be made of, for a person.
fn poison(
    rules: Rules<'_>,
    batch: &mut Batch<'_>,
    incoming: &Incoming,
    mail: Option<&Mail>,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let because = "the gateway failed over this mail, please report it with its bytes".to_owned();
    let decision = Decision {
        trail: vec![Reason::Quarantined { because }],
        understood: Understood { checked: incoming.checked.clone(), ..Understood::default() },
        ..Decision::nothing(Verdict::Quarantine)
    };
    let bare;
    let mail = match mail {
        Some(mail) => mail,
        None => {
            // Nothing of it is looked at but its bytes, of which a digest is made.
            bare = Mail::unread(&incoming.raw);
            &bare
        }
    };
    let known = Inquiry { digest: Some(mail.digest.clone()), ..Inquiry::default() };
    let duplicate = batch.look(&known)?.prior.is_some();
    let number =
        if duplicate { None } else { record(rules, batch, Some(taken(incoming, mail, None)), &decision, now)? };
    Ok(Outcome { decision, duplicate, number })
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The desk refuses; the text says why and what can be done instead.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries out a person's order.
pub fn order(rules: Rules<'_>, store: &mut Store, order: &Order, now: Timestamp) -> Result<Decision, OrderError> {
    let answer = store.batch(|batch| {
        let gives = matches!(order.act, Act::Assign { .. }) && rules.policy.limits.known_solutions > 0;
        let known = gives.then_some(Asked::OfTicket);
        let tickets = order.act.other().into_iter().chain([order.ticket]).collect();
        let inquiry = Inquiry { tickets, known, ..Inquiry::default() };
        let snapshot = batch.look(&inquiry)?;
        let policy = rules.in_force(batch)?;
        match order::decide(&policy, order, &snapshot, now) {
            Ok(decision) => record(rules, batch, None, &decision, now).map(|_| Ok(decision)),
            Err(refusal) => Ok(Err(refusal)),
        }
    })?;
    answer.map_err(OrderError::Refused)
}

/// What the relay said of a row of the outbox.
#[derive(Clone, Debug)]
pub struct Answer {
    pub line: OutboxLine,
    pub outcome: relay::Outcome,
}

/// Settles rows of the outbox by what the relay said, in one transaction. Of a mail that was given up the ticket learns,
/// and operators are told. For each, whether its row is dead now, or why its answer alone can't be kept.
pub fn settle(
    rules: Rules<'_>,
    store: &mut Store,
    answers: &[Answer],
    now: Timestamp,
    settings: &OutboxSettings,
) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
    let settle_one = |batch: &mut Batch<'_>, Answer { line, outcome }: &Answer| match delivery::settle(
        batch, line, outcome, now, settings,
    )? {
        Some(dead) => bury(rules, batch, &dead, now).map(|()| true),
        None => Ok(false),
    };
    store.batch(|batch| {
        let one = |answer| match batch.item(|batch| settle_one(batch, answer))? {
            Err(error) if !error.concerns_one_call() => Err(error),
            settled => Ok(settled),
        };
        answers.iter().map(one).collect()
    })
}

fn bury(rules: Rules<'_>, batch: &mut Batch<'_>, dead: &DeadLetter, now: Timestamp) -> Result<(), StoreError> {
    let key = dead.ticket.filter(|_| dead.recipient != Recipient::Operator);
    let inquiry = Inquiry {
        tickets: key.iter().map(|(ticket, _)| *ticket).collect(),
        letters: key.into_iter().collect(),
        hour_ago: now,
        repeats_since: now,
        ..Inquiry::default()
    };
    let snapshot = batch.look(&inquiry)?;
    let policy = rules.in_force(batch)?;
    match bounce::dead_letter(&policy, &snapshot, dead.into(), now) {
        Some(decision) => record(rules, batch, None, &decision, now).map(drop),
        None => Ok(()),
    }
}

/// Decides again about a mail in quarantine, after the configuration or the ticket has changed.
pub fn retry(
    rules: Rules<'_>,
    store: &mut Store,
    number: MailNumber,
    by: &str,
    now: Timestamp,
) -> Result<Decision, StoreError> {
    store.batch(|batch| {
        let Some(kept) = batch.reader().mail(number)? else {
            return Err(StoreError::NotFound { what: format!("mail {number}") });
        };
        let mail = read_bytes(rules.policy, &kept.raw, &kept.understood.checked);
        // The mail itself is in the store: it must not be taken for its own repeat.
        let anew = |inquiry| Inquiry { digest: None, fingerprint: None, body_print: None, ..inquiry };
        let policy = rules.in_force(batch)?;
        let Decided { decision, .. } = decide_about(&policy, batch, &mail, now, anew)?;
        batch.quarantine_resolve(number, Resolution::Retried, by, now)?;
        with_letters(rules, &decision, now, |letters| {
            batch.record_again(number, &Record { now, taken: None, decision: &decision, letters })
        })?;
        Ok(decision)
    })
}

/// Decides about a mail without recording anything: what `explain` shows.
pub fn rehearse(rules: Rules<'_>, store: &mut Store, mail: &Mail, now: Timestamp) -> Result<Decision, StoreError> {
    store.batch(|batch| {
        let policy = rules.in_force(batch)?;
        Ok(decide_about(&policy, batch, mail, now, |inquiry| inquiry)?.decision)
    })
}

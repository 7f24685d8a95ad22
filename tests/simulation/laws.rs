//! What must hold, whatever happens. Each law is told in words when it does not.
//!
//! * A mail that was put away is in the store, with its bytes. One that is in neither place never was.
//! * A mail counts once, however often and by whatever ways it comes: one ticket for each first mail.
//! * Under one Message-ID goes one mail to one recipient, the same bytes each time; and a fact makes one mail for each
//!   whom it concerns.
//! * A mail that is called sent was taken by a relay.
//! * An open ticket is with a unit that was written to, or TPM was told that this failed.
//! * Nobody reads another's internal words, or another helpdesk's ids.
//! * What a ticket leaves to be done in others (slaves, merged ones) is done, whenever the gateway dies.
//! * No fault of a disk is taken for a fault of a mail.

use std::collections::BTreeMap;

use ggus_gateway::desk::decision::{Recipient, Template, Verdict};
use ggus_gateway::desk::event::{Event, Visibility};
use ggus_gateway::desk::ticket::{Ticket, TicketId};
use ggus_gateway::desk::timer::Timer;
use ggus_gateway::engine::intake::Outcome;
use ggus_gateway::mail::Mail;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::store::{EventRow, OutboxFilter, OutboxLine, OutboxState};

use crate::gateway::{Gateway, Lying, Plant};
use crate::people::Secret;
use crate::world::World;

/// `Err`: a law that does not hold, and why.
pub type Law = Result<(), String>;

/// Rows that are looked at in a listing; a seed has fewer.
const ALL: usize = 100_000;

pub fn that(holds: bool, why: impl FnOnce() -> String) -> Law {
    if holds { Ok(()) } else { Err(why()) }
}

/// What became of some mails, for the list of steps.
pub fn told(mails: &[Lying], outcomes: &[Outcome]) -> String {
    let one = |(mail, outcome): (&Lying, &Outcome)| {
        let ticket = outcome.decision.ticket.as_ref().map(|ticket| format!(" {}, {}", ticket.id, ticket.status));
        format!("{} ({}{})", mail.number, outcome.decision.verdict.word(), ticket.unwrap_or_default())
    };
    mails.iter().zip(outcomes).map(one).collect::<Vec<_>>().join(", ")
}

/// Whether the store has each of these mails.
pub fn kept(world: &mut World, at: usize, mails: &[Lying]) -> Vec<bool> {
    let store = world.gateways[at].store();
    let is_kept = |mail: &Lying| store.reader().mail_by_digest(&Mail::unread(&mail.raw).digest).unwrap().is_some();
    mails.iter().map(is_kept).collect()
}

/// A mail that the code fails over goes to quarantine; none here may make it fail.
pub fn taken(outcome: &Outcome) -> Law {
    let reason = outcome.reason();
    that(!reason.contains("the gateway failed"), || reason)
}

/// No other party's secrets stand in a mail. Whoever triages may read all of them.
pub fn secrecy(plant: &Plant, line: &OutboxLine, bytes: &[u8], secrets: &[Secret]) -> Law {
    match &line.recipient {
        Recipient::Operator => return Ok(()),
        Recipient::Unit(unit) if plant.is_triage(&unit.0) => return Ok(()),
        _ => {}
    }
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    if text.contains("multipart/") {
        let mail = parse(bytes, &ReadLimits::default());
        mail.attachments.iter().for_each(|attached| text.push_str(&String::from_utf8_lossy(&attached.bytes)));
    }
    let to = line.to.as_str();
    let read = secrets.iter().find(|secret| secret.owner != to && text.contains(&secret.text));
    let why = |secret: &Secret| format!("{to} reads {} of {}, in:\n{text}", secret.text, secret.owner);
    read.map_or(Ok(()), |secret| Err(why(secret)))
}

/// Everything about one ticket.
pub fn ticket(gateway: &mut Gateway, id: TicketId) -> Law {
    let triage = gateway.plant.loaded.policy.default_unit.clone();
    let reader = gateway.store().reader();
    let Some(ticket) = reader.ticket(id).unwrap() else { return Err(format!("ticket {id} is gone")) };
    let facts = reader.history(id, ALL).unwrap();
    let letters = reader.outbox(&OutboxFilter { state: None, ticket: Some(id) }, ALL).unwrap();
    one_mail_for_each_fact(&facts, &letters).map_err(|why| format!("ticket {id}: {why}"))?;
    that(letters.len() <= 6 * facts.len(), || {
        format!("ticket {id}: {} mails for {} facts", letters.len(), facts.len())
    })?;
    for dead in letters.iter().filter(|line| line.state == OutboxState::Dead) {
        is_told(gateway, dead, &facts)?;
    }
    that(!ticket.status.is_open() || is_with_a_unit(&ticket, &letters, &triage.0), || {
        format!("ticket {id} is forgotten: {:?}, {:?}, {letters:#?}", ticket.unit, ticket.legs)
    })
}

fn count(facts: &[EventRow], kind: impl Fn(&Event) -> bool) -> usize {
    facts.iter().filter(|row| kind(&row.event)).count()
}

fn one_mail_for_each_fact(facts: &[EventRow], letters: &[OutboxLine]) -> Law {
    let mut written: BTreeMap<(Template, &Recipient, &str), usize> = BTreeMap::new();
    for line in letters {
        *written.entry((line.template, &line.recipient, line.to.as_str())).or_default() += 1;
    }
    for ((template, recipient, to), mails) in &written {
        let most = facts_behind(*template, recipient, facts);
        that(*mails <= most, || format!("{mails} mails {template:?} to {to} for {most} facts"))?;
    }
    // These are never held back, and always go to the submitter.
    for (template, name) in
        [(Template::Solution, "solved"), (Template::Unsolved, "unsolved"), (Template::Question, "asked")]
    {
        let mails =
            letters.iter().filter(|line| line.template == template && line.recipient == Recipient::User).count();
        let wanted = facts_behind(template, &Recipient::User, facts);
        that(mails == wanted, || format!("{wanted} times {name}, {mails} mails say so"))?;
    }
    for row in facts {
        if let Event::Assigned { unit, .. } = &row.event {
            let to = Recipient::Unit(unit.clone());
            let mails =
                letters.iter().filter(|line| line.template == Template::Dispatch && line.recipient == to).count();
            let wanted = facts_behind(Template::Dispatch, &to, facts);
            that(mails == wanted, || format!("{wanted} times given to {unit}, {mails} dispatches"))?;
        }
    }
    Ok(())
}

/// How many facts a kind of mail to one recipient can be about.
fn facts_behind(template: Template, recipient: &Recipient, facts: &[EventRow]) -> usize {
    let is_theirs = |unit: &ggus_gateway::desk::policy::UnitName| *recipient == Recipient::Unit(unit.clone());
    let public = |event: &Event| matches!(event, Event::Commented { visibility: Visibility::Public, .. });
    match template {
        Template::Comment => count(facts, public),
        Template::CommentUnit => {
            let told = |event: &Event| public(event) || matches!(event, Event::Enslaved { .. } | Event::Joined { .. });
            count(facts, told)
        }
        Template::Merged => count(facts, |event| matches!(event, Event::Merged { .. })),
        Template::Dispatch => count(facts, |event| matches!(event, Event::Assigned { unit, .. } if is_theirs(unit))),
        Template::HandoverAcknowledged => {
            count(facts, |event| matches!(event, Event::HandedOver { from, .. } if is_theirs(from)))
        }
        Template::LineNotUnderstood | Template::SolutionTextWanted | Template::TicketEnded => {
            count(facts, |event| matches!(event, Event::Assigned { unit, .. } if is_theirs(unit)))
        }
        Template::Announcement
        | Template::Digest
        | Template::OperatorNotice
        | Template::SiteCopy
        | Template::TriageDigest => 0,
        Template::Question => count(facts, |event| matches!(event, Event::Asked { .. })),
        Template::Alarm => count(facts, |event| matches!(event, Event::AlarmRaised { .. })),
        Template::AlarmReceipt | Template::AlarmRefused | Template::Receipt => 1,
        Template::RefusalAcknowledged => {
            count(facts, |event| matches!(event, Event::Refused { unit, .. } if is_theirs(unit)))
        }
        Template::Reopened | Template::ReopenedUnit => count(facts, |event| matches!(event, Event::Reopened { .. })),
        Template::Solution => count(facts, |event| matches!(event, Event::Solved { .. })),
        Template::SolutionAcknowledged => {
            count(facts, |event| matches!(event, Event::Solved { .. } | Event::Unsolved { .. }))
        }
        Template::Reminder => {
            count(facts, |event| matches!(event, Event::FellDue { .. } | Event::Hurried { .. } | Event::Woke))
        }
        Template::ReplyReminder => count(facts, |event| matches!(event, Event::FellDue { timer: Timer::Reply, .. })),
        Template::Unanswered => count(facts, |event| matches!(event, Event::Unanswered)),
        Template::TestEnded => 1,
        Template::TpmNotice => facts.len(),
        Template::Unsolved => count(facts, |event| matches!(event, Event::Unsolved { .. })),
        Template::Withdrawn => count(facts, |event| matches!(event, Event::Withdrawn { unit } if is_theirs(unit))),
    }
}

/// An open ticket is with a unit that works on it and was written to. Mail to TPM can only fail; then operators know.
fn is_with_a_unit(ticket: &Ticket, letters: &[OutboxLine], triage: &str) -> bool {
    let Some(unit) = &ticket.unit else { return false };
    let to = Recipient::Unit(unit.clone());
    let goes = |line: &OutboxLine| line.state != OutboxState::Dead || unit.0 == triage;
    let was_written_to =
        letters.iter().any(|line| line.template == Template::Dispatch && line.recipient == to && goes(line));
    was_written_to && ticket.leg(unit).is_some_and(|leg| leg.state.is_live())
}

/// A mail that was given up stands in its ticket's history, and operators were told.
fn is_told(gateway: &mut Gateway, dead: &OutboxLine, facts: &[EventRow]) -> Law {
    let stands = facts.iter().any(|row| match &row.event {
        Event::DeliveryFailed { number, .. } => Some(*number) == dead.number,
        Event::Flagged { why } => why.contains(dead.to.as_str()),
        _ => false,
    });
    let name = dead.message_id.to_string().trim_matches(['<', '>']).replace('@', ".");
    let all = gateway.store().reader().outbox(&OutboxFilter::default(), ALL).unwrap();
    let told = all.iter().any(|line| line.recipient == Recipient::Operator && line.message_id.as_str().contains(&name));
    that(stands && told, || format!("mail {} is dead and nobody knows (history {stands}, operators {told})", dead.id))
}

/// Everything about one gateway.
pub fn everything(world: &mut World, at: usize) -> Law {
    for id in world.tickets(at) {
        ticket(&mut world.gateways[at], id)?;
    }
    let reader = world.gateways[at].store.as_ref().map(|store| store.reader()).expect("a gateway runs");
    let mut opened = 0;
    for (number, mail) in world.sent.iter().enumerate() {
        let mut counted = 0;
        for ((_, digest), put_away) in mail.copies.iter().filter(|((home, _), _)| *home == at) {
            let kept = reader.mail_by_digest(digest).unwrap();
            that(kept.is_some() || !put_away, || format!("mail {number} is lost"))?;
            let Some(kept) = kept else { continue };
            let verdict = reader.mail(kept).unwrap().map(|mail| mail.line.verdict);
            counted += usize::from(verdict != Some(Verdict::Absorb));
            opened += usize::from(verdict == Some(Verdict::Open));
        }
        that(counted <= 1, || format!("mail {number} counts {counted} times"))?;
    }
    let tickets = world.tickets(at).len();
    that(opened == tickets, || format!("{opened} mails opened {tickets} tickets"))
}

/// Nothing is under way any more, and nothing was forgotten on the way.
pub fn at_rest(world: &mut World, at: usize) -> Law {
    that(world.gateways[at].mailbox.lying.is_empty(), || "mail lies in the mailbox".to_owned())?;
    let reader = world.gateways[at].store.as_ref().map(|store| store.reader()).expect("a gateway runs");
    for line in reader.outbox(&OutboxFilter::default(), ALL).unwrap() {
        let is_settled = matches!(line.state, OutboxState::Sent | OutboxState::Dead);
        that(is_settled, || format!("mail {} is {} at the end", line.id, line.state.word()))?;
        let was_relayed = world.relayed.contains(&(at, line.message_id.to_string(), line.to.to_string()));
        that(line.state == OutboxState::Dead || was_relayed, || format!("mail {} is lost on its way out", line.id))?;
    }
    for (number, mail) in world.sent.iter().enumerate().filter(|(_, mail)| mail.is_root) {
        let verdict = |digest| reader.mail_by_digest(digest).unwrap().and_then(|kept| reader.mail(kept).unwrap());
        let copies: Vec<_> =
            mail.copies.keys().filter(|(home, _)| *home == at).filter_map(|(_, d)| verdict(d)).collect();
        let opened = copies.iter().filter(|mail| mail.line.verdict == Verdict::Open).count();
        that(copies.is_empty() || opened == 1, || format!("mail {number} opened {opened} tickets"))?;
    }
    reader.check_integrity().map_err(|error| error.to_string())
}

/// What a ticket leaves to be done in others is done: no slave waits for a master that has ended, and the people of a merged
/// ticket are in the one that goes on.
pub fn bonds(world: &mut World, at: usize) -> Law {
    let now = world.now;
    while !world.gateways[at].store().batch(|batch| batch.roused(now, 1)).unwrap().is_empty() {
        world.gateways[at].timers(now).map_err(|error| error.to_string())?;
    }
    for id in world.tickets(at) {
        let reader = world.gateways[at].store().reader();
        let ticket = reader.ticket(id).unwrap().unwrap();
        let other = |id: Option<TicketId>| id.and_then(|id| reader.ticket(id).unwrap());
        if let Some(master) = other(ticket.master).filter(|_| ticket.status.is_open()) {
            that(master.status.is_open(), || {
                format!("ticket {id} waits for {}, which is {}", master.id, master.status)
            })?;
        }
        if let Some(survivor) = other(ticket.merged_into) {
            let there = survivor.absorbed.contains(&id)
                && (survivor.submitter.is(&ticket.submitter.address)
                    || survivor.joined.iter().any(|person| person.is(&ticket.submitter.address)));
            that(there, || format!("ticket {id} was merged into {}, which does not know", survivor.id))?;
        }
        self::ticket(&mut world.gateways[at], id)?;
    }
    Ok(())
}

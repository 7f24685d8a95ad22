//! Operational tickets (OPS): the operators on duty open them straight to the unit behind a site, by the command line or by
//! the mail of a monitoring system. An alarm that comes again while its ticket is open is added to it; one that is cleared
//! ends it. Its four steps are timers; who hears of them is said in [`tell`](super::timer::tell).

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::case::Case;
use super::decision::{Decision, Understood, Verdict};
use super::draft::Draft;
use super::event::{Actor, Event, Visibility};
use super::guard;
use super::inquiry::Snapshot;
use super::monitor::{Sighting, Watched};
use super::open;
use super::policy::{Policy, UnitName};
use super::speak;
use super::ticket::{Solution, Status, Submitter, Ticket, TicketId, TicketType};
use super::title;
use super::trail::{Proof, Reason};
use super::user;
use crate::mail::Address;

/// What an operator opens at the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    pub site: Option<String>,
    /// Instead of the one behind the site.
    pub unit: Option<UnitName>,
    pub subject: String,
    pub text: String,
    /// What a monitoring system watches there, so that its mails find the ticket.
    pub check: Option<String>,
    pub node: Option<String>,
}

impl Opening {
    /// What is watched, where it is named.
    pub fn watched(&self) -> Option<Watched> {
        let Self { check, node, site, .. } = self;
        let watched = Watched { check: check.clone(), node: node.clone(), site: site.clone(), cleared: None };
        (check.is_some() || node.is_some()).then_some(watched)
    }
}

/// Opens one for an operator; the error says why that can't be, and what to do.
pub fn open(
    policy: &Policy,
    opening: &Opening,
    by: &str,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Decision, String> {
    let site = match &opening.site {
        Some(name) => {
            let known = policy.sites.find(name);
            Some(known.ok_or_else(|| format!("site {name} does not exist, `unit list` shows those that do"))?)
        }
        None => None,
    };
    let unit = opening.unit.clone().or(site.map(|site| site.unit.clone()));
    let unit = unit.ok_or("an operational ticket goes to a unit, name one by --unit or --site")?;
    if !policy.units.contains_key(&unit) {
        return Err(format!("unit {unit} does not exist, `unit list` shows those that do"));
    }
    let Some(operator) = policy.desk.operators.first() else {
        return Err("desk.operators names nobody who could hear of the end, add an address there".to_owned());
    };
    if let Some(id) = watched_by(snapshot).filter(|ticket| ticket.status.is_open()).map(|ticket| ticket.id) {
        return Err(format!("ticket {id} is open about this already, `ticket show {id}` shows it"));
    }
    let (subject, full) = title::title(&policy.desk.tags, &opening.subject, &opening.text);
    let text = full.into_iter().chain([opening.text.clone()]).collect::<Vec<_>>().join("\n\n");
    let submitter = submitter(policy, operator);
    let ticket = Ticket {
        kind: TicketType::Ops,
        site: site.map(|site| site.name.clone()),
        watched: opening.watched(),
        ..Ticket::new(snapshot.next_ticket, submitter, subject, text, now)
    };
    let mut draft = Draft::new(policy, snapshot, ticket, now);
    let actor = Actor::Operator(by.to_owned());
    draft.fact(&actor, Event::Opened);
    draft.assign(&actor, &unit, &format!("operator {by}"));
    let understood = Understood { ticket: Some(draft.ticket.id), ..Understood::default() };
    Ok(draft.finish(Verdict::Open, understood))
}

/// Ends one whose alarm is over, by whoever says so.
pub fn clear(draft: &mut Draft<'_>, actor: &Actor, by: &str, text: &str) {
    let now = draft.now;
    if let Some(watched) = &mut draft.ticket.watched {
        watched.cleared = Some(now);
    }
    draft.end(Status::Solved, Solution { short: None, text: text.to_owned(), by: by.to_owned(), at: now });
    draft.end_legs();
    draft.fact(actor, Event::Solved { text: text.to_owned() });
}

/// What becomes of a monitoring system's mail; `None` where it is none.
pub fn decide(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot, now: Timestamp) -> Option<Decision> {
    let sighting = case.sighting.as_ref()?;
    let monitor = sighting.monitor;
    let proof = speak::of_monitor(case, monitor);
    let actor = match proof {
        Proof::None => Actor::Stranger(case.mail.sender().map(ToString::to_string).unwrap_or_default()),
        _ => Actor::Monitor(monitor.name.clone()),
    };
    let what = sighting.watched.words();
    let mut trail = vec![Reason::Sighted { monitor: monitor.name.clone(), what, cleared: sighting.cleared }];
    trail.push(Reason::Speaker { actor: actor.clone(), proof });
    let mut decision = if proof == Proof::None {
        guard::quarantine(&mut trail, "it reads like a monitor's, and nothing proves that it is");
        Decision::nothing(Verdict::Quarantine)
    } else if sighting.cleared {
        cleared(policy, case, snapshot, &actor, now)
    } else {
        raised(policy, case, snapshot, sighting, &actor, now)
    };
    trail.append(&mut decision.trail);
    let ticket = decision.ticket.as_ref().map(|ticket| ticket.id).or(decision.understood.ticket);
    let understood = Understood {
        ticket,
        speaker: Some((actor, proof)),
        text: case.prose().to_owned(),
        checked: case.mail.checked.clone(),
        ..Understood::default()
    };
    Some(Decision { trail, understood, ..decision })
}

fn watched_by(snapshot: &Snapshot) -> Option<&Ticket> {
    snapshot.tickets.get(&snapshot.watched?)
}

/// The ticket that an alarm belongs to: an open one, or one that was ended while the alarm stood.
fn raised(
    policy: &Policy,
    case: &Case<'_>,
    snapshot: &Snapshot,
    sighting: &Sighting<'_>,
    actor: &Actor,
    now: Timestamp,
) -> Decision {
    let known = watched_by(snapshot);
    let stands = |ticket: &&Ticket| {
        let cleared = ticket.watched.as_ref().is_some_and(|watched| watched.cleared.is_some());
        ticket.status.is_open() || !cleared && !user::is_past(policy, ticket, now)
    };
    let Some(ticket) = known.filter(stands) else {
        let related = known.map(|ticket| ticket.id).into_iter().collect();
        return opened(policy, case, snapshot, sighting, actor, related, now);
    };
    if snapshot.repeats.contains(&ticket.id) && ticket.status.is_open() {
        let understood = Understood { ticket: Some(ticket.id), ..Understood::default() };
        return Decision { trail: vec![Reason::Repeated], understood, ..Decision::nothing(Verdict::Absorb) };
    }
    let mut draft = Draft::new(policy, snapshot, ticket.clone(), now);
    draft.case = Some(case);
    if draft.ticket.status.is_open() {
        draft.keep_status("the alarm was known");
        draft.keep(actor, Visibility::Internal, words(case));
    } else {
        draft.reopen();
        draft.fact(actor, Event::Reopened { text: words(case).to_owned() });
    }
    draft.finish(Verdict::Append, Understood::default())
}

fn cleared(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot, actor: &Actor, now: Timestamp) -> Decision {
    let changes = |ticket: &&Ticket| !ticket.status.is_final() && ticket.redacted.is_none();
    let Some(ticket) = watched_by(snapshot).filter(changes) else {
        let because = "no ticket is open about it".to_owned();
        return Decision { trail: vec![Reason::NotAnswered { because }], ..Decision::nothing(Verdict::Absorb) };
    };
    let mut draft = Draft::new(policy, snapshot, ticket.clone(), now);
    draft.case = Some(case);
    if draft.ticket.status.is_open() {
        clear(&mut draft, actor, &actor_name(actor), &format!("The alarm is cleared: {}", case.mail.subject.trim()));
    } else {
        draft.keep_status("it has ended already");
        draft.note(format!("The alarm is cleared, says {}.", actor_name(actor)));
        if let Some(watched) = &mut draft.ticket.watched {
            watched.cleared.get_or_insert(now);
        }
    }
    draft.finish(Verdict::Append, Understood::default())
}

fn opened(
    policy: &Policy,
    case: &Case<'_>,
    snapshot: &Snapshot,
    sighting: &Sighting<'_>,
    actor: &Actor,
    related: BTreeSet<TicketId>,
    now: Timestamp,
) -> Decision {
    let (subject, full) = title::title(&policy.desk.tags, &case.mail.subject, case.prose());
    let text = full.into_iter().chain([case.mail.text.trim().to_owned()]).collect::<Vec<_>>().join("\n\n");
    let hears = policy.desk.operators.first().or(case.mail.sender()).unwrap_or(&policy.desk.address);
    let watched = sighting.watched.clone();
    let site = watched.site.as_ref().and_then(|name| policy.sites.find(name));
    let ticket = Ticket {
        related,
        watched: Some(watched.clone()),
        ..Ticket::new(snapshot.next_ticket, submitter(policy, hears), subject, text, now)
    };
    let mut draft = Draft::new(policy, snapshot, ticket, now);
    draft.case = Some(case);
    draft.fact(actor, Event::Opened);
    for other in draft.ticket.related.clone() {
        draft.fact(actor, Event::Related { to: other });
    }
    open::fields(&mut draft, case);
    draft.ticket.kind = TicketType::Ops;
    draft.ticket.site = site.map(|site| site.name.clone()).or(draft.ticket.site.take());
    let behind = draft.ticket.site.as_ref().and_then(|name| policy.sites.find(name)).map(|site| site.unit.clone());
    match (behind, watched.site) {
        (Some(unit), _) => draft.assign(actor, &unit, &actor_name(actor)),
        (None, named) => {
            let named = named.map_or_else(|| "no site".to_owned(), |name| format!("the unknown site {name:?}"));
            draft.flag(format!("The alarm names {named}."));
            draft.assign(actor, &policy.default_unit, "the default unit");
        }
    }
    draft.finish(Verdict::Open, Understood::default())
}

/// What the mail says: its text, or its subject where that is all.
fn words<'a>(case: &'a Case<'_>) -> &'a str {
    let text = case.prose();
    if text.is_empty() { case.mail.subject.trim() } else { text }
}

fn actor_name(actor: &Actor) -> String {
    match actor {
        Actor::Monitor(name) => format!("monitor {name}"),
        _ => String::new(),
    }
}

/// Who brings an operational ticket, and hears of its end: the operators on duty.
fn submitter(policy: &Policy, address: &Address) -> Submitter {
    Submitter {
        address: address.clone(),
        answers_to: None,
        name: None,
        login_name: None,
        phone: None,
        thread: Vec::new(),
        language: policy.desk.language,
    }
}

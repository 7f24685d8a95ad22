//! Matching: which ticket a mail is about (protocol section 3). It finds; it grants nothing.

use std::collections::BTreeSet;

use super::case::Case;
use super::inquiry::Snapshot;
use super::policy::Policy;
use super::tag::{AddressTag, Party};
use super::ticket::{Ticket, TicketId};
use super::trail::{KeyKind, Reason};
use crate::mail::form::{Field, FormNote};

/// What the keys say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Tickets found, each with its strongest key, strongest first.
    pub found: Vec<(KeyKind, TicketId)>,
    /// The parties whose reply token the mail carries.
    pub tokens: Vec<(TicketId, Party)>,
    /// The keys contradict each other: why.
    pub contradiction: Option<String>,
    pub trail: Vec<Reason>,
}

impl Match {
    /// The strongest key and its ticket.
    pub fn strongest(&self) -> Option<(KeyKind, TicketId)> {
        self.found.first().copied()
    }

    /// Other tickets that weaker keys name.
    pub fn others(&self) -> BTreeSet<TicketId> {
        let first = self.strongest().map(|(_, ticket)| ticket);
        self.found.iter().map(|(_, ticket)| *ticket).filter(|ticket| Some(*ticket) != first).collect()
    }
}

impl Match {
    /// What was found of a merged ticket counts for the one that it goes on in.
    pub fn goes_on_in(&mut self, from: TicketId, to: TicketId) {
        let turn = |id: &mut TicketId| {
            if *id == from {
                *id = to;
            }
        };
        self.found.iter_mut().for_each(|(_, id)| turn(id));
        self.tokens.iter_mut().for_each(|(id, _)| turn(id));
        self.found.sort();
        self.found.dedup();
    }
}

/// Looks every key of the case up in the snapshot.
pub fn find(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot) -> Match {
    let mut result = Match::default();
    tokens(policy, case, snapshot, &mut result);
    references(case, snapshot, &mut result);
    let keys = &case.keys;
    if let Some(ticket) = keys.foreign_id.as_ref().and_then(|id| snapshot.foreign_ids.get(id)) {
        add(&mut result, snapshot, KeyKind::ForeignId, *ticket);
    }
    keys.tags.iter().for_each(|ticket| add(&mut result, snapshot, KeyKind::Tag, *ticket));
    keys.blocks.iter().for_each(|ticket| add(&mut result, snapshot, KeyKind::Block, *ticket));
    result.found.sort();
    result.found.dedup();
    result.contradiction = contradiction(case, &result);
    if result.found.is_empty() {
        result.trail.push(Reason::NoKey);
    }
    result
}

fn add(result: &mut Match, snapshot: &Snapshot, key: KeyKind, ticket: TicketId) {
    if !snapshot.tickets.contains_key(&ticket) {
        result.trail.push(Reason::KeyDangling { key, ticket });
        return;
    }
    if !result.found.contains(&(key, ticket)) {
        result.found.push((key, ticket));
        result.trail.push(Reason::KeyFound { key, ticket });
    }
}

fn tokens(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot, result: &mut Match) {
    for token in &case.keys.tokens {
        let party = snapshot.tickets.get(&token.ticket).and_then(|ticket| party_of(policy, case, ticket, token));
        match party {
            // An envelope address proves that a mail of ours was seen, as a Message-ID does, and no more.
            Some(Party::Envelope(_)) => add(result, snapshot, KeyKind::Reference, token.ticket),
            Some(party) => {
                add(result, snapshot, KeyKind::Token, token.ticket);
                result.tokens.push((token.ticket, party));
            }
            None => result.trail.push(Reason::WrongToken { ticket: token.ticket }),
        }
    }
}

/// Whose token it is, of all who ever got one in this ticket.
///
/// Of a redacted ticket the token itself tells: it is its sender's, or nobody's.
fn party_of(policy: &Policy, case: &Case<'_>, ticket: &Ticket, token: &AddressTag) -> Option<Party> {
    if let Some(number) = token.number {
        let party = Party::Envelope(number);
        return policy.desk.keys.verify(&token.token, ticket.id, &party).then_some(party);
    }
    let sender = case.mail.sender().filter(|_| ticket.redacted.is_some());
    let users = std::iter::once(&ticket.submitter.address).chain(&ticket.cc).chain(sender).cloned().map(Party::User);
    let units = ticket.legs.iter().map(|leg| leg.unit.clone()).chain([policy.default_unit.clone()]).map(Party::Unit);
    let joined = ticket.joined.iter().map(|person| Party::User(person.address.clone()));
    let site = ticket.site.iter().cloned().map(Party::Site);
    units.chain(users).chain(joined).chain(site).find(|party| policy.desk.keys.verify(&token.token, ticket.id, party))
}

fn references(case: &Case<'_>, snapshot: &Snapshot, result: &mut Match) {
    // The nearest mail of ours decides; what lies further up a thread may be another ticket that was quoted along.
    if let Some((ticket, _)) = case.keys.answers.first().or(case.keys.ancestors.first()) {
        add(result, snapshot, KeyKind::Reference, *ticket);
        return;
    }
    let known = case.keys.strangers.iter().find_map(|id| snapshot.threads.get(id));
    if let Some(ticket) = known.and_then(|id| snapshot.tickets.get(id)).filter(|ticket| same_matter(case, ticket)) {
        add(result, snapshot, KeyKind::Reference, ticket.id);
    }
}

/// Message-IDs that others made are weak: some programs use one twice. They count for mail of a unit that works on the
/// ticket, and for anybody whose subject still is the ticket's.
fn same_matter(case: &Case<'_>, ticket: &Ticket) -> bool {
    let by_unit = case.unit.is_some_and(|unit| ticket.leg(&unit.name).is_some());
    let subject = super::title::core(&case.mail.subject);
    by_unit || subject.is_empty() || subject.eq_ignore_ascii_case(&super::title::core(&ticket.subject))
}

/// Contradictions that nobody but a person can resolve, whoever sent the mail.
fn contradiction(case: &Case<'_>, result: &Match) -> Option<String> {
    let of = |key: KeyKind| result.found.iter().filter(move |(kind, _)| *kind == key).map(|(_, ticket)| *ticket);
    if of(KeyKind::Tag).count() > 1 {
        return Some("its subject names two tickets".to_owned());
    }
    let twice = |note: &FormNote| matches!(note, FormNote::Twice { field: Field::RequestId, .. });
    if case.form.notes.iter().any(twice) {
        return Some("its form names two tickets".to_owned());
    }
    if of(KeyKind::Token).count() > 1 {
        return Some("its recipient addresses name two tickets".to_owned());
    }
    let tag = of(KeyKind::Tag).next()?;
    let answered = case.keys.answers.first().map(|(ticket, _)| *ticket);
    let strong =
        of(KeyKind::Token).next().or(answered.filter(|ticket| of(KeyKind::Reference).any(|found| found == *ticket)));
    strong
        .filter(|strong| *strong != tag)
        .map(|strong| format!("it answers ticket {strong} and its subject names ticket {tag}"))
}

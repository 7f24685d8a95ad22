//! Who speaks, and what proves it (protocol section 7). A tag grants nothing, a header `From` alone proves nothing.

use super::case::Case;
use super::event::Actor;
use super::matching::Match;
use super::monitor::Monitor;
use super::person::Person;
use super::policy::{Policy, Trust, Unit, UnitName};
use super::tag::Party;
use super::ticket::{Ticket, TicketType};
use super::trail::{KeyKind, Proof, Reason};
use crate::mail::Address;
use crate::mail::authres::Alignment;
use crate::mail::smime::Signature;

/// The part that a sender has in a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Gets copies: may comment, not verify or reopen.
    Copy,
    /// The emergency address that got the alarm, by the site's name: may comment.
    Site(String),
    /// Neither proven nor known.
    Stranger,
    Submitter,
    Unit(UnitName),
}

/// A sender, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    pub role: Role,
    pub proof: Proof,
    /// The address has a part in the ticket, proven or not.
    pub listed: bool,
    pub trail: Vec<Reason>,
}

impl Speaker {
    /// As history names them.
    pub fn actor(&self, case: &Case<'_>) -> Actor {
        match (&self.role, case.mail.sender()) {
            (Role::Unit(unit), _) => Actor::Unit(unit.clone()),
            (Role::Submitter | Role::Copy, Some(address)) => Actor::User(address.clone()),
            (Role::Site(site), _) => Actor::Site(site.clone()),
            (_, Some(address)) => Actor::Stranger(address.to_string()),
            (_, None) => Actor::Stranger("nobody".to_owned()),
        }
    }

    /// Proven by more than its own word.
    pub fn is_strong(&self) -> bool {
        matches!(self.proof, Proof::Token | Proof::Dkim | Proof::AuthenticationResults | Proof::Smime)
    }
}

/// Who speaks on a known ticket.
pub fn on_ticket(policy: &Policy, case: &Case<'_>, found: &Match, ticket: &Ticket) -> Speaker {
    let Some(address) = case.mail.sender() else { return judged(case, Role::Stranger, Proof::None, false) };
    let holds = |party: &Party| found.tokens.iter().any(|(id, owner)| *id == ticket.id && owner == party);
    let unit = case.unit.filter(|unit| has_part(policy, case, ticket, unit));
    let as_unit = unit.map(|unit| {
        let token = holds(&Party::Unit(unit.name.clone()));
        (Role::Unit(unit.name.clone()), proof(case, unit.trust, &unit.signers, token))
    });
    let user = user_role(case, found, ticket, address).map(|role| {
        let token = holds(&Party::User(ticket.submitter.address.clone())) || holds(&Party::User(address.clone()));
        (role, proof(case, policy.desk.submitter_trust, &[], token))
    });
    let site = site_role(policy, ticket, address).map(|site| {
        let token = holds(&Party::Site(site.clone()));
        (Role::Site(site), proof(case, policy.desk.submitter_trust, &[], token))
    });
    // A helpdesk that brought the ticket may also have to work on it: its token says as which it writes; else it works.
    let best = match (as_unit, user) {
        (Some((_, by)), Some(user)) if by != Proof::Token && user.1 == Proof::Token => Some(user),
        (Some(unit), _) => Some(unit),
        (None, user) => user.or(site),
    };
    match best {
        Some((role, Proof::None)) => {
            let mut speaker = judged(case, Role::Stranger, Proof::None, true);
            if let Role::Unit(unit) = role {
                speaker.trail.insert(0, Reason::Unproven { unit });
            }
            speaker
        }
        Some((role, proof)) => judged(case, role, proof, true),
        None => judged(case, Role::Stranger, Proof::None, false),
    }
}

/// Who opens a ticket: a proven unit, or a user.
pub fn on_new(policy: &Policy, case: &Case<'_>) -> Speaker {
    let as_unit = case.unit.map(|unit| (unit, proof(case, unit.trust, &unit.signers, false)));
    match as_unit {
        Some((unit, by)) if by != Proof::None => judged(case, Role::Unit(unit.name.clone()), by, true),
        _ => {
            let mut speaker = judged(case, Role::Submitter, proof(case, policy.desk.submitter_trust, &[], false), true);
            if let Some((unit, _)) = as_unit {
                speaker.trail.insert(0, Reason::Unproven { unit: unit.name.clone() });
            }
            speaker
        }
    }
}

/// What proves that a mail is a monitoring system's.
pub fn of_monitor(case: &Case<'_>, monitor: &Monitor) -> Proof {
    proof(case, monitor.trust, &monitor.signers, false)
}

/// A unit has a part where it holds or held a leg; the triaging unit also where it was asked to look, or gives an order.
fn has_part(policy: &Policy, case: &Case<'_>, ticket: &Ticket, unit: &Unit) -> bool {
    let triaging = unit.name == policy.default_unit && (!ticket.flags.is_empty() || case.orders().next().is_some());
    ticket.leg(&unit.name).is_some() || triaging
}

/// A redacted ticket knows no addresses: who answers a mail of the desk is taken for somebody who got copies, and nothing
/// that they write can change it.
fn user_role(case: &Case<'_>, found: &Match, ticket: &Ticket, address: &Address) -> Option<Role> {
    let brought_it =
        |unit: &Unit| ticket.origin.as_ref().is_some_and(|origin| origin.unit.as_ref() == Some(&unit.name));
    if ticket.submitter.is(address) || case.unit.is_some_and(brought_it) {
        return Some(Role::Submitter);
    }
    let strong = [(KeyKind::Token, ticket.id), (KeyKind::Reference, ticket.id)];
    let answers_it = || ticket.redacted.is_some() && strong.iter().any(|key| found.found.contains(key));
    let joined = || ticket.joined.iter().any(|person| person.is(address));
    (ticket.cc.contains(address) || joined() || answers_it()).then_some(Role::Copy)
}

/// The site that the alarm woke, where the address is the one that was written to.
fn site_role(policy: &Policy, ticket: &Ticket, address: &Address) -> Option<String> {
    let site = ticket.site.as_ref().filter(|_| ticket.kind == TicketType::Alarm)?;
    let site = policy.sites.find(site).filter(|site| site.emergency.as_ref() == Some(address))?;
    Some(site.name.clone())
}

/// The best proof that the policy accepts. A mail with an unclear author is never proven; a failed authentication beats
/// every trust by address.
fn proof(case: &Case<'_>, trust: Trust, signers: &[Person], token: bool) -> Proof {
    let plain = case.mail.author.plain;
    let signed = is_signed(case, signers);
    match (token, trust, case.alignment) {
        _ if !plain => Proof::None,
        (_, Trust::Smime, _) => {
            if signed {
                Proof::Smime
            } else {
                Proof::None
            }
        }
        (true, _, _) => Proof::Token,
        (false, Trust::Dkim | Trust::Address, _) if signed => Proof::Smime,
        (false, Trust::Dkim | Trust::Address, Alignment::Pass) if case.own_alignment == Alignment::Pass => Proof::Dkim,
        (false, Trust::Dkim | Trust::Address, Alignment::Pass) => Proof::AuthenticationResults,
        (false, Trust::Address, Alignment::Unknown) => Proof::Address,
        _ => Proof::None,
    }
}

/// Whether one of these persons has signed the mail; where none is listed, whoever owns the author's address.
fn is_signed(case: &Case<'_>, persons: &[Person]) -> bool {
    let Some(signer) = case.signature.signer() else { return false };
    match persons {
        [] => case.mail.sender().is_some_and(|author| signer.addresses.contains(author)),
        listed => listed.iter().any(|person| person.is(signer)),
    }
}

/// What the trail says of an S/MIME signature.
fn signature(case: &Case<'_>) -> Option<Reason> {
    match (&case.signature, case.mail.sender()) {
        (Signature::Missing, _) => None,
        (Signature::Worthless { because }, _) => Some(Reason::SignatureWorthless { because: because.clone() }),
        (Signature::Valid(signer), Some(author)) if !signer.addresses.contains(author) => {
            Some(Reason::SignedByAnother { by: signer.words(), author: author.to_string() })
        }
        (Signature::Valid(signer), _) => Some(Reason::Signed { by: signer.words() }),
    }
}

fn judged(case: &Case<'_>, role: Role, proof: Proof, listed: bool) -> Speaker {
    let mut speaker = Speaker { role, proof, listed, trail: Vec::new() };
    if case.alignment == Alignment::Fail {
        speaker.trail.push(Reason::AuthenticationFailed);
    }
    speaker.trail.extend(signature(case));
    speaker.trail.push(Reason::Speaker { actor: speaker.actor(case), proof });
    speaker
}

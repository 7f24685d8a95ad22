//! Alarms: who may raise one, and what becomes of the wish. An alarm wakes people, so it needs a person on a list and their
//! S/MIME signature; whatever else asks for one is an ordinary ticket, and its sender is told so.

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::draft::Draft;
use super::event::{Actor, Event};
use super::person::Person;
use super::policy::Policy;
use super::ticket::{Priority, Ticket, TicketType};
use super::trail::Reason;
use crate::mail::form;
use crate::mail::smime::{Signature, Signer};

/// Persons who may raise alarms, everywhere or for some virtual organisations and sites.
#[derive(Clone, Debug)]
pub struct Alarmer {
    pub persons: Vec<Person>,
    /// Empty: for all.
    pub vos: Vec<String>,
    /// Canonical names; empty: all.
    pub sites: Vec<String>,
}

/// Why an alarm is not raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No site is named, or it has no emergency address.
    NoAddress,
    /// Whoever signed it is on no list for this site and this virtual organisation.
    Unlisted,
    Unsigned,
    /// There is a signature that proves nothing, or not the author's.
    Unproven,
}

impl Refusal {
    /// The word that mail templates ask for.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoAddress => "no-address",
            Self::Unlisted => "unlisted",
            Self::Unsigned => "unsigned",
            Self::Unproven => "unproven",
        }
    }

    /// For those who work at the desk.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoAddress => "it names no site that has an emergency address",
            Self::Unlisted => "whoever signed it is not on the list of those who may",
            Self::Unsigned => "it has no S/MIME signature",
            Self::Unproven => "its S/MIME signature does not prove who wrote it",
        }
    }
}

/// Raises the alarm that a new ticket asks for, or makes an ordinary ticket of it that TPM looks at.
pub fn decide(draft: &mut Draft<'_>, case: &Case<'_>) {
    if draft.ticket.kind != TicketType::Alarm {
        return;
    }
    match raised_by(draft.policy, case, &draft.ticket) {
        Ok((site, signer)) => {
            draft.ticket.priority = Priority::TopPriority;
            draft.because(Reason::AlarmRaised { site: site.clone(), by: signer.words() });
            draft.fact(&Actor::Desk, Event::AlarmRaised { site, by: signer.words() });
        }
        Err(why) => {
            draft.ticket.kind = TicketType::User;
            draft.because(Reason::AlarmRefused { because: why.words().to_owned() });
            draft.flag(format!("An alarm was asked for and not raised: {}.", why.words()));
            draft.fact(&Actor::Desk, Event::AlarmRefused { why });
        }
    }
}

/// The site that is woken, and who wakes it.
fn raised_by<'a>(policy: &Policy, case: &'a Case<'_>, ticket: &Ticket) -> Result<(String, &'a Signer), Refusal> {
    let signer = match &case.signature {
        Signature::Missing => return Err(Refusal::Unsigned),
        Signature::Worthless { .. } => return Err(Refusal::Unproven),
        Signature::Valid(signer) => signer,
    };
    let author = case.mail.sender().filter(|_| case.mail.author.plain).ok_or(Refusal::Unproven)?;
    let is_author = signer.addresses.contains(author);
    let may = |alarmer: &&Alarmer| alarmer.is_for(ticket);
    let persons = || policy.alarmers.iter().filter(may).flat_map(|alarmer| &alarmer.persons);
    // A subject names a person whatever address they write from; an address must be the one that they write from.
    let is_listed = |person: &Person| person.is(signer) && (is_author || matches!(person, Person::Subject(_)));
    if !persons().any(is_listed) {
        return Err(if is_author { Refusal::Unlisted } else { Refusal::Unproven });
    }
    let site = ticket.site.as_ref().and_then(|name| policy.sites.find(name));
    let site = site.filter(|site| site.emergency.is_some()).ok_or(Refusal::NoAddress)?;
    Ok((site.name.clone(), signer))
}

impl Alarmer {
    fn is_for(&self, ticket: &Ticket) -> bool {
        let vo = ticket.vo.as_deref().map(form::normalise);
        let of_vo = self.vos.is_empty() || self.vos.iter().any(|listed| Some(form::normalise(listed)) == vo);
        of_vo && (self.sites.is_empty() || ticket.site.as_ref().is_some_and(|site| self.sites.contains(site)))
    }
}

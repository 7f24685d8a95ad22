//! The desk's policy: units, sites, rules, limits. Made by `config` and valid by construction; the desk only reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::alarm::Alarmer;
use super::calendar::{Calendar, WorkTime};
use super::dialect::Dialect;
use super::monitor::Monitor;
use super::person::Person;
use super::route::Rule;
use super::tag::{Keys, Tags};
use super::ticket::Priority;
use super::timer::Clocks;
use super::units::Units;
use crate::mail::Address;
use crate::mail::language::Language;
use crate::mail::parse::ReadLimits;

/// Name of a unit. May hold `/` (`ROC_UK/Ireland`) and never becomes a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitName(pub String);

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for UnitName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// Everything that decisions rest on. A copy shares what may be long: one is made where a dialect was recognised.
#[derive(Clone, Debug)]
pub struct Policy {
    pub desk: Desk,
    pub units: Units,
    /// The unit that triages what no rule routes (TPM).
    pub default_unit: UnitName,
    pub sites: Sites,
    /// In order; the first that holds decides.
    pub rules: Arc<Vec<Rule>>,
    /// Who may raise alarms.
    pub alarmers: Arc<Vec<Alarmer>>,
    /// Whose alarms open operational tickets.
    pub monitors: Arc<Vec<Monitor>>,
    pub limits: Limits,
    pub clocks: Clocks,
    /// Every dialect that a unit may turn out to write.
    pub dialects: Arc<BTreeMap<String, Arc<Dialect>>>,
}

impl Policy {
    /// The units that list an address among their speakers, in the order of their names.
    pub fn units_of<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = &'a Unit> {
        self.units.of(address)
    }
}

/// The desk itself.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The word in the tag: `GGUS` in `[GGUS:57890]`.
    pub name: String,
    /// Display name in `From`.
    pub display_name: String,
    /// The support mailbox.
    pub address: Address,
    /// Other addresses that reach the same mailbox.
    pub aliases: Vec<Address>,
    /// Separator of a tagged recipient address (`support+token@`, RFC 5233); `None` where the mail server has none.
    pub subaddress: Option<char>,
    /// Name of this gateway in its loop header.
    pub instance: String,
    pub language: Language,
    /// When the desk works: days for the user, hours for the triaging unit.
    pub calendar: Calendar,
    /// Told of dead mails, quarantine, and whatever else a person must see.
    pub operators: Vec<Address>,
    /// Senders whose forms may name another submitter (`GHD_E-Mail`).
    pub portals: Vec<AddressPattern>,
    /// authserv-ids whose `Authentication-Results` count (RFC 8601).
    pub trusted_servers: Vec<String>,
    /// The proof that a submitter must give for their own ticket.
    pub submitter_trust: Trust,
    /// Spellings of the known virtual organisations; empty: any.
    pub vos: Vec<String>,
    /// Known types of problem; empty: any.
    pub problem_types: Vec<String>,
    /// Subject tags with the name above.
    pub tags: Tags,
    pub keys: Keys,
    pub read_limits: ReadLimits,
}

impl Desk {
    /// Whether an address is the desk's own mailbox, tagged or not.
    pub fn is_own(&self, address: &Address) -> bool {
        let bare = match self.subaddress {
            Some(separator) => address.local().split(separator).next().unwrap_or_default(),
            None => address.local(),
        };
        let own = std::iter::once(&self.address).chain(&self.aliases);
        own.into_iter().any(|own| own.is_at(address.domain()) && own.local().eq_ignore_ascii_case(bare))
    }

    /// The header that marks our mail, so that it is known when it comes back: `X-GGUS-Loop`.
    pub fn loop_header(&self) -> String {
        format!("X-{}-Loop", self.name)
    }
}

/// What counts as proof that a mail speaks for an address on the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Only a reply token.
    Token,
    /// A reply token, or an aligned DKIM or DMARC pass.
    #[default]
    Dkim,
    /// The address alone, for helpdesks that can do no better.
    Address,
    /// Only an S/MIME signature.
    Smime,
}

/// What a unit's plain reply is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplyMeans {
    /// A comment for nobody but the desk.
    Internal,
    /// A public comment, mailed on to the user.
    #[default]
    Public,
    /// The solution, for helpdesks that answer once and mail nothing on closing.
    Solution,
}

/// A support unit.
#[derive(Clone, Debug)]
pub struct Unit {
    pub name: UnitName,
    /// Where its helpdesk takes mail.
    pub address: Address,
    /// Who else may speak for it; its own address always may.
    pub speakers: Vec<AddressPattern>,
    /// As set; of a unit with `auto` `plain`, until another is recognised.
    pub dialect: Arc<Dialect>,
    /// None is set: it is recognised from the unit's mails.
    pub auto: bool,
    /// The dialect's parameters for this unit: RT's queue tag, OTRS' hook, Jira's project keys.
    pub parameters: BTreeMap<String, String>,
    pub language: Language,
    pub calendar: Calendar,
    /// Until somebody there must have said something, where it is not what the desk grants all.
    pub response: BTreeMap<Priority, WorkTime>,
    pub trust: Trust,
    /// Whose S/MIME signatures count; empty: of whoever owns the author's address.
    pub signers: Vec<Person>,
    pub reply: ReplyMeans,
    /// Whether its mail without any key opens a ticket.
    pub opens: bool,
    /// Who hears when the unit does not.
    pub escalation: Option<Address>,
    /// Where its digest goes; `None`: it gets none.
    pub digest: Option<Address>,
    /// The ROCs of GOCDB that it stands for, beside one with its name.
    pub rocs: Vec<String>,
}

impl Unit {
    /// Whether an address may stand for this unit. Proof is another matter.
    pub fn lists(&self, address: &Address) -> bool {
        self.address == *address || self.speakers.iter().any(|pattern| pattern.matches(address))
    }
}

/// One address, or all of a domain (`@infn.example`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AddressPattern {
    One(Address),
    /// Domain without the `@`, in lower case.
    Domain(String),
}

impl AddressPattern {
    /// Reads `a@b.example` or `@b.example`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().strip_prefix('@') {
            Some(domain) => Address::parse(&format!("any@{domain}")).map(|_| Self::Domain(domain.to_lowercase())),
            None => Address::parse(text).map(Self::One),
        }
    }

    /// Whether the address is the one, or lies in the domain itself (not below it).
    pub fn matches(&self, address: &Address) -> bool {
        match self {
            Self::One(one) => one == address,
            Self::Domain(domain) => address.is_at(domain),
        }
    }
}

impl TryFrom<String> for AddressPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || format!("{text:?} is no address; write a@b.example, or @b.example for a whole domain");
        Self::parse(&text).ok_or_else(wrong)
    }
}

impl From<AddressPattern> for String {
    fn from(pattern: AddressPattern) -> Self {
        match pattern {
            AddressPattern::One(address) => address.into(),
            AddressPattern::Domain(domain) => format!("@{domain}"),
        }
    }
}

/// A resource centre behind a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Canonical spelling.
    pub name: String,
    pub unit: UnitName,
    /// Gets a copy of each dispatch; off by default.
    pub copy: Option<Address>,
    /// Gets each alarm at once.
    pub emergency: Option<Address>,
    /// Its unit is what GOCDB says; no person gave it one.
    pub imported: bool,
}

/// All sites, found by name or alias without case, with `-`, `_` and blank alike.
///
/// Shared between copies: a policy is copied when the dialect of a unit is recognised, and sites may be many.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    by_key: Arc<BTreeMap<String, Arc<Site>>>,
}

impl Sites {
    /// The spelling under which equal names meet.
    pub fn key(name: &str) -> String {
        let folded = name.trim().to_lowercase().replace(['-', '_'], " ");
        folded.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Adds a site under its name and aliases; the error is the first of them that another site has.
    pub fn add(&mut self, site: Site, aliases: &[String]) -> Result<(), String> {
        let site = Arc::new(site);
        for name in std::iter::once(&site.name).chain(aliases) {
            match self.by_key.get(&Self::key(name)) {
                Some(taken) if taken.name != site.name => return Err(name.clone()),
                _ => drop(Arc::make_mut(&mut self.by_key).insert(Self::key(name), Arc::clone(&site))),
            }
        }
        Ok(())
    }

    /// The site of that name or alias.
    pub fn find(&self, name: &str) -> Option<&Site> {
        self.by_key.get(&Self::key(name)).map(Arc::as_ref)
    }

    /// Every site with each key that finds it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Site)> {
        self.by_key.iter().map(|(key, site)| (key.as_str(), site.as_ref()))
    }
}

/// Bounds on what the desk does by itself.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Automatic answers to one correspondent in an hour.
    pub answers_per_correspondent: u32,
    /// Automatic answers in one ticket in an hour.
    pub answers_per_ticket: u32,
    /// The same text from the same sender on the same ticket within this time is a repeat.
    pub repeat_window: SignedDuration,
    /// Working days in which an ended ticket can be reopened.
    pub reopen_days: u32,
    /// Addresses in copy of one ticket; what is over is left out, and a note says so.
    pub copies: usize,
    /// Solved tickets that a dispatch tells of, where they are about the same problem; 0: none.
    pub known_solutions: usize,
    /// Attachments passed on with one mail, in bytes; what is over is left out, and a note says so.
    pub passed_on_bytes: usize,
    /// Longest description towards a peer that reads the XML form, in characters.
    pub xml_description_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answers_per_correspondent: 10,
            answers_per_ticket: 5,
            repeat_window: SignedDuration::from_hours(24),
            reopen_days: 10,
            copies: 20,
            known_solutions: 3,
            passed_on_bytes: 10 << 20,
            xml_description_chars: 4_000,
        }
    }
}

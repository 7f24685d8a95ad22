//! The trail: why a mail went where it went. A closed list of reasons, in the order in which they were found.
//!
//! `explain` shows it, the store keeps it with the mail, and every reason reads as a sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::Actor;
use super::policy::UnitName;
use super::recognise::Recognised;
use super::ticket::{Status, TicketId};

/// The key that found the ticket, strongest first (protocol section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    Token,
    Reference,
    Tag,
    ForeignId,
    Block,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "reply token",
            Self::Reference => "reference",
            Self::Tag => "subject tag",
            Self::ForeignId => "foreign id",
            Self::Block => "machine block",
        })
    }
}

/// What proved (or did not prove) the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// A reply token of this ticket and this party, together with a listed address.
    Token,
    /// The gateway's own DKIM or DMARC verification.
    Dkim,
    /// A trusted server's `Authentication-Results`.
    AuthenticationResults,
    /// An S/MIME signature of the author or of a listed person.
    Smime,
    /// The address alone, because the policy says so.
    Address,
    /// Nothing.
    None,
}

/// One step of the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Reason {
    /// The same mail was taken before.
    AlreadyTaken,
    /// No address in `From` can be read.
    NoAuthor,
    /// It comes from the desk's own address and carries no key.
    FromOurselves,
    /// It carries our own loop header.
    OwnMailReturned { instance: String },
    /// A mark says that no person wrote it: it is answered by nobody.
    Automatic { mark: String },
    /// A delivery report.
    DeliveryReport { about: Option<String> },
    /// A reply token in a recipient address was wrong.
    WrongToken { ticket: TicketId },
    /// The ticket was merged into another one, where the mail goes.
    GoesOnIn { ticket: TicketId, survivor: TicketId },
    /// A key was found.
    KeyFound { key: KeyKind, ticket: TicketId },
    /// A key whose ticket does not exist: it is text.
    KeyDangling { key: KeyKind, ticket: TicketId },
    /// Keys disagree, and the mail can't say which it means.
    KeysDisagree { tickets: Vec<TicketId> },
    /// No key.
    NoKey,
    /// Who the sender is, and by what.
    Speaker { actor: Actor, proof: Proof },
    /// A DMARC failure was reported by a trusted server: no address is believed.
    AuthenticationFailed,
    /// It bears a good S/MIME signature.
    Signed { by: String },
    /// It bears a good S/MIME signature, and the certificate is not for its author.
    SignedByAnother { by: String, author: String },
    /// It bears an S/MIME signature that proves nothing.
    SignatureWorthless { because: String },
    /// The address may speak for a unit, but nothing proves it.
    Unproven { unit: UnitName },
    /// The sender has no part in the ticket that the mail names.
    NoPart { ticket: TicketId },
    /// What the dialect took the mail for, and by which of its rules.
    DialectSays { dialect: String, kind: String, rule: String },
    /// What is known now of the dialect of a unit for which none is set.
    DialectRecognised { unit: UnitName, recognised: Recognised },
    /// The dialect found the helpdesk's own id.
    ForeignId { unit: UnitName, foreign_id: String },
    /// Control lines were read.
    ControlLine { line: String },
    /// Something strange in a form.
    FormNote { note: String },
    /// Something strange in the mail.
    MailFault { fault: String },
    /// A routing rule, and how it answered.
    Rule { rule: String, holds: bool, because: String },
    /// Where the ticket goes.
    Routed { unit: UnitName, by: String },
    /// A monitoring system's alarm, or its end.
    Sighted { monitor: String, what: String, cleared: bool },
    /// An alarm is raised.
    AlarmRaised { site: String, by: String },
    /// An alarm is asked for, and not raised.
    AlarmRefused { because: String },
    /// The state changes.
    StatusChange { from: Status, to: Status },
    /// The state does not change, and why.
    StatusKept { status: Status, because: String },
    /// A test ticket has nothing to wait for any more.
    ProbeOver,
    /// The ticket has ended.
    TicketEnded { ticket: TicketId, status: Status },
    /// The same text came from the same sender in this ticket before.
    Repeated,
    /// A limit on automatic mail is reached.
    LimitReached { limit: String },
    /// Somebody is not written to, and why.
    NotAnswered { because: String },
    /// The mail cannot be dealt with by a machine.
    Quarantined { because: String },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyTaken => write!(f, "the same mail was taken in before"),
            Self::NoAuthor => write!(f, "no address in From can be read"),
            Self::FromOurselves => write!(f, "it comes from the desk's own address"),
            Self::OwnMailReturned { instance } => write!(f, "it is a mail of gateway {instance} that came back"),
            Self::Automatic { mark } => write!(f, "no person wrote it ({mark}): it gets no automatic answer"),
            Self::DeliveryReport { about: Some(about) } => write!(f, "it reports the delivery of {about}"),
            Self::DeliveryReport { about: None } => write!(f, "it reports a delivery of which the desk knows nothing"),
            Self::WrongToken { ticket } => {
                write!(f, "the reply token for ticket {ticket} in its recipient address is wrong")
            }
            Self::GoesOnIn { ticket, survivor } => write!(f, "ticket {ticket} was merged into ticket {survivor}"),
            Self::KeyFound { key, ticket } => write!(f, "its {key} names ticket {ticket}"),
            Self::KeyDangling { key, ticket } => write!(f, "its {key} names {ticket}, which is no ticket"),
            Self::KeysDisagree { tickets } => {
                let names: Vec<_> = tickets.iter().map(ToString::to_string).collect();
                write!(f, "it names several tickets: {}", names.join(", "))
            }
            Self::ProbeOver => write!(f, "the test is over"),
            Self::NoKey => write!(f, "nothing in it names a ticket"),
            Self::Speaker { actor, proof } => write!(f, "{} ({})", speaker(actor), proven(*proof)),
            Self::AuthenticationFailed => write!(f, "a trusted server saw its authentication fail"),
            Self::Signed { by } => write!(f, "its S/MIME signature is good, and made by {by}"),
            Self::SignedByAnother { by, author } => {
                write!(f, "its S/MIME signature is made by {by}, whose certificate is not for {author}")
            }
            Self::SignatureWorthless { because } => write!(f, "its S/MIME signature proves nothing: {because}"),
            Self::Unproven { unit } => {
                write!(f, "its address may speak for {unit}, but nothing proves that it is theirs")
            }
            Self::NoPart { ticket } => write!(f, "its sender has no part in ticket {ticket}"),
            Self::DialectSays { dialect, kind, rule } => {
                write!(f, "dialect {dialect} reads it as {kind} (rule {rule})")
            }
            Self::DialectRecognised { unit, recognised } => write!(f, "{unit} {}", recognised.words()),
            Self::ForeignId { unit, foreign_id } => write!(f, "{unit} calls the ticket {foreign_id}"),
            Self::ControlLine { line } => write!(f, "control line: {line}"),
            Self::FormNote { note } => write!(f, "form: {note}"),
            Self::MailFault { fault } => write!(f, "mail: {fault}"),
            Self::Rule { rule, holds, because } => {
                write!(f, "rule {rule} {}: {because}", if *holds { "holds" } else { "does not hold" })
            }
            Self::Routed { unit, by } => write!(f, "it goes to {unit}, by {by}"),
            Self::Sighted { monitor, what, cleared: false } => write!(f, "it is an alarm of {monitor}: {what}"),
            Self::Sighted { monitor, what, cleared: true } => {
                write!(f, "it says that an alarm of {monitor} is cleared: {what}")
            }
            Self::AlarmRaised { site, by } => write!(f, "it is an alarm for {site}, raised by {by}"),
            Self::AlarmRefused { because } => write!(f, "it asks for an alarm, and none is raised: {because}"),
            Self::StatusChange { from, to } => write!(f, "status: {from} becomes {to}"),
            Self::StatusKept { status, because } => write!(f, "status stays {status}: {because}"),
            Self::TicketEnded { ticket, status } => write!(f, "ticket {ticket} is {status}"),
            Self::Repeated => write!(f, "the same text came from the same sender before"),
            Self::LimitReached { limit } => write!(f, "limit reached: {limit}"),
            Self::NotAnswered { because } => write!(f, "no answer: {because}"),
            Self::Quarantined { because } => write!(f, "quarantine: {because}"),
        }
    }
}

fn speaker(actor: &Actor) -> String {
    match actor {
        Actor::Desk => "the desk itself".to_owned(),
        Actor::Monitor(name) => format!("it speaks for the monitor {name}"),
        Actor::Operator(name) => format!("operator {name}"),
        Actor::Site(site) => format!("it is {site}'s, from its emergency address"),
        Actor::Stranger(who) => format!("{who} speaks for nobody known here"),
        Actor::Unit(unit) => format!("it speaks for {unit}"),
        Actor::User(address) => format!("it is {address}'s"),
    }
}

fn proven(proof: Proof) -> &'static str {
    match proof {
        Proof::Token => "proven by its reply token",
        Proof::Dkim => "proven by DKIM",
        Proof::AuthenticationResults => "proven by a trusted server's Authentication-Results",
        Proof::Smime => "proven by its S/MIME signature",
        Proof::Address => "its address is believed, as the policy says",
        Proof::None => "unproven",
    }
}

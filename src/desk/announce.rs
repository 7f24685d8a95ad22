//! Announcements: one mail of the desk's people to many units. People wrote it, so it has no automatic marks, and people
//! get the answers: it is about no ticket.

use super::decision::{Outbound, Recipient, Template, Words};
use super::policy::{Policy, Unit};
use crate::mail::MessageId;
use crate::mail::language::Language;

/// The mail to a unit. `name` is the announcement's own: the same name is the same mail, so a unit gets it once.
pub fn letter(policy: &Policy, unit: &Unit, name: &str, subject: &str, body: &str) -> Outbound {
    let desk = &policy.desk;
    let people = desk.operators.first().unwrap_or(&desk.address);
    Outbound {
        ticket: None,
        recipient: Recipient::Unit(unit.name.clone()),
        to: unit.address.clone(),
        to_name: None,
        template: Template::Announcement,
        language: Language::En,
        subject: subject.to_owned(),
        words: Words { text: body.to_owned(), ..words(policy, unit) },
        message_id: message_id(policy, "announcement", unit, name),
        in_reply_to: None,
        references: Vec::new(),
        reply_to: Some(people.clone()),
        envelope_sender: Some(people.clone()),
        automatic: None,
        headers: Vec::new(),
        leave_out: Vec::new(),
        attachments: Vec::new(),
        parked: None,
    }
}

/// The same for the same name at the same unit.
pub(super) fn message_id(policy: &Policy, kind: &str, unit: &Unit, name: &str) -> MessageId {
    let plain = |text: &str| -> String { text.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect() };
    MessageId::made(&format!("{kind}.{}.{}", plain(name), plain(&unit.name.0)), policy.desk.address.domain())
}

/// What the text of an announcement may name.
pub fn words(policy: &Policy, unit: &Unit) -> Words {
    Words {
        desk: policy.desk.display_name.clone(),
        desk_address: policy.desk.address.to_string(),
        unit: unit.name.to_string(),
        ..Words::default()
    }
}

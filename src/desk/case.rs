//! A case: everything that can be read off one mail before the store is asked. Made once; deciding only looks at it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::dialect::{Kind, Reading};
use super::inquiry::Inquiry;
use super::known;
use super::monitor::{self, Sighting};
use super::open;
use super::policy::{Policy, Unit, UnitName};
use super::tag::{self, AddressTag};
use super::ticket::TicketId;
use crate::mail::absence;
use crate::mail::authres::{self, Alignment, MethodResult};
use crate::mail::control::{self, AskedStatus, Control, Controls, Order};
use crate::mail::form::{self, Field, Form};
use crate::mail::reply::{self, Cut};
use crate::mail::report::{self, Report};
use crate::mail::signals::{self, Mark, Signals};
use crate::mail::smime::Signature;
use crate::mail::{Digest, Mail, MessageId};

/// One mail, read as far as it can be without knowing any ticket.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    pub mail: &'a Mail,
    pub signals: Signals,
    pub report: Option<Report>,
    /// What trusted servers and the gateway's own checks say about the author's domain.
    pub alignment: Alignment,
    /// What the gateway's own checks say.
    pub own_alignment: Alignment,
    /// What the mail's S/MIME signature is worth.
    pub signature: Signature,
    /// The unit that lists the author's address, where one does.
    pub unit: Option<&'a Unit>,
    pub cut: Cut,
    /// What the unit's dialect read; for others the newest text and nothing else.
    pub reading: Reading,
    pub controls: Controls,
    pub form: Form,
    pub keys: MailKeys,
    /// What a monitoring system says by it.
    pub sighting: Option<Sighting<'a>>,
}

/// The keys that a mail carries, each kind in the order found (protocol section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailKeys {
    /// Tagged recipient addresses, not verified yet.
    pub tokens: Vec<AddressTag>,
    /// Mails of ours that it answers (`In-Reply-To`), hash checked.
    pub answers: Vec<(TicketId, u32)>,
    /// Mails of ours further up its thread (`References`), hash checked, newest first.
    pub ancestors: Vec<(TicketId, u32)>,
    /// Message-IDs that are not ours, newest first.
    pub strangers: Vec<MessageId>,
    pub tags: BTreeSet<TicketId>,
    pub foreign_id: Option<(UnitName, String)>,
    /// Request ids of forms.
    pub blocks: BTreeSet<TicketId>,
}

impl<'a> Case<'a> {
    /// Reads a mail under a policy.
    pub fn read(policy: &'a Policy, mail: &'a Mail) -> Self {
        let desk = &policy.desk;
        let unit = mail.sender().and_then(|sender| policy.units_of(sender).next());
        let cut = reply::cut(&mail.text);
        let reading = match unit {
            Some(unit) => unit.dialect.read(mail, &cut.newest, &unit.parameters),
            None => Reading { text: cut.newest.clone(), ..Reading::default() },
        };
        let controls = match unit {
            Some(_) => control::controls(&reading.text),
            None => users_controls(&reading.text),
        };
        let form = form::forms(mail, &controls.rest);
        let told = authres::trusted_results(&mail.headers, &desk.trusted_servers);
        let judged = |results: &[MethodResult]| match mail.sender() {
            Some(sender) if mail.author.plain => authres::alignment(results, sender.domain()),
            _ => Alignment::Unknown,
        };
        let own_alignment = judged(&mail.checked);
        let alignment = judged(&[told, mail.checked.clone()].concat());
        let signature = Signature::of(&mail.checked);
        let keys = MailKeys::of(policy, mail, unit, &reading, &form);
        let mut signals = signals::signals(mail, &desk.loop_header());
        // What a helpdesk says is told by its dialect.
        if unit.is_none() && absence::in_text(mail, &reading.text) {
            signals.marks.push(Mark::SaysAway);
        }
        let report = signals.bounce.then(|| report::report(mail)).flatten();
        let sighting = monitor::read(policy, mail);
        Self {
            sighting,
            mail,
            signals,
            report,
            alignment,
            own_alignment,
            signature,
            unit,
            cut,
            reading,
            controls,
            form,
            keys,
        }
    }

    /// The text that a person wrote this time: without quote, signature, boilerplate, control lines and forms.
    pub fn prose(&self) -> &str {
        self.form.prose.trim()
    }

    /// Whether no person wrote it. Helpdesks put automatic marks on what their people write too: where the dialect takes
    /// a mail for more than an acknowledgement, its word counts.
    pub fn is_machine(&self) -> bool {
        let says_more = !matches!(self.reading.kind, None | Some(Kind::Acknowledgement | Kind::Ignore));
        self.signals.automatic() && !says_more
    }

    /// Orders about other tickets, which only the desk's own people can give.
    pub fn orders(&self) -> impl Iterator<Item = Order> {
        self.controls.lines.iter().filter_map(|line| match line {
            Control::Order(order) => Some(*order),
            _ => None,
        })
    }

    /// What the desk must know to decide.
    pub fn inquiry(&self, policy: &Policy, now: Timestamp) -> Inquiry {
        let keys = &self.keys;
        let ours = keys.answers.iter().chain(&keys.ancestors);
        let enveloped = keys.tokens.iter().filter_map(|token| Some((token.ticket, token.number?)));
        let related = [Field::RelatedIssue, Field::ParentId]
            .iter()
            .filter_map(|field| ticket_number(self.form.fields.get(field)?));
        let named = keys.tokens.iter().map(|token| token.ticket).chain(ours.clone().map(|(ticket, _)| *ticket));
        let returned = self.report.iter().flat_map(|report| &report.returned_ids);
        let returned = returned.filter_map(|id| tag::read_message_id(&policy.desk, id));
        let letters = enveloped.chain(returned);
        Inquiry {
            digest: Some(self.mail.digest.clone()),
            fingerprint: self.mail.fingerprint.clone(),
            tickets: named
                .chain(keys.tags.iter().chain(&keys.blocks).copied())
                .chain(related)
                .chain(self.orders().map(|order| TicketId(order.other())))
                .take(Inquiry::MOST_KEYS)
                .collect(),
            message_ids: keys.strangers.iter().take(Inquiry::MOST_KEYS).cloned().collect(),
            foreign_ids: keys.foreign_id.iter().cloned().collect(),
            letters: letters.take(Inquiry::MOST_KEYS).collect(),
            correspondent: open::correspondent(policy, self),
            body_print: self.body_print(),
            watched: self.sighting.as_ref().map(|sighting| sighting.watched.key()),
            recognised: self.unit.filter(|unit| unit.auto).map(|unit| unit.name.clone()),
            known: self.known(policy),
            hour_ago: before(now, SignedDuration::from_hours(1)),
            repeats_since: before(now, policy.limits.repeat_window),
        }
    }

    /// A mail that names no ticket may open one, and a unit that gives its own away has it sent to another; only then
    /// does somebody need to know what helped others.
    fn known(&self, policy: &Policy) -> Option<known::Asked> {
        let gives_away = |line: &Control| matches!(line, Control::AssignTo(_) | Control::Refuse(_));
        if policy.limits.known_solutions == 0 || self.report.is_some() {
            return None;
        }
        let MailKeys { tokens, answers, ancestors, tags, blocks, .. } = &self.keys;
        let names_none = tokens.is_empty() && answers.is_empty() && ancestors.is_empty();
        if names_none && tags.is_empty() && blocks.is_empty() {
            let title = self.form.fields.get(&Field::Subject).unwrap_or(&self.mail.subject);
            let text = self.form.fields.get(&Field::Description).map_or(self.prose(), String::as_str);
            return Some(known::Asked::Words(known::asked(title, text)));
        }
        let refused = self.reading.kind == Some(Kind::Refused);
        let given_away = refused || self.controls.lines.iter().any(gives_away);
        (self.unit.is_some() && given_away).then_some(known::Asked::OfTicket)
    }

    /// Print of sender and text, blanks and digits aside; `None` where there is no text to compare. What the mail can
    /// prove is part of it: an unproven mail does not make a repeat of the proven one.
    pub fn body_print(&self) -> Option<Digest> {
        let sender = self.mail.sender()?.key();
        let letters: String =
            self.reading.text.to_lowercase().chars().filter(|c| !c.is_whitespace() && !c.is_numeric()).collect();
        (!letters.is_empty()).then(|| {
            let token = self.mail.author.plain && !self.keys.tokens.is_empty();
            let proof = format!("{:?} {token} {}", self.alignment, self.signature.signer().is_some());
            let hash = Sha256::new().chain_update(format!("{sender}\n{proof}\n{letters}")).finalize();
            Digest(hash.iter().map(|byte| format!("{byte:02x}")).collect())
        })
    }
}

impl MailKeys {
    fn of(policy: &Policy, mail: &Mail, unit: Option<&Unit>, reading: &Reading, form: &Form) -> Self {
        let desk = &policy.desk;
        let ours = |id: &MessageId| tag::read_message_id(desk, id);
        let named = mail.in_reply_to.iter().chain(mail.references.iter().rev());
        let mut tags = match unit {
            Some(_) => desk.tags.read_tolerant(&mail.subject),
            None => desk.tags.read(&mail.subject),
        };
        if reading.tag_in_body && tags.is_empty() {
            tags = desk.tags.read_tolerant(&mail.text);
        }
        let request = form.fields.get(&Field::RequestId).into_iter();
        Self {
            tokens: mail.recipients.iter().filter_map(|address| tag::read_address(desk, address)).collect(),
            answers: mail.in_reply_to.iter().filter_map(ours).collect(),
            ancestors: mail.references.iter().rev().filter_map(ours).collect(),
            strangers: named.filter(|id| ours(id).is_none()).cloned().collect(),
            tags,
            foreign_id: unit.zip(reading.foreign_id.as_ref()).map(|(unit, id)| (unit.name.clone(), id.clone())),
            blocks: request.filter_map(|value| ticket_number(value)).collect(),
        }
    }
}

/// The control lines that a user has are the confirmation and the wish to hurry. Beside any other all of them are text, so none is lost.
fn users_controls(text: &str) -> Controls {
    let theirs = |line: &Control| matches!(line, Control::Hurry(_) | Control::Status(AskedStatus::Verified));
    let read = control::controls(text);
    if read.lines.iter().all(theirs) {
        return read;
    }
    let lines = read.lines.into_iter().filter(theirs).collect();
    Controls { lines, unreadable: Vec::new(), rest: text.to_owned() }
}

/// The number in a form's ticket field: `57890`, `#57890`, `GGUS:57890`. Zero and what is too large are no ticket.
fn ticket_number(value: &str) -> Option<TicketId> {
    let digits = value.trim().trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().ok().filter(|number| *number > 0).map(TicketId)
}

fn before(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH)
}

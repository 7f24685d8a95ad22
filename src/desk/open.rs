//! Opening a ticket: what a first mail says, what its sender may set, and where it goes.

use std::collections::BTreeSet;

use super::alarm;
use super::case::Case;
use super::draft::Draft;
use super::event::{Actor, Event};
use super::inquiry::Snapshot;
use super::policy::{Policy, Unit};
use super::route::{self, Facts};
use super::speak::{self, Role, Speaker};
use super::ticket::{Origin, Priority, Submitter, Ticket, TicketId, TicketType};
use super::title;
use super::trail::Reason;
use crate::mail::form::{self, Field, Form, FormNote};
use crate::mail::language::{self, Language};
use crate::mail::{Address, Mailbox, MessageId};

use jiff::Timestamp;

/// Words of a text that are looked at for the name of a site.
const WORDS_FOR_HINTS: usize = 2_000;

/// A new ticket of this mail, routed, with its facts; the mails follow when the draft is finished.
pub fn open<'a>(
    policy: &'a Policy,
    case: &'a Case<'a>,
    snapshot: &'a Snapshot,
    speaker: &Speaker,
    related: BTreeSet<TicketId>,
    now: Timestamp,
) -> Draft<'a> {
    let ticket = ticket_of(policy, case, snapshot, speaker, related, now);
    let mut draft = Draft::new(policy, snapshot, ticket, now);
    draft.case = Some(case);
    let actor = speaker.actor(case);
    draft.fact(&actor, Event::Opened);
    for other in draft.ticket.related.clone() {
        draft.fact(&actor, Event::Related { to: other });
    }
    fields(&mut draft, case);
    left_out_copies(&mut draft, case);
    hints(&mut draft, case);
    alarm::decide(&mut draft, case);
    send_on(&mut draft, case, &actor);
    draft
}

fn ticket_of(
    policy: &Policy,
    case: &Case<'_>,
    snapshot: &Snapshot,
    speaker: &Speaker,
    related: BTreeSet<TicketId>,
    now: Timestamp,
) -> Ticket {
    let form = &case.form;
    let (subject, full) = title_of(policy, case);
    let description = without_own_tags(case, description(case, full));
    let unit = matches!(speaker.role, Role::Unit(_)).then_some(case.unit).flatten();
    let copies: Vec<Address> = wanting_copies(policy, case).take(policy.limits.copies).collect();
    let (cc, cc_unconfirmed) = if speaker.is_strong() { (copies, Vec::new()) } else { (Vec::new(), copies) };
    let submitter = submitter(policy, case, speaker, unit, &description);
    Ticket {
        origin: origin(form, unit, &case.reading.foreign_id),
        related: related.into_iter().chain(named_tickets(form, snapshot)).collect(),
        parent: form.fields.get(&Field::ParentId).and_then(|value| named_ticket(value, snapshot)),
        cc,
        cc_unconfirmed,
        involve: addresses(form.fields.get(&Field::Involve)).take(policy.limits.copies).collect(),
        time_of_problem: form.fields.get(&Field::TimeOfProblem).cloned(),
        extra: form.unknown.iter().cloned().collect(),
        ..Ticket::new(snapshot.next_ticket, submitter, subject, description, now)
    }
}

/// The title: the form's, else the subject's, else the first line; the full one where it had to be cut. The helpdesk's
/// own tags are not part of a title that it brings.
fn title_of(policy: &Policy, case: &Case<'_>) -> (String, Option<String>) {
    let subject = case.form.fields.get(&Field::Subject).unwrap_or(&case.form.subject);
    let subject = without_own_tags(case, subject.clone());
    title::title(&policy.desk.tags, &subject, case.prose())
}

/// The ticket goes on to others: the tags of the helpdesk that brings it stay behind, in the text as in the title.
fn without_own_tags(case: &Case<'_>, text: String) -> String {
    match case.unit {
        Some(unit) => unit.dialect.cut_own_tags(&text, &unit.parameters),
        None => text,
    }
}

/// The whole text: quotes and signature are only folded when shown, a forwarded mail is content.
fn description(case: &Case<'_>, full_title: Option<String>) -> String {
    let whole = case.mail.text.trim();
    let text = match case.form.fields.get(&Field::Description) {
        Some(described) => {
            let prose = case.prose();
            let apart = !prose.is_empty() && !described.contains(prose);
            if apart { format!("{prose}\n\n{described}") } else { described.clone() }
        }
        None if case.form.places.is_empty() => whole.to_owned(),
        None => {
            let rest = [case.prose(), case.cut.quoted.trim(), case.cut.signature.trim()];
            rest.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
        }
    };
    match full_title {
        Some(full) => format!("{full}\n\n{text}"),
        None => text,
    }
}

fn submitter(policy: &Policy, case: &Case<'_>, speaker: &Speaker, unit: Option<&Unit>, text: &str) -> Submitter {
    let mail = case.mail;
    let fields = &case.form.fields;
    let author = mail.author.mailbox.clone();
    let is_portal =
        mail.sender().is_some_and(|sender| policy.desk.portals.iter().any(|pattern| pattern.matches(sender)));
    let named = fields.get(&Field::SubmitterMail).filter(|_| is_portal).and_then(|text| Address::parse(text));
    let named = named.filter(|address| !policy.desk.is_own(address));
    let given_name = fields.get(&Field::SubmitterName).cloned();
    let (address, name) = match (named, author) {
        (Some(address), _) => (address, given_name),
        (None, Some(mailbox)) => (mailbox.address, given_name.or(mailbox.name)),
        // A mail without an author never opens a ticket; the desk itself stands in all the same.
        (None, None) => (policy.desk.address.clone(), given_name),
    };
    let own_language = || mail.header("Content-Language").and_then(Language::from_code);
    let language = unit.map(|unit| unit.language).or_else(own_language).or_else(|| language::guess(text));
    Submitter {
        answers_to: answers_to(policy, mail.reply_to.first(), &address, speaker).filter(|_| !is_portal),
        address,
        name,
        login_name: fields.get(&Field::LoginName).cloned(),
        phone: fields.get(&Field::Phone).cloned(),
        thread: mail.message_id.iter().cloned().collect::<Vec<MessageId>>(),
        language: language.unwrap_or(policy.desk.language),
    }
}

/// The address that a receipt for this mail would go to: by it the answers to one correspondent are counted.
pub fn correspondent(policy: &Policy, case: &Case<'_>) -> Option<Address> {
    case.mail.sender()?;
    Some(submitter(policy, case, &speak::on_new(policy, case), None, "").mailbox().clone())
}

/// `Reply-To`, where it can be believed: proven mail, or the author's own domain; never the desk or a unit.
fn answers_to(policy: &Policy, wish: Option<&Mailbox>, author: &Address, speaker: &Speaker) -> Option<Address> {
    let wish = &wish?.address;
    let believed = speaker.is_strong() || wish.is_at(author.domain());
    let ours = policy.desk.is_own(wish) || policy.units_of(wish).next().is_some();
    (wish != author && believed && !ours).then(|| wish.clone())
}

/// The remote ticket: as the form says, else as the helpdesk's own id in its mail.
fn origin(form: &Form, unit: Option<&Unit>, foreign_id: &Option<String>) -> Option<Origin> {
    let system = form.fields.get(&Field::OriginSystem).cloned();
    let id = form.fields.get(&Field::OriginId).cloned().or_else(|| foreign_id.clone().filter(|_| unit.is_some()));
    if unit.is_none() && system.is_none() && id.is_none() {
        return None;
    }
    let name = unit.map(|unit| unit.name.clone());
    let system = system.or_else(|| name.as_ref().map(ToString::to_string)).unwrap_or_default();
    Some(Origin { unit: name, system, foreign_id: id })
}

fn named_tickets(form: &Form, snapshot: &Snapshot) -> Vec<TicketId> {
    let values = [Field::RelatedIssue, Field::ParentId].into_iter().filter_map(|field| form.fields.get(&field));
    values.filter_map(|value| named_ticket(value, snapshot)).collect()
}

/// The ticket of that number, where there is one.
fn named_ticket(value: &str, snapshot: &Snapshot) -> Option<TicketId> {
    let id = value.trim().trim_start_matches('#').parse().ok().map(TicketId)?;
    snapshot.tickets.contains_key(&id).then_some(id)
}

/// A list of addresses; semicolons stand between them, commas are forgiven.
fn addresses(list: Option<&String>) -> impl Iterator<Item = Address> {
    list.into_iter().flat_map(|value| value.split([';', ','])).filter_map(Address::parse)
}

/// Addresses that want copies: mailed only when the mail is strongly proven, else listed until the desk confirms.
fn wanting_copies<'a>(policy: &'a Policy, case: &'a Case<'_>) -> impl Iterator<Item = Address> + 'a {
    let listed = addresses(case.form.fields.get(&Field::CarbonCopy));
    let all = listed.chain(case.mail.cc.iter().map(|mailbox| mailbox.address.clone()));
    let mut seen = BTreeSet::new();
    let foreign = |address: &Address| !policy.desk.is_own(address) && policy.units_of(address).next().is_none();
    let own = |address: &Address| case.mail.sender() == Some(address);
    all.filter(move |address| foreign(address) && !own(address) && seen.insert(address.key()))
}

fn left_out_copies(draft: &mut Draft<'_>, case: &Case<'_>) {
    let policy = draft.policy;
    let left_out = wanting_copies(policy, case).count().saturating_sub(policy.limits.copies);
    if left_out > 0 {
        let most = policy.limits.copies;
        draft.note(format!("{left_out} more in copy than the {most} that a ticket may have were left out."));
    }
}

/// The described fields, each checked against what the policy knows; what can't be kept is noted.
pub fn fields(draft: &mut Draft<'_>, case: &Case<'_>) {
    let form = &case.form;
    for note in &form.notes {
        let note = note_text(note);
        draft.because(Reason::FormNote { note: note.clone() });
        draft.note(note);
    }
    let field = |name: Field| form.fields.get(&name).cloned();
    if let Some(written) = field(Field::Priority) {
        match form::priority_named(&written).and_then(Priority::from_words) {
            Some(priority) => draft.ticket.priority = priority,
            None => draft.note(format!("Priority {written:?} is unknown, \"less urgent\" was taken.")),
        }
    }
    if let Some(written) = field(Field::TicketType) {
        match form::type_named(&written).and_then(TicketType::from_words) {
            Some(kind) => draft.ticket.kind = kind,
            None => draft.note(format!("Ticket type {written:?} is unknown, USER was taken.")),
        }
    }
    if let Some(written) = field(Field::Vo).or(field(Field::Experiment)) {
        draft.ticket.vo = Some(known(draft, "VO", &written, draft.policy.desk.vos.clone()));
    }
    if let Some(written) = field(Field::TypeOfProblem) {
        let spelled = known(draft, "Type of problem", &written, draft.policy.desk.problem_types.clone());
        draft.ticket.type_of_problem = Some(spelled);
    }
    if let Some(written) = field(Field::Site) {
        match draft.policy.sites.find(&written) {
            Some(site) => draft.ticket.site = Some(site.name.clone()),
            None => draft.flag(format!("The site {written:?} is unknown.")),
        }
    }
    if let Some(wish) = field(Field::ResponsibleUnit) {
        draft.flag(format!("The sender wishes that {wish} takes the ticket."));
    }
}

/// The list's spelling of a value; one that the list does not have is kept as written, and noted.
fn known(draft: &mut Draft<'_>, what: &str, written: &str, list: Vec<String>) -> String {
    let key = form::normalise(written);
    match list.iter().find(|name| form::normalise(name) == key) {
        Some(name) => name.clone(),
        None => {
            if !list.is_empty() {
                draft.note(format!("{what} {written:?} is not in the desk's list, kept as written."));
            }
            written.to_owned()
        }
    }
}

/// A note in words.
pub fn note_text(note: &FormNote) -> String {
    match note {
        FormNote::Twice { field, values } => {
            format!("{field:?} is given several times ({}), so it was not taken.", values.join(", "))
        }
        FormNote::Disagree { field, taken, left } => {
            format!("{field:?} is {taken:?} in one form and {left:?} in another, the first was taken.")
        }
        FormNote::Unknown { name } => format!("The field {name:?} is unknown and kept beside the others."),
        FormNote::Refused { why } => format!("A form was refused: {why}."),
    }
}

/// What TPM should know: automatic marks, copies to confirm, two sites, a site that only the text names.
fn hints(draft: &mut Draft<'_>, case: &Case<'_>) {
    if case.is_machine() {
        draft.flag("No person wrote this mail, or a list passed it on: the sender got no receipt.");
    }
    if !draft.ticket.cc_unconfirmed.is_empty() {
        let list: Vec<_> = draft.ticket.cc_unconfirmed.iter().map(ToString::to_string).collect();
        draft
            .note(format!("Copies were asked for and not sent, since nothing proves the sender: {}.", list.join(", ")));
    }
    let doubled = |note: &FormNote| matches!(note, FormNote::Twice { field: Field::Site, .. });
    if case.form.notes.iter().any(doubled) {
        draft.flag("Several sites are named.");
    } else if draft.ticket.site.is_none() {
        for site in sites_in_prose(draft.policy, case) {
            draft.flag(format!("The text names the site {site}."));
        }
    }
}

fn sites_in_prose(policy: &Policy, case: &Case<'_>) -> BTreeSet<String> {
    let text = format!("{} {}", case.mail.subject, case.prose());
    let is_gap = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'));
    // A plain word such as "pic" or "ITEP" is too common to be a hint.
    let telling = |word: &&str| word.contains(['-', '_']);
    let words = text.split(is_gap).filter(|word| word.len() >= 4).filter(telling).take(WORDS_FOR_HINTS);
    words.filter_map(|word| policy.sites.find(word)).map(|site| site.name.clone()).take(3).collect()
}

fn send_on(draft: &mut Draft<'_>, case: &Case<'_>, actor: &Actor) {
    let time = draft.now.to_zoned(draft.policy.desk.calendar.zone.clone()).time();
    let ticket = &draft.ticket;
    let facts = Facts {
        mail: case.mail,
        site: ticket.site.as_deref(),
        vo: ticket.vo.as_deref(),
        type_of_problem: ticket.type_of_problem.as_deref(),
        time,
    };
    let mut routed = route::route(draft.policy, facts);
    for answer in routed.answers.drain(..) {
        draft.because(Reason::Rule { rule: answer.rule, holds: answer.holds, because: answer.because });
    }
    // A helpdesk that can't solve it is not the one to send it back to.
    if *actor == Actor::Unit(routed.unit.clone()) && routed.unit != draft.policy.default_unit {
        draft.flag(format!("{} brought the ticket, and {} leads back to it.", routed.unit, routed.by));
        routed.unit = draft.policy.default_unit.clone();
    }
    draft.assign(&Actor::Desk, &routed.unit, &routed.by);
}

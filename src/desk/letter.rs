//! One mail of the desk: to whom, under which subject, in which thread, with which words.
//!
//! What goes to a helpdesk looks like a person's mail and carries that helpdesk's own id, and nobody else's. What goes to
//! a person unasked says that a machine sent it (RFC 3834).

use super::decision::{Automatic, Outbound, Recipient, Template, Words};
use super::dialect::{Known, TagForm, ThreadForm};
use super::draft::Draft;
use super::event::{Actor, Event};
use super::known;
use super::machine;
use super::policy::{Policy, Unit, UnitName};
use super::tag::{self, Party};
use super::ticket::{Ticket, TicketId};
use crate::mail::form;
use crate::mail::language::Language;
use crate::mail::{Address, Attachment, MessageId};

/// Message-IDs kept of one thread.
const THREAD: usize = 50;
/// Lines of their own words that a user is reminded of.
const QUOTED_LINES: usize = 30;

/// To a unit, where it exists and can be written to.
pub fn to_unit(
    draft: &mut Draft<'_>,
    unit: &UnitName,
    template: Template,
    text: &str,
    author: &Actor,
) -> Option<Outbound> {
    let unit = draft.policy.units.get(unit)?;
    let foreign_id = draft.ticket.leg(&unit.name).and_then(|leg| leg.foreign_id()).map(str::to_owned);
    let mut mail = helpdesk_mail(draft, unit, foreign_id.as_deref(), template, text, author);
    mail.recipient = Recipient::Unit(unit.name.clone());
    let party = Party::Unit(unit.name.clone());
    mail.reply_to = Some(tag::reply_address(&draft.policy.desk, draft.ticket.id, &party));
    let writing = unit.dialect.writing();
    if let Some(to) = writing
        .to
        .as_ref()
        .and_then(|form| Address::parse(&filled(form, known(foreign_id.as_deref(), unit), draft.ticket.id, unit)?))
    {
        mail.to = to;
    }
    let ticket = draft.ticket.id;
    if let Some(leg) = draft.ticket.leg_mut(&unit.name) {
        if let Some(watermark) = leg.watermark.as_ref().filter(|_| template != Template::Dispatch) {
            mail.words.text = format!("{}\n\n> {watermark}", mail.words.text);
        }
        let made = match &writing.thread {
            ThreadForm::Made(form) => {
                let dispatch = leg.thread.first().map(MessageId::as_str);
                filled(form, Known { dispatch, ..known(foreign_id.as_deref(), unit) }, ticket, unit)
            }
            ThreadForm::LastMail => None,
        };
        let last = || leg.last_from_unit.clone().or_else(|| leg.thread.last().cloned());
        mail.in_reply_to = made.and_then(|made| MessageId::parse(&made)).or_else(last);
        mail.references = leg.thread.clone();
        remember(&mut leg.thread, mail.message_id.clone());
    }
    Some(mail)
}

/// To the submitter: a person, or the helpdesk that passed the problem on.
pub fn to_submitter(draft: &mut Draft<'_>, template: Template, text: &str, author: &Actor) -> Option<Outbound> {
    // Nobody waits for the end of a test, and nobody is left in a redacted ticket.
    if draft.ticket.probe || draft.ticket.redacted.is_some() {
        return None;
    }
    let policy = draft.policy;
    let origin = draft.ticket.origin.clone();
    let brought_by = origin.as_ref().and_then(|origin| policy.units.get(origin.unit.as_ref()?));
    let foreign_id = origin.as_ref().filter(|_| brought_by.is_some()).and_then(|origin| origin.foreign_id.as_deref());
    // A helpdesk's address is a helpdesk's, also where nothing proved that the ticket is its own.
    let mailbox = draft.ticket.submitter.mailbox().clone();
    let helpdesk = brought_by.or_else(|| policy.units_of(&mailbox).next());
    let mut mail = match helpdesk {
        Some(unit) => helpdesk_mail(draft, unit, foreign_id, template, text, author),
        None => person_mail(draft, draft.ticket.submitter.language, template, text, author),
    };
    mail.attachments.extend(brought_by.and_then(|unit| machine::of_end(&draft.ticket, unit, template, text)));
    let submitter = &mut draft.ticket.submitter;
    mail.to = mailbox.clone();
    mail.to_name = submitter.name.clone();
    // A helpdesk may know the ids of its own mails only.
    let theirs = |id: &&MessageId| tag::read_message_id(&policy.desk, id).is_none();
    let last_of_theirs = submitter.thread.iter().rev().find(theirs).filter(|_| helpdesk.is_some());
    mail.in_reply_to = last_of_theirs.or(submitter.thread.last()).cloned();
    mail.references = submitter.thread.clone();
    remember(&mut submitter.thread, mail.message_id.clone());
    let party = Party::User(submitter.address.clone());
    mail.reply_to = Some(tag::reply_address(&policy.desk, draft.ticket.id, &party));
    Some(mail)
}

/// To somebody whose own ticket was merged into this one: in their language and their thread.
pub fn to_joined(draft: &mut Draft<'_>, at: usize, template: Template, text: &str, author: &Actor) -> Option<Outbound> {
    let person = draft.ticket.joined.get(at)?.clone();
    let policy = draft.policy;
    let mut mail = match policy.units_of(person.mailbox()).next() {
        Some(unit) => helpdesk_mail(draft, unit, None, template, text, author),
        None => person_mail(draft, person.language, template, text, author),
    };
    // What they wrote themselves stands in their own ticket.
    mail.words.quoted = String::new();
    mail.words.submitter =
        person.name.clone().map_or_else(|| person.address.to_string(), |name| format!("{name} <{}>", person.address));
    (mail.recipient, mail.to, mail.to_name) = (Recipient::Copy, person.mailbox().clone(), person.name.clone());
    mail.references = person.thread.clone();
    mail.in_reply_to = person.thread.last().cloned();
    mail.reply_to = Some(tag::reply_address(&policy.desk, draft.ticket.id, &Party::User(person.address.clone())));
    if let Some(person) = draft.ticket.joined.get_mut(at) {
        remember(&mut person.thread, mail.message_id.clone());
    }
    Some(mail)
}

/// A copy of what the submitter hears.
pub fn to_copy(
    draft: &mut Draft<'_>,
    address: &Address,
    template: Template,
    text: &str,
    author: &Actor,
) -> Option<Outbound> {
    let mut mail = person_mail(draft, draft.ticket.submitter.language, template, text, author);
    mail.recipient = Recipient::Copy;
    mail.to = address.clone();
    mail.references = draft.ticket.submitter.thread.clone();
    mail.in_reply_to = mail.references.first().cloned();
    let party = Party::User(address.clone());
    mail.reply_to = Some(tag::reply_address(&draft.policy.desk, draft.ticket.id, &party));
    Some(mail)
}

/// A copy of the dispatch for the site, where its settings ask for one.
pub fn to_site(draft: &mut Draft<'_>, unit: &UnitName, text: &str) -> Option<Outbound> {
    let policy = draft.policy;
    let site = draft.ticket.site.as_ref().and_then(|name| policy.sites.find(name)).filter(|site| site.unit == *unit)?;
    let address = site.copy.clone()?;
    let by = Actor::User(draft.ticket.submitter.address.clone());
    let mut mail = person_mail(draft, policy.units.get(unit)?.language, Template::SiteCopy, text, &by);
    (mail.recipient, mail.to) = (Recipient::Site, address);
    Some(mail)
}

/// An alarm to a site's emergency address. Nothing else goes there, so the subject may say what it is; whether it comes
/// back must be heard.
pub fn to_emergency(draft: &mut Draft<'_>, site: &str) -> Option<Outbound> {
    let policy = draft.policy;
    let site = policy.sites.find(site)?;
    let address = site.emergency.clone()?;
    let by = Actor::User(draft.ticket.submitter.address.clone());
    let text = draft.ticket.description.clone();
    let mut mail = person_mail(draft, policy.units.get(&site.unit)?.language, Template::Alarm, &text, &by);
    (mail.recipient, mail.to) = (Recipient::Site, address);
    mail.subject = format!("{} ALARM: {}", policy.desk.tags.write(draft.ticket.id), draft.ticket.subject);
    mail.reply_to = Some(tag::reply_address(&policy.desk, draft.ticket.id, &Party::Site(site.name.clone())));
    Some(mail)
}

/// To people of the desk's own side, about a ticket that needs somebody: it is no part of the ticket's thread. Each has
/// texts of their own.
pub fn about_ticket(draft: &Draft<'_>, people: &[(Address, Vec<String>)]) -> Vec<Outbound> {
    let Ticket { id, subject, mails_sent, .. } = &draft.ticket;
    let tag = draft.policy.desk.tags.write(*id);
    let key = format!("ticket.{id}.{mails_sent}.{}", draft.now.as_microsecond());
    let mail = |(at, (to, texts)): (usize, &(Address, Vec<String>))| {
        notice(draft.policy, at, to, &format!("{tag} {subject}\n\n{}", texts.join("\n")), &key)
    };
    people.iter().enumerate().map(mail).collect()
}

/// To the operators, about something that has no ticket; `key` makes its Message-ID.
pub fn to_operators(policy: &Policy, text: &str, key: &str) -> Vec<Outbound> {
    let operators = policy.desk.operators.iter().enumerate();
    operators.map(|(at, address)| notice(policy, at, address, text, key)).collect()
}

/// What one of several people is told; `at` tells their mails apart.
pub fn notice(policy: &Policy, at: usize, to: &Address, text: &str, key: &str) -> Outbound {
    let desk = &policy.desk;
    Outbound {
        ticket: None,
        recipient: Recipient::Operator,
        to: to.clone(),
        to_name: None,
        template: Template::OperatorNotice,
        language: desk.language,
        subject: format!("[{}] the desk needs you", desk.name),
        words: Words {
            desk: desk.display_name.clone(),
            desk_address: desk.address.to_string(),
            tag: format!("[{}]", desk.name),
            text: text.to_owned(),
            ..Words::default()
        },
        message_id: MessageId::made(&format!("notice.{at}.{}", key.replace('@', ".")), desk.address.domain()),
        in_reply_to: None,
        references: Vec::new(),
        reply_to: None,
        envelope_sender: None,
        automatic: Some(Automatic::Generated),
        headers: Vec::new(),
        leave_out: Vec::new(),
        attachments: Vec::new(),
        parked: None,
    }
}

/// A mail that looks like a person's: real envelope sender, no marks, the helpdesk's own tag beside the desk's.
fn helpdesk_mail(
    draft: &mut Draft<'_>,
    unit: &Unit,
    foreign_id: Option<&str>,
    template: Template,
    text: &str,
    author: &Actor,
) -> Outbound {
    let mut mail = blank(draft, template, unit.language, text, author);
    let desk = &draft.policy.desk;
    let number = draft.ticket.mails_sent;
    mail.to = unit.address.clone();
    mail.subject = unit_subject(draft.policy, &draft.ticket, unit, foreign_id);
    // What TPM should look at may hold other units' words: it is for TPM alone.
    if template == Template::Dispatch && unit.name == draft.policy.default_unit {
        mail.words.hints = draft.ticket.flags.join("\n");
    }
    if template == Template::Dispatch && !draft.ticket.probe {
        mail.words.known = known_solutions(draft, unit);
    }
    mail.words.title = unit.dialect.defuse(&draft.ticket.subject, &unit.parameters);
    let words = &mut mail.words;
    let text = [&mut words.text, &mut words.known, &mut words.hints];
    for said in text.into_iter().chain([&mut words.title, &mut words.submitter, &mut words.author]) {
        *said = unit.dialect.defuse_text(said);
    }
    mail.envelope_sender = Some(tag::envelope_address(desk, draft.ticket.id, number));
    let writing = unit.dialect.writing();
    mail.leave_out = writing.leave_out.clone();
    let filled_in = |form: &String| filled(form, known(foreign_id, unit), draft.ticket.id, unit);
    let of_end = writing.end_headers.iter().filter(|_| template.acknowledges_an_end());
    let headers = writing.headers.iter().chain(of_end);
    mail.headers = headers.filter_map(|(name, form)| Some((name.clone(), filled_in(form)?))).collect();
    if template == Template::Dispatch
        && let Some(begin) = writing.begin.as_ref().and_then(filled_in)
    {
        // Every template begins with the tag.
        mail.words.tag = format!("{begin}\n\n{}", mail.words.tag);
    }
    if matches!(template, Template::CommentUnit | Template::Dispatch | Template::ReopenedUnit)
        && let Some(link) = writing.link.iter().find_map(filled_in)
    {
        mail.words.text = format!("{}\n\n<{link}>", mail.words.text);
    }
    mail.words.foreign_id = foreign_id.unwrap_or_default().to_owned();
    (mail.words.block, mail.attachments) = machine::of_dispatch(draft, unit, template, mail.attachments);
    mail
}

/// What has helped where others had the same problem. The recipient's dialect may read no id in it either.
fn known_solutions(draft: &Draft<'_>, unit: &Unit) -> String {
    let (policy, most) = (draft.policy, draft.policy.limits.known_solutions);
    let alike = known::alike(&draft.ticket, &draft.snapshot.known, most);
    let shown = alike.into_iter().filter_map(|ticket| known::shown(&policy.desk.tags, ticket));
    let harmless = |text: String| {
        let lines = text.lines().map(|line| unit.dialect.defuse(line, &unit.parameters));
        lines.collect::<Vec<_>>().join("\n")
    };
    shown.map(harmless).collect::<Vec<_>>().join("\n\n")
}

/// A mail to a person. What no person asked for, and no person wrote, says so and has the null sender.
fn person_mail(draft: &mut Draft<'_>, language: Language, template: Template, text: &str, author: &Actor) -> Outbound {
    let mut mail = blank(draft, template, language, text, author);
    let number = draft.ticket.mails_sent;
    mail.automatic = match template {
        Template::AlarmReceipt | Template::AlarmRefused | Template::Receipt | Template::Reopened => {
            Some(Automatic::Replied)
        }
        Template::ReplyReminder
        | Template::Merged
        | Template::SiteCopy
        | Template::Solution
        | Template::Unanswered
        | Template::Unsolved => Some(Automatic::Generated),
        _ => None,
    };
    if mail.automatic.is_none() {
        mail.envelope_sender = Some(tag::envelope_address(&draft.policy.desk, draft.ticket.id, number));
    }
    mail
}

/// What every mail has; counts it.
fn blank(draft: &mut Draft<'_>, template: Template, language: Language, text: &str, author: &Actor) -> Outbound {
    draft.ticket.mails_sent += 1;
    let (desk, ticket) = (&draft.policy.desk, &draft.ticket);
    let (attachments, cut) = passed_on(draft, template);
    Outbound {
        ticket: Some((ticket.id, ticket.mails_sent)),
        recipient: Recipient::User,
        to: ticket.submitter.mailbox().clone(),
        to_name: None,
        template,
        language,
        subject: format!("{} {}", desk.tags.write(ticket.id), ticket.subject),
        words: Words { cut, ..words(draft, template, text, author) },
        message_id: tag::message_id(desk, ticket.id, ticket.mails_sent),
        in_reply_to: None,
        references: Vec::new(),
        reply_to: None,
        envelope_sender: None,
        automatic: None,
        headers: Vec::new(),
        leave_out: Vec::new(),
        attachments,
        parked: None,
    }
}

/// One subject form for the life of a leg: the tags, the helpdesk's own where its id is known, the title made harmless.
fn unit_subject(policy: &Policy, ticket: &Ticket, unit: &Unit, foreign_id: Option<&str>) -> String {
    let tags = &policy.desk.tags;
    let ours = match unit.dialect.writing().tag {
        TagForm::Short => tags.write(ticket.id),
        TagForm::Historic => tags.write_historic(ticket.id),
    };
    let theirs = foreign_id.and_then(|id| unit.dialect.own_tag(id, &unit.parameters));
    let answers = (foreign_id.is_some() && unit.dialect.writing().re).then(|| "Re:".to_owned());
    let title = unit.dialect.defuse(&ticket.subject, &unit.parameters);
    let tags = if unit.dialect.writing().own_tag_first { [theirs, Some(ours)] } else { [Some(ours), theirs] };
    std::iter::once(answers).chain(tags).chain([Some(title)]).flatten().collect::<Vec<_>>().join(" ")
}

/// What a form of the dialect may name of any ticket.
fn known<'a>(foreign_id: Option<&'a str>, unit: &'a Unit) -> Known<'a> {
    Known { id: foreign_id, host: Some(unit.address.domain()), ..Known::default() }
}

/// A form of the dialect with what is known in it; `None` where it asks for an id that is not known yet.
fn filled(form: &str, known: Known<'_>, ticket: TicketId, unit: &Unit) -> Option<String> {
    let ticket = ticket.to_string();
    unit.dialect.fill(form, Known { ticket: Some(&ticket), ..known }, &unit.parameters)
}

fn remember(thread: &mut Vec<MessageId>, id: MessageId) {
    thread.push(id);
    if thread.len() > THREAD {
        // The first one is the root of everybody's thread and stays.
        thread.remove(1);
    }
}

fn words(draft: &Draft<'_>, template: Template, text: &str, author: &Actor) -> Words {
    let (desk, ticket) = (&draft.policy.desk, &draft.ticket);
    let text_of = |value: &Option<String>| value.clone().unwrap_or_default();
    let quoted = if template.is_for_users() { quote(&ticket.description, QUOTED_LINES) } else { String::new() };
    Words {
        desk: desk.display_name.clone(),
        desk_address: desk.address.to_string(),
        ticket: ticket.id.to_string(),
        tag: desk.tags.write(ticket.id),
        title: ticket.subject.clone(),
        status: ticket.status.to_string(),
        priority: ticket.priority.words().to_owned(),
        kind: ticket.kind.words().to_owned(),
        vo: text_of(&ticket.vo),
        site: text_of(&ticket.site),
        unit: ticket.unit.as_ref().map(ToString::to_string).unwrap_or_default(),
        type_of_problem: text_of(&ticket.type_of_problem),
        created: ticket.created.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        submitter: submitter_name(ticket),
        author: author_name(draft, author),
        text: text.to_owned(),
        quoted,
        reopen_days: draft.policy.limits.reopen_days.to_string(),
        ..Words::default()
    }
}

fn submitter_name(ticket: &Ticket) -> String {
    match &ticket.submitter.name {
        Some(name) => format!("{name} <{}>", ticket.submitter.address),
        None => ticket.submitter.address.to_string(),
    }
}

fn author_name(draft: &Draft<'_>, author: &Actor) -> String {
    match author {
        Actor::Desk | Actor::Operator(_) => draft.policy.desk.display_name.clone(),
        Actor::Monitor(name) | Actor::Site(name) => name.clone(),
        Actor::Stranger(who) => who.clone(),
        Actor::Unit(unit) => unit.to_string(),
        Actor::User(address) if draft.ticket.submitter.is(address) => submitter_name(&draft.ticket),
        Actor::User(address) => address.to_string(),
    }
}

fn quote(text: &str, most: usize) -> String {
    let mut lines: Vec<String> =
        text.lines().take(most).map(|line| format!("> {line}").trim_end().to_owned()).collect();
    if text.lines().count() > most {
        lines.push("> […]".to_owned());
    }
    lines.join("\n")
}

/// The mail's attachments that go along with its text, within the limit, and the names of those that do not.
fn passed_on(draft: &Draft<'_>, template: Template) -> (Vec<Attachment>, String) {
    let carries = matches!(
        template,
        Template::Alarm
            | Template::Comment
            | Template::CommentUnit
            | Template::Dispatch
            | Template::Question
            | Template::ReopenedUnit
            | Template::Solution
            | Template::Unsolved
    );
    // A ticket that goes on to another unit does not take along what is attached to the mail that sends it on.
    let is_new = draft.events.iter().any(|(_, event)| *event == Event::Opened);
    let carries = carries && (template != Template::Dispatch || is_new);
    let Some(case) = draft.case.filter(|_| carries) else { return (Vec::new(), String::new()) };
    // The form of a helpdesk holds its internal diary and its ids.
    let own_form = |attachment: &&Attachment| case.unit.is_some() && form::is_form(attachment);
    // So do the mails from which a solution was read, and the desk's own among them holds the unit's token.
    let own_mail =
        |attachment: &&Attachment| case.reading.solution_attached && attachment.media_type == "message/rfc822";
    // A signature that a unit can check is worth more than the desk's word. A helpdesk's mail holds its own tags and ids.
    let original = case.mail.original.iter().filter(|_| case.unit.is_none() && !template.is_for_users());
    let mut room = draft.policy.limits.passed_on_bytes;
    let (mut kept, mut left) = (Vec::new(), Vec::new());
    let for_others = |attachment: &&Attachment| !own_form(attachment) && !own_mail(attachment);
    for attachment in case.mail.attachments.iter().filter(for_others).chain(original) {
        match room.checked_sub(attachment.bytes.len()) {
            Some(rest) => {
                room = rest;
                kept.push(attachment.clone());
            }
            None => left.push(format!("{} ({})", attachment.name, size(attachment.bytes.len()))),
        }
    }
    (kept, left.join(", "))
}

/// `30 MiB`, rounded up.
fn size(bytes: usize) -> String {
    match bytes {
        0..=0xf_ffff => format!("{} KiB", bytes.div_ceil(1 << 10)),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}

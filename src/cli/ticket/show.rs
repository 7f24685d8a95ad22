//! What `ticket` shows: listings, one ticket whole, its history in words.

use std::path::Path;

use serde_json::{Value, json};

use super::super::table::{harmless, table, time};
use super::super::{Failure, open_reader, print, print_json};
use crate::desk::event::{Actor, Event};
use crate::desk::policy::Policy;
use crate::desk::ticket::{Ticket, TicketId};
use crate::desk::timer;
use crate::store::{Direction, EventRow, Hanging, MessageRow, Reader, TicketLine};

/// Rows of one history or message list; a ticket with more is stranger than its list is long.
const MOST: usize = 10_000;

pub fn list(tickets: &[TicketLine], json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&tickets);
    }
    if tickets.is_empty() {
        return print("no tickets");
    }
    let rows: Vec<[String; 6]> = tickets
        .iter()
        .map(|line| {
            let unit = line.unit.as_ref().map(ToString::to_string).unwrap_or_default();
            let (id, status) = (line.id.to_string(), line.status.to_string());
            [id, status, unit, time(line.changed), line.submitter.clone(), line.subject.clone()]
        })
        .collect();
    print(&table(["ticket", "status", "unit", "changed (UTC)", "submitter", "subject"], &rows))
}

fn found(reader: &Reader, id: TicketId) -> Result<Ticket, Failure> {
    let missing = || Failure::Refused(format!("ticket {id} does not exist, `ticket list` shows those that do"));
    reader.ticket(id)?.ok_or_else(missing)
}

pub fn show(config: &Path, id: TicketId, json: bool) -> Result<(), Failure> {
    let (loaded, reader) = open_reader(config)?;
    let ticket = found(&reader, id)?;
    let hanging = reader.hanging_on(id)?;
    let (messages, history) = (reader.mails_of(id, MOST)?, reader.history(id, MOST)?);
    if json {
        print_json(&as_json(&loaded.policy, &ticket, &hanging, &messages, &history))
    } else {
        print(&as_text(&loaded.policy, &ticket, &hanging, &messages, &history))
    }
}

/// The public interface: these names don't change.
fn as_json(
    policy: &Policy,
    ticket: &Ticket,
    hanging: &Hanging,
    messages: &[MessageRow],
    history: &[EventRow],
) -> Value {
    let legs =
        ticket.legs.iter().map(|leg| json!({"unit": leg.unit, "state": leg.state, "foreign_id": leg.foreign_id()}));
    let next = timer::ahead(policy, ticket);
    let next = next.iter().map(|step| json!({"timer": step.timer, "due": step.due, "what": step.words(policy)}));
    json!({
        "id": ticket.id,
        "subject": ticket.subject,
        "description": ticket.description,
        "status": ticket.status.words(),
        "priority": ticket.priority.words(),
        "type": ticket.kind.words(),
        "vo": ticket.vo,
        "site": ticket.site,
        "unit": ticket.unit,
        "type_of_problem": ticket.type_of_problem,
        "submitter": ticket.submitter.address,
        "cc": ticket.cc,
        "hurry": ticket.hurry,
        "master": ticket.master,
        "merged_into": ticket.merged_into,
        "parent": ticket.parent,
        "slaves": hanging.slaves,
        "children": hanging.children,
        "absorbed": ticket.absorbed,
        "watched": ticket.watched,
        "origin": ticket.origin,
        "related": ticket.related,
        "flags": ticket.flags,
        "created": ticket.created,
        "changed": ticket.changed,
        "redacted": ticket.redacted,
        "solution": ticket.solution.as_ref().map(|solution| &solution.text),
        "next": next.collect::<Vec<_>>(),
        "stopped": ticket.clock.stopped,
        "legs": legs.collect::<Vec<_>>(),
        "messages": messages,
        "history": history,
    })
}

fn as_text(
    policy: &Policy,
    ticket: &Ticket,
    hanging: &Hanging,
    messages: &[MessageRow],
    history: &[EventRow],
) -> String {
    let mut lines = vec![format!("Ticket {}: {}", ticket.id, harmless(&ticket.subject, 300)), String::new()];
    let mut field = |name: &str, value: Option<String>| {
        lines.extend(value.map(|value| format!("{name:16}{}", harmless(&value, 300))));
    };
    field("status", Some(ticket.status.to_string()));
    field("unit", ticket.unit.as_ref().map(ToString::to_string));
    field("submitter", Some(ticket.submitter.address.to_string()));
    field("site", ticket.site.clone());
    field("VO", ticket.vo.clone());
    field("priority", Some(ticket.priority.words().to_owned()));
    field("type", Some(ticket.kind.words().to_owned()));
    field(
        "watched",
        ticket.watched.as_ref().map(|watched| {
            let cleared = watched.cleared.map(|at| format!(", cleared {}", time(at))).unwrap_or_default();
            format!("{}{cleared}", watched.words())
        }),
    );
    field("master", ticket.master.map(|id| format!("ticket {id}, whose solution will be this one's too")));
    field("merged into", ticket.merged_into.map(|id| format!("ticket {id}")));
    field("parent", ticket.parent.map(|id| format!("ticket {id}")));
    field("slaves", listed(&hanging.slaves));
    field("children", listed(&hanging.children));
    field("absorbed", listed(ticket.absorbed.iter()));
    field("related", listed(ticket.related.iter()));
    field("hurry", ticket.hurry.map(|hurry| format!("level {}, last asked {}", hurry.level, time(hurry.at))));
    field("type of problem", ticket.type_of_problem.clone());
    field("created", Some(time(ticket.created)));
    field("changed", Some(time(ticket.changed)));
    field("redacted", ticket.redacted.map(time));
    for leg in &ticket.legs {
        let id = leg.foreign_id().map(|id| format!(" as {id}")).unwrap_or_default();
        field("leg", Some(format!("{}: {}{id}", leg.unit, leg.state.words())));
    }
    for step in timer::ahead(policy, ticket) {
        let what = format!("{}: {} (timer {})", time(step.due), step.words(policy), step.timer);
        field("next (UTC)", Some(what));
    }
    ticket.clock.stopped.iter().for_each(|timer| field("stopped", Some(format!("timer {timer}"))));
    ticket.flags.iter().for_each(|flag| field("look", Some(flag.clone())));
    let text = |heading: &str, text: &str| {
        let body: Vec<String> = text.lines().map(|line| format!("    {}", harmless(line, 1_000))).collect();
        format!("\n{heading}\n{}", body.join("\n"))
    };
    lines.push(text("Description", &ticket.description));
    lines.extend(ticket.solution.as_ref().map(|solution| text("Solution", &solution.text)));
    lines.push("\nMessages".to_owned());
    lines.extend(messages.iter().map(message_line));
    lines.push("\nHistory (UTC)".to_owned());
    lines.extend(history.iter().map(history_line));
    lines.join("\n")
}

fn listed<'a>(tickets: impl IntoIterator<Item = &'a TicketId>) -> Option<String> {
    let names: Vec<String> = tickets.into_iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn message_line(row: &MessageRow) -> String {
    let peer = row.peer.clone().unwrap_or_default();
    let what = match row.direction {
        Direction::In => {
            format!("in   mail {:<6} from {peer}", row.mail.map(|mail| mail.to_string()).unwrap_or_default())
        }
        Direction::Out => {
            let state = row.state.map(|state| state.word()).unwrap_or_default();
            let template = row.template.map(|template| template.name()).unwrap_or_default();
            format!(
                "out  mail {:<6} to {peer}: {template}, {state}",
                row.outbox.map(|id| id.to_string()).unwrap_or_default()
            )
        }
    };
    format!("    {}  {}", time(row.at), harmless(&what, 200))
}

pub fn history(config: &Path, id: TicketId, json: bool) -> Result<(), Failure> {
    let (_, reader) = open_reader(config)?;
    found(&reader, id)?;
    let rows = reader.history(id, MOST)?;
    if json {
        return print_json(&rows);
    }
    print(&rows.iter().map(history_line).collect::<Vec<_>>().join("\n"))
}

fn history_line(row: &EventRow) -> String {
    let actor = match &row.actor {
        Actor::Desk => "the desk".to_owned(),
        Actor::Monitor(name) => format!("monitor {name}"),
        Actor::Operator(name) => format!("operator {name}"),
        Actor::Site(site) => format!("{site} (emergency address)"),
        Actor::Stranger(who) => format!("{who} (unproven)"),
        Actor::Unit(unit) => unit.to_string(),
        Actor::User(address) => address.to_string(),
    };
    let what = harmless(&in_words(&row.event), 300);
    format!("    {}  {actor}: {what}", time(row.at))
}

fn in_words(event: &Event) -> String {
    match event {
        Event::Accepted { .. } => "accepted the ticket".to_owned(),
        Event::Acknowledged { foreign_id, earlier: None, .. } => format!("calls it {foreign_id}"),
        Event::Acknowledged { foreign_id, earlier: Some(earlier), .. } => {
            format!("calls it {foreign_id}, before {earlier}")
        }
        Event::AlarmRaised { site, by } => format!("raised an alarm for {site}, signed by {by}"),
        Event::AlarmRefused { why } => format!("raised no alarm: {}", why.words()),
        Event::Asked { text, .. } => format!("asked the user: {text}"),
        Event::Assigned { unit, why } => format!("gave it to {unit}, by {why}"),
        Event::Closed => "closed it".to_owned(),
        Event::Commented { visibility, text } => {
            format!("wrote ({}): {text}", format!("{visibility:?}").to_lowercase())
        }
        Event::DeliveryFailed { number, recipient, .. } => {
            format!("mail {number} to {recipient} could not be delivered")
        }
        Event::FellDue { timer, step } => format!("step {} of the timer {timer} was due", step + 1),
        Event::Flagged { why } => format!("TPM should look: {why}"),
        Event::HandedOver { to, .. } => format!("handed it over to {to}"),
        Event::Hurried { level, text } => format!("asked to hurry (level {level}): {text}"),
        Event::Enslaved { master: Some(master) } => format!("made it a slave of ticket {master}"),
        Event::Enslaved { master: None } => "freed it from its master".to_owned(),
        Event::Joined { ticket, .. } => format!("took over ticket {ticket}, which was merged into it"),
        Event::LeftAlone { why } => format!("TPM should look: {why}"),
        Event::Merged { into } => format!("merged it into ticket {into}"),
        Event::Parented { parent: Some(parent) } => format!("made it a part of ticket {parent}"),
        Event::Parented { parent: None } => "took it out of its parent".to_owned(),
        Event::LateMail { text, .. } => format!("wrote after the end: {text}"),
        Event::LineNotUnderstood { lines, .. } => format!("wrote a line that can't be read: {}", lines.join(" / ")),
        Event::Noted { note } => note.clone(),
        Event::OnHold { wake: Some(day), .. } => format!("put it on hold until {day}"),
        Event::OnHold { wake: None, .. } => "put it on hold".to_owned(),
        Event::Opened => "opened it".to_owned(),
        Event::Recognised { unit, recognised } => format!("recognised: {unit} {}", recognised.words()),
        Event::Redacted { reason } => format!("took texts, addresses and names out of it: {reason}"),
        Event::Refused { reason, .. } => format!("refused it: {reason}"),
        Event::Related { to } => format!("is related to ticket {to}"),
        Event::Reopened { text } => format!("reopened it: {text}"),
        Event::SolutionWithoutText { .. } => "said \"solved\" without a text".to_owned(),
        Event::Solved { text } => format!("solved it: {text}"),
        Event::TimerStarted { timer } => format!("lets the timer {timer} run again"),
        Event::TimerStopped { timer } => format!("stopped the timer {timer}"),
        Event::Unanswered => "ended it, since no answer came".to_owned(),
        Event::Unsolved { text } => format!("will not solve it: {text}"),
        Event::Verified => "confirmed the solution".to_owned(),
        Event::Withdrawn { unit } => format!("took it from {unit}"),
        Event::Woke => "woke it".to_owned(),
    }
}

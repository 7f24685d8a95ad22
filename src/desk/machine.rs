//! A ticket in the machine forms that a helpdesk's dialect reads: lines below the text, or an XML attachment.
//!
//! It writes no foreign id but the reader's own, and no status into what a helpdesk may echo.

use super::decision::Template;
use super::dialect::BlockForm;
use super::draft::Draft;
use super::policy::Unit;
use super::ticket::Ticket;
use crate::mail::Attachment;
use crate::mail::block;
use crate::mail::form::Field;

/// The ticket's fields in the form that the helpdesk reads: lines for the text, or an XML attachment.
pub fn of_dispatch(
    draft: &Draft<'_>,
    unit: &Unit,
    template: Template,
    mut attachments: Vec<Attachment>,
) -> (String, Vec<Attachment>) {
    let ticket = &draft.ticket;
    if template != Template::Dispatch {
        return (String::new(), attachments);
    }
    match unit.dialect.writing().block {
        BlockForm::None => (String::new(), attachments),
        BlockForm::Lines => (block::write_lines(&fields(ticket)), attachments),
        BlockForm::Xml => {
            let mut all = fields(ticket);
            all.push((Field::Status, ticket.status.words().to_owned()));
            all.push((Field::Description, cut_description(draft)));
            attachments.insert(0, xml(ticket, &all));
            (block::write_lines(&fields(ticket)), attachments)
        }
    }
}

/// How a ticket ended, for the peer that brought it: under its own id, which stands nowhere else in the mail.
pub fn of_end(ticket: &Ticket, unit: &Unit, template: Template, text: &str) -> Option<Attachment> {
    let ended = matches!(template, Template::Solution | Template::Unsolved);
    let origin = ticket.origin.as_ref().filter(|_| ended && unit.dialect.writing().block == BlockForm::Xml)?;
    let all = [
        (Field::RequestId, ticket.id.to_string()),
        (Field::OriginId, origin.foreign_id.clone()?),
        (Field::OriginSystem, origin.system.clone()),
        (Field::Status, ticket.status.words().to_owned()),
        (Field::DetailedSolution, text.to_owned()),
    ];
    Some(xml(ticket, &all))
}

fn xml(ticket: &Ticket, all: &[(Field, String)]) -> Attachment {
    let name = format!("ticket-{}.xml", ticket.id);
    Attachment { name, media_type: "application/xml".to_owned(), bytes: block::write_xml(all).into_bytes() }
}

/// The fields of a dispatch. Status and description are not among them: a helpdesk that echoes the lines must not be
/// read as one that changes them.
fn fields(ticket: &Ticket) -> Vec<(Field, String)> {
    let origin = ticket.origin.as_ref();
    let values = [
        (Field::RequestId, Some(ticket.id.to_string())),
        (Field::SubmitterName, ticket.submitter.name.clone()),
        (Field::SubmitterMail, Some(ticket.submitter.address.to_string())),
        (Field::Vo, ticket.vo.clone()),
        (Field::Site, ticket.site.clone()),
        (Field::TypeOfProblem, ticket.type_of_problem.clone()),
        (Field::Priority, Some(ticket.priority.words().to_owned())),
        (Field::TicketType, Some(ticket.kind.words().to_owned())),
        (Field::TimeOfProblem, ticket.time_of_problem.clone()),
        (Field::OriginSystem, origin.map(|origin| origin.system.clone())),
        (Field::ResponsibleUnit, ticket.unit.as_ref().map(ToString::to_string)),
    ];
    values.into_iter().filter_map(|(field, value)| value.map(|value| (field, value))).collect()
}

/// A peer that reads the XML form takes no more than a set number of characters; the mail's text has all of them.
fn cut_description(draft: &Draft<'_>) -> String {
    let (text, most) = (&draft.ticket.description, draft.policy.limits.xml_description_chars);
    if text.chars().count() <= most {
        return text.clone();
    }
    let mark = "\n[cut here, the whole text is in the mail]";
    text.chars().take(most.saturating_sub(mark.len())).chain(mark.chars()).collect()
}

//! Structured content of a mail: the machine block at the end, `Key: value` lines at the top, `<Ticket>` XML, fields in
//! the subject. Which names there are is protocol section 4; this file reads them and refuses to know what they do.

mod block;
mod names;
mod subject;
mod xml;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::message::{Attachment, Mail};
use super::{lines, reply};

pub(super) use block::{fence_fields, is_machine_name, key_line};
pub use names::{field_named, is_absent, normalise, priority_named, status_named, type_named};
pub(crate) use names::{fold, table};
pub use subject::bare_subject;
pub(in crate::mail) use xml::span as ticket_lines;

/// A ticket field that a form can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    CarbonCopy,
    Description,
    DetailedSolution,
    DiaryOfSteps,
    Experiment,
    InternalDiary,
    Involve,
    LoginName,
    OriginId,
    OriginSystem,
    ParentId,
    Phone,
    Priority,
    PublicDiary,
    RelatedIssue,
    RequestId,
    ResponsibleUnit,
    ShortSolution,
    Site,
    Status,
    Subject,
    SubmitterMail,
    SubmitterName,
    TicketType,
    TimeOfProblem,
    TypeOfProblem,
    Vo,
}

impl Field {
    pub const ALL: [Self; 27] = [
        Self::CarbonCopy,
        Self::Description,
        Self::DetailedSolution,
        Self::DiaryOfSteps,
        Self::Experiment,
        Self::InternalDiary,
        Self::Involve,
        Self::LoginName,
        Self::OriginId,
        Self::OriginSystem,
        Self::ParentId,
        Self::Phone,
        Self::Priority,
        Self::PublicDiary,
        Self::RelatedIssue,
        Self::RequestId,
        Self::ResponsibleUnit,
        Self::ShortSolution,
        Self::Site,
        Self::Status,
        Self::Subject,
        Self::SubmitterMail,
        Self::SubmitterName,
        Self::TicketType,
        Self::TimeOfProblem,
        Self::TypeOfProblem,
        Self::Vo,
    ];
}

/// Where a form stood, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// `<Ticket>` in the body or as attachment.
    Xml,
    /// The last run of `KEY: value` lines.
    EndBlock,
    /// `Key: value` lines among the first ten lines.
    TopLines,
    /// `[VO=atlas] [SITE=INFN-T1]`.
    Subject,
}

/// Something about the form that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FormNote {
    /// One field twice with different values in one form: it has no value.
    Twice { field: Field, values: Vec<String> },
    /// Two forms disagree; the stronger was taken.
    Disagree { field: Field, taken: String, left: String },
    /// A name that no field has; kept in [`Form::unknown`].
    Unknown { name: String },
    /// An XML form that was refused (DTD, entity, not well-formed): why.
    Refused { why: String },
}

/// All structured content of one mail, merged by strength.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Values as written, trimmed and unwrapped; absent values (`none`, `n/a`, `-`, empty) are left out.
    pub fields: BTreeMap<Field, String>,
    /// Names that are no field, as spelled, with their values.
    pub unknown: Vec<(String, String)>,
    /// What was strange.
    pub notes: Vec<FormNote>,
    /// Places that held a form.
    pub places: Vec<Place>,
    /// The text without the lines of the forms: prose.
    pub prose: String,
    /// The subject without its fields.
    pub subject: String,
    /// A form was there but must not be believed (DTD, entity): the mail goes to quarantine.
    pub refused: bool,
}

/// A name and a value as they stood in a form.
#[derive(Debug)]
struct Pair {
    name: String,
    value: String,
}

/// Reads all forms of a mail. `newest` is the text without quote and signature, from [`reply::cut`](super::reply::cut),
/// for a unit without its [control lines](super::control::controls); forms are looked for there and in XML attachments,
/// never in quotes, in what was forwarded or in attached mails.
pub fn forms(mail: &Mail, newest: &str) -> Form {
    let mut gathered = Gathered::default();
    let (own, forwarded) = reply::split_forwarded(newest);
    let own = gathered.read_xml(mail, own);
    let own = gathered.read_lines(Place::EndBlock, block::take_end_block(&own), own);
    let own = gathered.read_lines(Place::TopLines, block::take_top_lines(&own), own);
    let (pairs, subject) = subject::take_fields(&mail.subject);
    gathered.read(Place::Subject, pairs);
    let parts = [own.as_str(), forwarded].into_iter().filter(|part| !part.trim().is_empty());
    Form { prose: parts.collect::<Vec<_>>().join("\n\n"), subject, ..gathered.form }
}

/// Whether an attachment is a form of its own, well or badly made: it is read, and what it says is its sender's and ours.
pub fn is_form(attachment: &Attachment) -> bool {
    !matches!(xml::read_attachment(attachment), xml::Outcome::NoTicket)
}

/// The merged form, while it is being put together from the strongest place to the weakest.
#[derive(Default)]
struct Gathered {
    form: Form,
    /// Fields that a stronger form names twice: a weaker one must not decide.
    barred: BTreeSet<Field>,
}

impl Gathered {
    /// XML in the body and in attachments counts as one form. Escaped in HTML it is text, so there none is looked for.
    fn read_xml(&mut self, mail: &Mail, text: &str) -> String {
        let body = if mail.from_html { None } else { xml::take_body(text) };
        let (outcome, rest) = body.map_or((None, text.to_owned()), |(outcome, rest)| (Some(outcome), rest));
        let mut all = Vec::new();
        for outcome in outcome.into_iter().chain(mail.attachments.iter().map(xml::read_attachment)) {
            match outcome {
                xml::Outcome::NoTicket => {}
                xml::Outcome::Read(pairs) => all.extend(pairs),
                xml::Outcome::Refused(refusal) => {
                    self.form.refused |= refusal.hostile;
                    self.form.notes.push(FormNote::Refused { why: refusal.why });
                }
            }
        }
        if !self.form.refused {
            self.read(Place::Xml, all);
        }
        rest
    }

    fn read_lines(&mut self, place: Place, found: Option<block::Found>, text: String) -> String {
        let Some(found) = found else { return text };
        self.read(place, found.pairs);
        found.rest
    }

    fn read(&mut self, place: Place, pairs: Vec<Pair>) {
        if !pairs.is_empty() {
            self.form.places.push(place);
        }
        let mut fields: BTreeMap<Field, Vec<String>> = BTreeMap::new();
        for pair in pairs {
            match names::field_named(&pair.name) {
                Some(_) if is_absent(&pair.value) => {}
                Some(field) => {
                    let values = fields.entry(field).or_default();
                    if !values.iter().any(|value| is_same(value, &pair.value)) {
                        values.push(pair.value);
                    }
                }
                None => self.keep_unknown(pair),
            }
        }
        fields.into_iter().for_each(|(field, values)| self.take(field, values));
    }

    fn take(&mut self, field: Field, mut values: Vec<String>) {
        let held = self.form.fields.get(&field);
        match (held, values.len()) {
            (_, 2..) => {
                if held.is_none() {
                    self.barred.insert(field);
                }
                self.form.notes.push(FormNote::Twice { field, values });
            }
            (Some(taken), _) if values.iter().any(|value| !is_same(taken, value)) => {
                let note = FormNote::Disagree { field, taken: taken.clone(), left: values.swap_remove(0) };
                self.form.notes.push(note);
            }
            (Some(_), _) => {}
            (None, _) if self.barred.contains(&field) => {}
            (None, _) => self.form.fields.extend(values.pop().map(|value| (field, value))),
        }
    }

    fn keep_unknown(&mut self, pair: Pair) {
        if self.form.unknown.len() < MOST_UNKNOWN {
            self.form.notes.push(FormNote::Unknown { name: pair.name.clone() });
            self.form.unknown.push((pair.name, pair.value));
        }
    }
}

/// Unknown names kept of one mail.
const MOST_UNKNOWN: usize = 100;

/// Values are the same without case and separators; long ones to the letter.
fn is_same(one: &str, other: &str) -> bool {
    one == other || (one.len().max(other.len()) <= 256 && names::normalise(one) == names::normalise(other))
}

/// Joins a value that was wrapped over lines: after `-`, `_` and `/` without a blank, else with one. A field of running
/// text keeps its lines.
fn join_wrapped(parts: &[&str], field: Option<Field>) -> String {
    let running = matches!(
        field,
        Some(
            Field::Description
                | Field::DetailedSolution
                | Field::DiaryOfSteps
                | Field::InternalDiary
                | Field::PublicDiary
        )
    );
    if running {
        return lines::join(parts.iter().copied());
    }
    let mut joined = String::new();
    for part in parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        if !joined.is_empty() && !joined.ends_with(['-', '_', '/']) {
            joined.push(' ');
        }
        joined.push_str(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message::{Attachment, sample};

    fn read(subject: &str, text: &str) -> Form {
        forms(&sample(subject, text), text)
    }

    fn twice(field: Field, values: [&str; 2]) -> FormNote {
        FormNote::Twice { field, values: values.map(str::to_owned).to_vec() }
    }

    #[test]
    fn xml_comes_before_the_block_before_the_top_before_the_subject() {
        let text = "VO: top\nSITE: top\nPRIORITY: top\n\nText.\n<Ticket>\n<VO>xml</VO>\n</Ticket>\nText.\n\n\
                    CONCERNED VO: end\nNOTIFIED SITE: end";
        let form = read("[VO=s] [SITE=s] [PRIORITY=s] [TYPE=team] broken", text);
        let values: Vec<(Field, &str)> = form.fields.iter().map(|(field, value)| (*field, value.as_str())).collect();
        assert_eq!(
            values,
            [(Field::Priority, "top"), (Field::Site, "end"), (Field::TicketType, "team"), (Field::Vo, "xml")]
        );
        assert_eq!(form.places, [Place::Xml, Place::EndBlock, Place::TopLines, Place::Subject]);
        assert_eq!(form.notes.len(), 6, "{:?}", form.notes);
        let note = FormNote::Disagree { field: Field::Vo, taken: "xml".into(), left: "end".into() };
        assert!(form.notes.contains(&note));
        assert_eq!((form.subject.as_str(), form.prose.as_str()), ("broken", "Text.\nText."));
    }

    #[test]
    fn a_field_named_twice_has_no_value_not_even_from_a_weaker_form() {
        let form = read("[SITE=pic]", "x\n\nNOTIFIED SITE: INFN-T1\nAFFECTED SITE: FZK-LCG2");
        assert_eq!(form.fields.get(&Field::Site), None);
        assert_eq!(form.notes, [twice(Field::Site, ["INFN-T1", "FZK-LCG2"])]);
    }

    #[test]
    fn two_request_ids_are_noted() {
        let form = read("", "<Ticket>\n<TICKET>1</TICKET><GHD_Request-ID>2</GHD_Request-ID>\n</Ticket>");
        assert_eq!(form.notes, [twice(Field::RequestId, ["1", "2"])]);
    }

    #[test]
    fn the_same_value_in_other_spelling_is_no_conflict() {
        let form = read("[VO=ATLAS]", "x\n\nSITE: infn_t1\nNOTIFIED SITE: INFN-T1\nVO: atlas");
        assert_eq!((form.fields[&Field::Site].as_str(), form.notes.len()), ("infn_t1", 0));
    }

    #[test]
    fn absent_values_leave_the_field_to_a_weaker_form() {
        let form = read("[VO=atlas]", "x\n\nVO: none\nSITE: -\nPRIORITY: n/a\nTYPE:");
        assert_eq!(form.fields, BTreeMap::from([(Field::Vo, "atlas".to_owned())]));
        assert_eq!((form.prose.as_str(), form.notes.len()), ("x", 0));
    }

    #[test]
    fn unknown_names_are_kept_and_noted() {
        let form = read("", "x\n\nQUEUE: long\nVO: ops");
        assert_eq!(form.unknown, [("QUEUE".to_owned(), "long".to_owned())]);
        assert_eq!(form.notes, [FormNote::Unknown { name: "QUEUE".into() }]);
    }

    #[test]
    fn a_refused_form_gives_no_field_and_the_others_are_read() {
        let text = "<!DOCTYPE x>\n<Ticket><VO>ops</VO></Ticket>\n\nSITE: pic";
        let form = read("", text);
        assert!(form.refused && matches!(form.notes[0], FormNote::Refused { .. }));
        assert_eq!(form.fields, BTreeMap::from([(Field::Site, "pic".to_owned())]));
        let slip = read("", "<Ticket><VO>ops</Ticket>\n\nSITE: pic");
        assert!(!slip.refused && slip.notes.len() == 1 && slip.fields.len() == 1);
        assert!(slip.prose.starts_with("<Ticket>"));
    }

    #[test]
    fn xml_is_read_from_an_attachment_and_not_from_escaped_html() {
        let mut mail = sample("s", "see attachment");
        mail.attachments.push(Attachment {
            name: "ticket.xml".into(),
            media_type: "application/octet-stream".into(),
            bytes: b"<Ticket><GHD_Priority>urgent</GHD_Priority></Ticket>".to_vec(),
        });
        assert_eq!(forms(&mail, "see attachment").fields[&Field::Priority], "urgent");
        let mut html = sample("s", "");
        html.from_html = true;
        assert!(forms(&html, "<Ticket>\n<VO>ops</VO>\n</Ticket>").fields.is_empty());
    }

    #[test]
    fn forwarded_text_is_prose() {
        let text = "VO: ops\n\nPlease see below.\n\n---------- Forwarded message ----------\nFrom: a@x.example\n\
                    Subject: old\n\nSITE: pic";
        let form = read("", text);
        assert_eq!(form.fields, BTreeMap::from([(Field::Vo, "ops".to_owned())]));
        assert!(form.prose.ends_with("SITE: pic"), "{}", form.prose);
    }

    #[test]
    fn a_text_of_nothing_but_fields_leaves_no_prose() {
        let form = read("s", "TICKET: 57890\nSTATUS: solved\nSOLUTION: The BDII was\n  restarted.");
        assert_eq!(form.fields[&Field::DetailedSolution], "The BDII was\nrestarted.");
        assert_eq!((form.prose.as_str(), form.places.as_slice()), ("", [Place::EndBlock].as_slice()));
    }

    #[test]
    fn hostile_sizes_are_read_once() {
        let form = read("", &"VO: x\n  y\n".repeat(50_000));
        assert!(form.fields.len() <= 1);
        let form = read("", &"<Ticket>\n".repeat(50_000));
        assert_eq!(form.notes.len(), 1);
    }
}

//! Structured content of a mail: the machine block at the end, `Key: value` lines at the top, `<Ticket>` XML, fields in
//! the subject. Which names there are is protocol section 4; this file reads them and refuses to know what they do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::Mail;

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

/// Reads all forms of a mail. `newest` is the text without quote and signature, from [`reply::cut`](super::reply::cut);
/// forms are looked for there and in XML attachments, never in quotes or attached mails.
pub fn forms(mail: &Mail, newest: &str) -> Form {
    let _ = (mail, newest);
    todo!("reader")
}

/// The field that a written name means: without case, hyphen, underscore and blank alike, with or without `GHD_`,
/// in the six languages.
pub fn field_named(name: &str) -> Option<Field> {
    let _ = name;
    todo!("reader")
}

/// Whether a value means "absent": `none`, `n/a`, `-`, empty.
pub fn is_absent(value: &str) -> bool {
    let _ = value;
    todo!("reader")
}

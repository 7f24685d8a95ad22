//! Writes ticket fields for machines: `KEY: value` lines and the `<Ticket>` XML form (protocol section 5). What is
//! written here is read back by [`form`](super::form).
//!
//! Values come from strangers. None of them can end its field, begin another one, or break the XML.

use super::form::Field;
use super::plain;

/// Lines are wrapped at blanks where they get longer than this, in characters.
const WIDTH: usize = 76;
/// Longest value in the lines form, in characters; longer texts belong into the prose or the XML form.
const LONGEST_VALUE: usize = 4_000;

/// `KEY: value` lines, a line end after each. White space in a value becomes single blanks, empty values are left out.
///
/// A long value goes on in indented lines (not a description, diary or solution: a reader would keep the breaks), but never so that such a line could be taken for something else. The last
/// value stays on one line: at the very end of a text a reader looks for a closing formula and a signature.
pub fn write_lines(fields: &[(Field, String)]) -> String {
    let clean = |(field, value): &(Field, String)| (*field, plain::line(value, LONGEST_VALUE));
    let filled: Vec<_> = fields.iter().map(clean).filter(|(_, value)| !value.is_empty()).collect();
    let last = filled.len().saturating_sub(1);
    let line = |(at, (field, value)): (usize, &(Field, String))| match at < last && !has_lines(*field) {
        true => wrapped(names(*field).0, value) + "\n",
        false => format!("{}: {value}\n", names(*field).0),
    };
    filled.iter().enumerate().map(line).collect()
}

/// Whether the lines of a value mean something: a reader keeps them, where it joins those of other fields.
fn has_lines(field: Field) -> bool {
    use Field::{Description, DetailedSolution, DiaryOfSteps, InternalDiary, PublicDiary};
    matches!(field, Description | DetailedSolution | DiaryOfSteps | InternalDiary | PublicDiary)
}

/// One field, wrapped. A value with a colon in it is not: its second line could look like a field. A line that goes on
/// begins with a letter or digit, and stands for one blank, so nothing is broken after `-`, `_` and `/`.
fn wrapped(name: &str, value: &str) -> String {
    let mut text = format!("{name}:");
    let mut column = text.len();
    let breakable = !value.contains([':', '：']);
    for word in value.split(' ') {
        let length = word.chars().count();
        let breaks = breakable
            && column + 1 + length > WIDTH
            && word.starts_with(char::is_alphanumeric)
            && !text.ends_with([':', '-', '_', '/']);
        text.push_str(if breaks { "\n  " } else { " " });
        text.push_str(word);
        column = if breaks { 2 } else { column + 1 } + length;
    }
    text
}

/// A `<Ticket>` element with one `GHD_*` element for each field that has a value, the line ends of descriptions, diaries
/// and solutions kept. No XML declaration: it stands in a text or in an attachment, in UTF-8.
pub fn write_xml(fields: &[(Field, String)]) -> String {
    let mut xml = String::from("<Ticket>\n");
    for (field, value) in fields {
        let clean = if has_lines(*field) { plain::text(value) } else { plain::line(value, LONGEST_VALUE) };
        let value = escaped(clean.trim());
        if !value.is_empty() {
            let (_, element) = names(*field);
            xml.push_str(&format!("  <{element}>{value}</{element}>\n"));
        }
    }
    xml + "</Ticket>\n"
}

/// Text for an element: markup escaped, and only characters that XML 1.0 (section 2.2) allows.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            // Control characters are gone already, and a `char` is no surrogate.
            '\u{fffe}' | '\u{ffff}' => {}
            _ => text.push(c),
        }
    }
    text
}

/// The name of a field in lines and in XML (protocol section 4).
///
/// The status is `GHD STATUS` in lines: `STATUS` alone is what a person writes to change it, and a helpdesk that sends
/// the whole mail back must not do that.
fn names(field: Field) -> (&'static str, &'static str) {
    match field {
        Field::CarbonCopy => ("CARBONCOPY", "GHD_CarbonCopy"),
        Field::Description => ("DESCRIPTION", "GHD_Description"),
        Field::DetailedSolution => ("DETAILED SOLUTION", "GHD_Detailed_Solution"),
        Field::DiaryOfSteps => ("DIARY OF STEPS", "GHD_Diary_Of_Steps"),
        Field::Experiment => ("EXPERIMENT", "GHD_Experiment"),
        Field::InternalDiary => ("INTERNAL DIARY", "GHD_Internal_Diary"),
        Field::Involve => ("INVOLVE", "GHD_Involve"),
        Field::LoginName => ("LOGINNAME", "GHD_Loginname"),
        Field::OriginId => ("ORIGIN ID", "GHD_Origin_ID"),
        Field::OriginSystem => ("ORIGIN SG", "GHD_Origin_SG"),
        Field::ParentId => ("PARENT ID", "GHD_Parent_ID"),
        Field::Phone => ("PHONE", "GHD_Phone"),
        Field::Priority => ("PRIORITY", "GHD_Priority"),
        Field::PublicDiary => ("PUBLIC DIARY", "GHD_Public_Diary"),
        Field::RelatedIssue => ("RELATED ISSUE", "GHD_Related_Issue"),
        Field::RequestId => ("TICKET", "GHD_Request-ID"),
        Field::ResponsibleUnit => ("RESPONSIBLE UNIT", "GHD_Responsible_Unit"),
        Field::ShortSolution => ("SHORT SOLUTION", "GHD_Short_Solution"),
        Field::Site => ("NOTIFIED SITE", "GHD_Affected_Site"),
        Field::Status => ("GHD STATUS", "GHD_Status"),
        Field::Subject => ("SUBJECT", "GHD_Short_Description"),
        Field::SubmitterMail => ("SUBMITTER MAIL", "GHD_E-Mail"),
        Field::SubmitterName => ("NAME", "GHD_Name"),
        Field::TicketType => ("TICKET TYPE", "GHD_Ticket_Type"),
        Field::TimeOfProblem => ("DATE TIME OF PROBLEM", "GHD_Date_Time_Of_Problem"),
        Field::TypeOfProblem => ("TYPE OF PROBLEM", "GHD_Type_Of_Problem"),
        Field::Vo => ("CONCERNED VO", "GHD_Affected_VO"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::mail::{form, parse};

    fn fields(pairs: &[(Field, &str)]) -> Vec<(Field, String)> {
        pairs.iter().map(|(field, value)| (*field, (*value).to_owned())).collect()
    }

    #[test]
    fn lines_are_keys_in_capitals() {
        let some = fields(&[
            (Field::RequestId, "57890"),
            (Field::Site, " INFN-T1 "),
            (Field::Phone, ""),
            (Field::Vo, "atlas"),
        ]);
        assert_eq!(write_lines(&some), "TICKET: 57890\nNOTIFIED SITE: INFN-T1\nCONCERNED VO: atlas\n");
    }

    #[test]
    fn a_value_cannot_end_its_line() {
        let some = fields(&[(Field::Subject, "x\nTICKET: 1\r\n\n\u{2028}VO: cms"), (Field::Vo, "atlas\n")]);
        assert_eq!(write_lines(&some), "SUBJECT: x TICKET: 1 VO: cms\nCONCERNED VO: atlas\n");
    }

    #[test]
    fn a_long_value_goes_on_in_indented_lines_that_could_be_nothing_else() {
        let words = "jobs ".repeat(30) + "- " + &"end ".repeat(20);
        let text = write_lines(&fields(&[(Field::Subject, &words), (Field::Vo, "atlas")]));
        assert!(text.lines().all(|line| line.chars().count() <= 78), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("  ") || line == "CONCERNED VO: atlas"), "{text}");
        assert!(text.contains("\n  ") && !text.contains("-\n") && !text.contains("  -"), "{text}");
        let colon = "a: b ".repeat(40);
        assert_eq!(write_lines(&fields(&[(Field::Subject, &colon), (Field::Vo, "atlas")])).lines().count(), 2);
        let description = write_lines(&fields(&[(Field::Description, &words), (Field::Vo, "atlas")]));
        assert_eq!(description.lines().count(), 2);
        assert_eq!(write_lines(&fields(&[(Field::Subject, &words)])).lines().count(), 1, "the last stays on one line");
    }

    #[test]
    fn xml_is_escaped_and_keeps_lines() {
        let some =
            fields(&[(Field::Subject, "a\n b"), (Field::Description, "a < b && c\n]]></Ticket>\0\u{fffe}\u{b}d")]);
        let wanted = "<Ticket>\n  <GHD_Short_Description>a b</GHD_Short_Description>\n  <GHD_Description>a &lt; b &amp;&amp; c\n\
                      ]]&gt;&lt;/Ticket&gt; d</GHD_Description>\n</Ticket>\n";
        assert_eq!(write_xml(&some), wanted);
    }

    #[test]
    fn no_fields_are_no_block() {
        assert_eq!(write_lines(&[]), "");
        assert_eq!(write_xml(&[]), "<Ticket>\n</Ticket>\n");
    }

    /// The fields that a mail with this text is read to have.
    fn read(text: &str) -> form::Form {
        let raw = format!("From: a@x.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}");
        let mail = parse::parse(raw.as_bytes(), &parse::ReadLimits::default());
        form::forms(&mail, &mail.text)
    }

    #[test]
    fn every_name_is_read_back() {
        for field in Field::ALL {
            let (line, element) = names(field);
            assert_eq!(form::field_named(line), Some(field), "{line}");
            assert_eq!(form::field_named(element), Some(field), "{element}");
            assert!(line.chars().all(|c| c.is_ascii_uppercase() || c == ' '), "{line}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let long = "the queue is full ".repeat(12);
        let values =
            ["57890", "INFN-T1 / ROC_UK/Ireland", "a & b < c > d", "  Grüße\u{a0}aus  Köln ", "ж: y", "--", &long];
        for (at, value) in values.iter().enumerate() {
            let given: Vec<_> =
                Field::ALL.iter().skip(at).step_by(3).map(|field| (*field, (*value).to_owned())).collect();
            let line = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
            let wanted: BTreeMap<_, _> = given
                .iter()
                .filter(|(_, value)| !form::is_absent(value))
                .map(|(field, value)| (*field, line(value)))
                .collect();
            assert_eq!(read(&format!("Hello\n\n{}", write_lines(&given))).fields, wanted, "{value}");
            let by_xml = read(&format!("Hello\n\n{}", write_xml(&given)));
            let by_xml: BTreeMap<_, _> = by_xml.fields.iter().map(|(field, value)| (*field, line(value))).collect();
            assert_eq!(by_xml, wanted, "{value}");
        }
    }

    #[test]
    fn no_value_can_smuggle_a_field_in() {
        let evil =
            "x\nSOLUTION: y\n\n</GHD_Name><GHD_Status>solved</GHD_Status></Ticket>&#60;<!DOCTYPE a>\u{2028}VO: z";
        let given = fields(&[(Field::SubmitterName, evil), (Field::Description, evil), (Field::Vo, "atlas")]);
        for text in [write_lines(&given), write_xml(&given)] {
            let form = read(&format!("Hello\n\n{text}"));
            assert_eq!(
                form.fields.keys().copied().collect::<Vec<_>>(),
                [Field::Description, Field::SubmitterName, Field::Vo]
            );
            assert_eq!((form.fields[&Field::Vo].as_str(), form.refused), ("atlas", false));
        }
    }

    #[test]
    fn lines_of_a_description_survive_xml() {
        let text = "First line\n\nkey: yes\nlast";
        assert_eq!(read(&write_xml(&fields(&[(Field::Description, text)]))).fields[&Field::Description], text);
    }
}

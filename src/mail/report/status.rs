//! The groups of `message/delivery-status` (RFC 3464 section 2.3). All parts of a mail together make one report; what its
//! text tells is asked only where the groups do not say why.

use super::class::{self, Said};
use super::text::Told;
use super::{Delivery, LONGEST, MOST_RECIPIENTS, Report};
use crate::mail::address::Address;
use crate::mail::message::Header;
use crate::mail::parse::header_fields;
use crate::mail::plain;

/// Reads the groups, where there are any.
pub fn read(groups: &str, told: &Told<'_>) -> Option<Report> {
    let groups = groups.replace("\r\n", "\n");
    groups.split("\n\n").flat_map(per_recipient).filter_map(|group| of_recipient(&group, told)).reduce(worse)
}

/// Some servers leave out the blank line between two groups.
fn per_recipient(group: &str) -> Vec<Vec<Header>> {
    let mut groups: Vec<Vec<Header>> = vec![Vec::new()];
    for field in header_fields(group) {
        let begins = field.name.eq_ignore_ascii_case("Final-Recipient");
        let is_new = |last: &Vec<Header>| begins && value(last, "Final-Recipient").is_some();
        match groups.last_mut() {
            Some(last) if !is_new(last) => last.push(field),
            _ => groups.push(vec![field]),
        }
    }
    groups
}

fn value<'a>(fields: &'a [Header], name: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.as_str())
}

/// What one group tells; `None` for the group that tells of the whole mail.
fn of_recipient(fields: &[Header], told: &Told<'_>) -> Option<Report> {
    let named = ["Final-Recipient", "Original-Recipient", "X-Actual-Recipient"];
    let named: Vec<&str> = named.into_iter().filter_map(|name| value(fields, name)).collect();
    let action = value(fields, "Action").map(|action| action.trim().to_lowercase());
    if named.is_empty() && action.is_none() {
        return None;
    }
    let address = named.into_iter().find_map(|text| Address::parse(text.rsplit(';').next().unwrap_or(text)));
    let said = value(fields, "Diagnostic-Code").map(|text| text.split_once(';').map_or(text, |(_, said)| said).trim());
    let status = status(value(fields, "Status"), said);
    let delivery = match action.as_deref() {
        Some("delivered" | "relayed" | "expanded") => Delivery::Delivered,
        Some("delayed") => Delivery::Delayed,
        _ if status.is_some_and(|status| status.starts_with('2')) => Delivery::Delivered,
        _ => {
            let words = said.filter(|said| said.chars().any(char::is_alphabetic)).map(str::to_owned);
            let words = words.unwrap_or_else(|| told.about(address.as_ref()));
            class::of_failure(Said { status, words: &words, to_data: told.to_data() })
        }
    };
    Some(Report {
        delivery,
        recipients: address.into_iter().collect(),
        status: status.map(str::to_owned),
        diagnostic: said.map(|text| plain::line(text, LONGEST)).filter(|text| !text.is_empty()),
        returned_ids: Vec::new(),
    })
}

/// The field's status, or what the other server said where the field says nothing (`5.0.0`).
fn status<'a>(field: Option<&'a str>, said: Option<&'a str>) -> Option<&'a str> {
    let own = field.and_then(class::status_in);
    let precise = said.and_then(class::status_in).filter(|_| own.is_none_or(|own| own.ends_with(".0.0")));
    precise.or(own)
}

/// The worse of two; where they are alike, both recipients.
fn worse(one: Report, other: Report) -> Report {
    if one.delivery != other.delivery {
        return if one.delivery > other.delivery { one } else { other };
    }
    let recipients = one.recipients.into_iter().chain(other.recipients).take(MOST_RECIPIENTS).collect();
    let (status, diagnostic) = (one.status.or(other.status), one.diagnostic.or(other.diagnostic));
    Report { recipients, status, diagnostic, ..other }
}

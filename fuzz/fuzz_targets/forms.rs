//! Machine blocks and `<Ticket>` XML: what is read can be written and reads the same, and no value smuggles a field in.
#![no_main]

use std::collections::BTreeMap;

use ggus_gateway::mail::block::{write_lines, write_xml};
use ggus_gateway::mail::control::controls;
use ggus_gateway::mail::form::{Field, Form, Place, forms, is_absent};
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::plain;
use ggus_gateway::mail::reply::cut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let form = read(raw);
    assert!(form.unknown.len() <= 100);
    assert!(!form.refused || !form.places.contains(&Place::Xml));
    assert!(form.fields.values().all(|value| !is_absent(value)), "{:?}", form.fields);
    is_read_back(form.fields.into_iter().collect());
    // The same with values that no form would have given: every line is one.
    let text = String::from_utf8_lossy(raw);
    let text = plain::text(&text);
    let lines = text.split('\n').chain([text.as_str()]);
    is_read_back(Field::ALL.into_iter().zip(lines.map(str::to_owned)).collect());
});

fn read(raw: &[u8]) -> Form {
    let mail = parse(raw, &ReadLimits::default());
    forms(&mail, &controls(&cut(&mail.text).newest).rest)
}

/// What is written reads the same in the whole text and in what is left of it when quotes and footers are cut off, and no
/// value adds a field or an order.
fn is_read_back(fields: Vec<(Field, String)>) {
    let line = |value: &str| plain::line(value, 4_000);
    let given = fields.iter().map(|(field, value)| (*field, line(value)));
    let wanted: BTreeMap<Field, String> = given.filter(|(_, value)| !is_absent(value)).collect();
    for text in [write_lines(&fields), write_xml(&fields)] {
        let raw = format!("Content-Type: text/plain; charset=utf-8\r\n\r\nHello\n\n{text}");
        let mail = parse(raw.as_bytes(), &ReadLimits::default());
        let newest = cut(&mail.text).newest;
        for read in [forms(&mail, &mail.text), forms(&mail, &newest)] {
            let read: BTreeMap<Field, String> =
                read.fields.iter().map(|(field, value)| (*field, line(value))).collect();
            assert_eq!(read, wanted, "{text}");
        }
        assert_eq!(controls(&newest).lines, [], "{text}");
    }
}

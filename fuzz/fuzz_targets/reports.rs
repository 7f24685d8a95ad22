//! Delivery reports: whatever a server sends back is one bounded report or none, and one that is written by the book is
//! read by it, whatever the other server said.
#![no_main]

use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::report::{Delivery, report};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let mail = parse(raw, &ReadLimits::default());
    if let Some(read) = report(&mail) {
        assert!(read.recipients.len() <= 50 && read.returned_ids.len() <= 20, "{read:?}");
        let diagnostic = read.diagnostic.unwrap_or_default();
        assert!(diagnostic.chars().count() <= 400 && !diagnostic.contains(char::is_control), "{diagnostic:?}");
        let is_code = |code: &String| code.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        assert!(read.status.as_ref().is_none_or(is_code), "{:?}", read.status);
    }
    let said: String = String::from_utf8_lossy(raw).chars().filter(|c| !c.is_control()).take(200).collect();
    let mail = parse(by_the_book(&said).as_bytes(), &ReadLimits::default());
    let read = report(&mail).expect("a report");
    assert_ne!(read.delivery, Delivery::Delivered);
    assert_eq!(read.recipients.iter().map(|address| address.as_str()).collect::<Vec<_>>(), ["roc@x.example"]);
    assert_eq!(read.status.as_deref(), Some("5.1.1"));
    assert_eq!(read.returned_ids.first().map(|id| id.as_str()), Some("57890.1.abcdefghijklmnop@ggus.example"));
});

fn by_the_book(said: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"=_b\"\n\n\
         --=_b\n\nIt could not be delivered.\n\n--=_b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; roc@x.example\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; {said}\n\n--=_b\nContent-Type: text/rfc822-headers\n\n\
         Message-ID: <57890.1.abcdefghijklmnop@ggus.example>\nSubject: [GGUS:57890] CE down\n\n--=_b--\n"
    )
}

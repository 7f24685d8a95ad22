//! What the desk composes, its own reader reads: the same subject with the tag, the same text, the same attachments.

use ggus_gateway::desk::decision::{Automatic, Outbound, Recipient, Template, Words};
use ggus_gateway::desk::policy::{Desk, Trust};
use ggus_gateway::desk::tag::{Keys, Tags};
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::mail::language::Language;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::{Address, Attachment, Mail, MessageId};
use ggus_gateway::render::{Templates, compose};
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn desk() -> Desk {
    Desk {
        name: "GGUS".into(),
        display_name: "GGUS Support".into(),
        address: Address::parse("support@ggus.example").unwrap(),
        aliases: Vec::new(),
        subaddress: Some('+'),
        instance: "ggus-1".into(),
        language: Language::En,
        time_zone: TimeZone::UTC,
        operators: Vec::new(),
        portals: Vec::new(),
        trusted_servers: Vec::new(),
        submitter_trust: Trust::Address,
        vos: Vec::new(),
        problem_types: Vec::new(),
        tags: Tags::new("GGUS").unwrap(),
        keys: Keys::new(vec![vec![7; 32]]).unwrap(),
        read_limits: ReadLimits::default(),
    }
}

fn outbound(to: &str, to_name: Option<&str>, subject: &str, attachments: Vec<Attachment>) -> Outbound {
    let thread = ["first@x.example", "second@x.example"];
    Outbound {
        ticket: Some((TicketId(57890), 3)),
        recipient: Recipient::User,
        to: Address::parse(to).unwrap(),
        to_name: to_name.map(str::to_owned),
        template: Template::Comment,
        language: Language::En,
        subject: subject.to_owned(),
        words: Words::default(),
        message_id: MessageId::made("57890.3.abcdefghijklmnop", "ggus.example"),
        in_reply_to: MessageId::parse("second@x.example"),
        references: thread.iter().filter_map(|id| MessageId::parse(id)).collect(),
        reply_to: Address::parse("support+57890.abcdefghijklmnop@ggus.example"),
        envelope_sender: None,
        automatic: Some(Automatic::Generated),
        headers: Vec::new(),
        leave_out: Vec::new(),
        attachments,
    }
}

fn sent_and_read(outbound: &Outbound, body: &str) -> Mail {
    let date = "2026-11-23T14:05:00Z".parse().unwrap();
    parse(&compose(outbound, body, &desk(), date), &ReadLimits::default())
}

fn attachment(name: &str, media_type: &str, bytes: &[u8]) -> Attachment {
    Attachment { name: name.into(), media_type: media_type.into(), bytes: bytes.into() }
}

#[test]
fn every_header_is_read_back() {
    let mail = sent_and_read(&outbound("anna@infn.example", Some("Анна Росси"), "[GGUS:57890] x", Vec::new()), "x");
    assert_eq!(mail.sender().unwrap().as_str(), "support@ggus.example");
    assert_eq!(mail.author.mailbox.as_ref().unwrap().name.as_deref(), Some("GGUS Support"));
    assert!(mail.author.plain);
    assert_eq!(mail.to[0].name.as_deref(), Some("Анна Росси"));
    assert_eq!(mail.to[0].address.as_str(), "anna@infn.example");
    assert_eq!(mail.reply_to[0].address.as_str(), "support+57890.abcdefghijklmnop@ggus.example");
    assert_eq!(mail.message_id, Some(MessageId::made("57890.3.abcdefghijklmnop", "ggus.example")));
    assert_eq!(mail.in_reply_to, [MessageId::parse("second@x.example").unwrap()]);
    assert_eq!(mail.references.len(), 2);
    assert_eq!(mail.date, Some("2026-11-23T14:05:00Z".parse().unwrap()));
    assert_eq!(mail.header("X-GGUS-Ticket"), Some("57890"));
    assert_eq!(mail.header("X-GGUS-Loop"), Some("ggus-1"));
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(mail.faults, []);
}

#[test]
fn strange_addresses_are_read_back() {
    for to in ["a..b@x.example", "a.@x.example", "o'neil+x@x.example", "=?b?@x.example"] {
        for name in [None, Some("Rossi, Anna"), Some("Quote \" and \\ stroke"), Some("=?utf-8?q?no?=")] {
            let mail = sent_and_read(&outbound(to, name, "[GGUS:57890] x", Vec::new()), "x");
            assert_eq!(mail.to.len(), 1, "{to} {name:?}");
            assert_eq!((mail.to[0].address.as_str(), mail.to[0].name.as_deref()), (to, name));
        }
    }
}

#[test]
fn attachments_are_read_back() {
    let all: Vec<u8> = (0..=255).collect();
    let mail = "From: a@x.example\r\nSubject: inner\r\n\r\n[GGUS:1]\r\n--=_\r\n".as_bytes();
    let given = vec![
        attachment("core.4711", "application/octet-stream", &all),
        attachment("Protokoll – Störung (1); neu.log", "text/plain", "Zeile\nZeile 2 \u{e4}\n\n".as_bytes()),
        attachment("скриншот с очень длинным именем, которое не помещается в одну строку.png", "image/png", b"\x89PNG"),
        attachment("old mail.eml", "message/rfc822", mail),
        attachment("empty", "application/pdf", b""),
    ];
    let read = sent_and_read(&outbound("anna@infn.example", None, "[GGUS:57890] x", given.clone()), "Grüße\n");
    assert_eq!(read.text.trim_end(), "Grüße");
    assert_eq!(read.attachments, given);
    assert_eq!(read.faults, []);
}

#[test]
fn every_mail_of_the_desk_is_read_back_with_its_tag_and_its_text() {
    let templates = Templates::built_in();
    let tags = Tags::new("GGUS").unwrap();
    for template in Template::ALL {
        for language in Language::ALL {
            let words = Words {
                tag: "[GGUS:57890]".into(),
                title: "Störung: задание 17 «не идёт» in INFN-T1".into(),
                text: format!("Line\n\n{}\n  – ende\t= \n\nFrom here", "ж".repeat(1_500)),
                block: "TICKET: 57890\nNOTIFIED SITE: INFN-T1\n".into(),
                ..Words::default()
            };
            let subject = format!("{} {}", words.tag, words.title);
            let body = templates.fill(template, language, &words);
            let read = sent_and_read(&outbound("anna@infn.example", None, &subject, Vec::new()), &body);
            assert_eq!(read.subject, subject);
            assert_eq!(tags.read(&read.subject).into_iter().collect::<Vec<_>>(), [TicketId(57890)]);
            assert_eq!(read.text.trim_end(), body.trim_end(), "{language}/{}", template.name());
            assert_eq!(read.faults, [], "{language}/{}", template.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_subject_comes_back_on_one_line_with_the_desks_tag_first(title in "\\PC{0,255}") {
        let mail = sent_and_read(&outbound("a@x.example", None, &format!("[GGUS:57890] {title}"), Vec::new()), "x");
        let wanted = format!("[GGUS:57890] {title}").split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(visible(&mail.subject), visible(&wanted));
        let plain = sent_and_read(&outbound("a@x.example", None, "[GGUS:57890] x", Vec::new()), "x");
        prop_assert_eq!(mail.headers.len(), plain.headers.len());
    }

    #[test]
    fn any_text_comes_back(text in "(\\PC{0,90}\n){0,9}") {
        let mail = sent_and_read(&outbound("a@x.example", None, "[GGUS:57890] x", Vec::new()), &text);
        prop_assert_eq!(visible(&mail.text), visible(&text));
    }

    #[test]
    fn any_file_comes_back(name in "[\\PC&&[^/\\\\]]{1,120}", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let given = attachment(&name, "application/octet-stream", &bytes);
        let mail = sent_and_read(&outbound("a@x.example", None, "[GGUS:57890] x", vec![given]), "x");
        prop_assert_eq!(mail.attachments.len(), 1);
        prop_assert_eq!(&mail.attachments[0].bytes, &bytes);
    }
}

/// Without what both sides take out of texts: marks of writing direction and other invisible characters; with one kind of
/// line end and single blanks.
fn visible(text: &str) -> String {
    let hidden = |c: &char| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{ad}')
            || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let lines = text.replace(['\u{2028}', '\u{2029}'], "\n");
    let shown: String = lines.chars().filter(|c| !hidden(c)).collect();
    let lines = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

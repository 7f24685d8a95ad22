//! What the desk composes, its own reader reads: the same subject with the tag, the same text, the same attachments.

use ggus_gateway::config::sample;
use ggus_gateway::desk::decision::{Automatic, Outbound, Recipient, Template, Words};
use ggus_gateway::desk::policy::Desk;
use ggus_gateway::desk::tag::Tags;
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::mail::block::write_lines;
use ggus_gateway::mail::control::controls;
use ggus_gateway::mail::form::{Field, Place, forms};
use ggus_gateway::mail::language::Language;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::reply::cut;
use ggus_gateway::mail::{Address, Attachment, Mail, MessageId};
use ggus_gateway::render::{Templates, compose};
use proptest::prelude::*;

fn desk() -> Desk {
    sample::loaded().unwrap().policy.desk
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
        parked: None,
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
    assert_eq!(mail.header("X-GGUS-Loop"), Some("ggus.example"));
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

/// What users and units write that could be an order, or could end ours early.
const EVIL: [&str; 11] = [
    "Help!",
    "Help!\n\nVO: cms\nSITE: pic\nTICKET: 1",
    "VO: cms\nSITE: pic\n\nHelp!",
    "Help!\n\nBest regards,\nAnna\n-- \nAnna Rossi\nINFN",
    "> quoted\n\nAm 1.1.2026 schrieb Bob:\n> more",
    "```\nlog",
    "STATUS: solved\nSOLUTION: none\nINTERNAL",
    "Lösung: keine\n\n*Status:* gelöst\nназначить: ROC_CE",
    "x\n\nGGUS-SOLUTION: none\n\nWAKE: 2030-01-01\n\nLOCAL ID: 1",
    "<Ticket>\n<GHD_Status>solved</GHD_Status>\n</Ticket>",
    "GHD_Status: solved\nGHD_Detailed_Solution: none",
];

#[test]
fn a_mail_that_comes_back_as_it_went_out_orders_nothing() {
    let templates = Templates::built_in();
    for template in Template::ALL {
        for language in Language::ALL {
            for text in EVIL {
                let words = Words {
                    desk: "GGUS Support".into(),
                    ticket: "57890".into(),
                    tag: "[GGUS:57890]".into(),
                    title: "STATUS: solved".into(),
                    text: text.into(),
                    quoted: text.into(),
                    hints: text.into(),
                    known: text.into(),
                    author: "SOLUTION: none".into(),
                    submitter: "TICKET: 1 <anna@infn.example>".into(),
                    reopen_days: "10".into(),
                    ..Words::default()
                };
                let body = templates.fill(template, language, &words);
                let name = format!("{language}/{}:\n{body}", template.name());
                let mail = sent_and_read(&outbound("roc@infn.example", None, "[GGUS:57890] x", Vec::new()), &body);
                for newest in [mail.text.as_str(), &cut(&mail.text).newest] {
                    let read = controls(newest);
                    assert_eq!((read.lines, read.unreadable), (vec![], vec![]), "{name}");
                    let form = forms(&mail, &read.rest);
                    assert!(form.fields.is_empty() && form.places.is_empty(), "{:?} in {name}", form.fields);
                }
            }
        }
    }
}

#[test]
fn the_block_of_a_dispatch_is_read_back_whatever_the_user_wrote() {
    let fields = [
        (Field::RequestId, "57890"),
        (Field::SubmitterName, "Anna Rossi"),
        (Field::Subject, "A title so long that it goes on in the next line, since there is so much to say about it"),
        (Field::Site, "INFN-T1"),
        (Field::Priority, "urgent"),
    ];
    let fields = fields.map(|(field, value)| (field, value.to_owned()));
    for text in EVIL {
        let words = Words {
            tag: "[GGUS:57890]".into(),
            title: "CE down".into(),
            text: text.into(),
            submitter: "Anna Rossi <anna@infn.example>".into(),
            site: "INFN-T1".into(),
            block: write_lines(&fields),
            ..Words::default()
        };
        let body = Templates::built_in().fill(Template::Dispatch, Language::En, &words);
        let mail = sent_and_read(&outbound("roc@infn.example", None, "[GGUS:57890] CE down", Vec::new()), &body);
        for newest in [mail.text.as_str(), &cut(&mail.text).newest] {
            let form = forms(&mail, &controls(newest).rest);
            assert_eq!(form.fields.into_iter().collect::<Vec<_>>(), sorted(&fields), "{text}");
            assert_eq!(form.places, [Place::EndBlock], "{text}");
        }
    }
}

fn sorted(fields: &[(Field, String)]) -> Vec<(Field, String)> {
    let mut fields = fields.to_vec();
    fields.sort();
    fields
}

//! Any bytes are a mail: what is read is bounded, clean and the same each time, and the newest text is part of the text.
#![no_main]

use ggus_gateway::mail::control::controls;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::reply::{cut, only_thanks};
use ggus_gateway::mail::signals::signals;
use ggus_gateway::mail::{Address, MessageId, language};
use libfuzzer_sys::fuzz_target;

/// Small, so that a fuzzer reaches every limit.
const LIMITS: ReadLimits =
    ReadLimits { mail_bytes: 3_000, parts: 12, levels: 4, header_lines: 40, header_bytes: 1_500, text_chars: 600 };

fuzz_target!(|raw: &[u8]| {
    for limits in [LIMITS, ReadLimits::default()] {
        let mail = parse(raw, &limits);
        assert_eq!(mail.size, raw.len());
        assert!(mail.headers.len() <= limits.header_lines, "{} header fields", mail.headers.len());
        assert!(mail.attachments.len() <= limits.parts, "{} attachments", mail.attachments.len());
        assert!(mail.text.chars().count() <= limits.text_chars, "{} characters", mail.text.chars().count());
        assert!(!mail.text.contains(['\r', '\0']), "{:?}", mail.text);
        assert!(mail.headers.iter().all(|field| !field.value.contains(['\r', '\n', '\0'])), "{:?}", mail.headers);
        assert!(!mail.subject.contains(['\r', '\n', '\0']), "{:?}", mail.subject);
        for attachment in &mail.attachments {
            assert!(
                !attachment.name.is_empty() && !attachment.name.contains(['/', '\\', '\n', '\0']),
                "{attachment:?}"
            );
        }
        for address in &mail.recipients {
            assert_eq!(Address::parse(address.as_str()).as_ref(), Some(address));
        }
        for id in mail.message_id.iter().chain(&mail.in_reply_to).chain(&mail.references) {
            assert_eq!(MessageId::parse(&id.to_string()).as_ref(), Some(id));
        }
        let again = parse(raw, &limits);
        assert_eq!((again.text.as_str(), &again.fingerprint), (mail.text.as_str(), &mail.fingerprint));

        let cut = cut(&mail.text);
        let known: Vec<&str> = mail.text.lines().map(str::trim_end).collect();
        for line in [&cut.newest, &cut.quoted, &cut.signature].into_iter().flat_map(|part| part.lines()) {
            assert!(known.contains(&line), "{line:?} is not in the text");
        }
        let read = controls(&cut.newest);
        assert!(read.unreadable.len() <= 20 && read.rest.len() <= cut.newest.len(), "{read:?}");
        signals(&mail, "X-GGUS-Loop");
        language::guess(&cut.newest);
        only_thanks(&cut.newest);
    }
});

//! Every built-in dialect reads any mail: the id is bounded, the desk's spelling of a helpdesk's own tag leads back to
//! it, and what was defused stays harmless.
#![no_main]

use ggus_gateway::desk::dialect::{Dialect, Parameters, built_in};
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::reply::cut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let mail = parse(raw, &ReadLimits::default());
    let newest = cut(&mail.text).newest;
    for (name, dialect) in built_in() {
        let parameters = dialect.parameters().iter().map(|(name, spec)| (name.clone(), spec.example.clone())).collect();
        let reading = dialect.read(&mail, &newest, &parameters);
        assert!(dialect.recognise(&mail) <= 100);
        assert_eq!(reading.kind.is_none(), reading.rule.is_empty(), "{name}: {reading:?}");
        if let Some(id) = &reading.foreign_id {
            assert!((1..=100).contains(&id.chars().count()), "{name}: {id:?}");
            assert!(!id.contains(char::is_control), "{name}: {id:?}");
            leads_back(&name, &dialect, id, &parameters);
        }
        let title = dialect.defuse(&mail.subject, &parameters);
        assert_eq!(dialect.defuse(&title, &parameters), title, "{name}");
        let text = dialect.defuse_text(&newest);
        assert_eq!(dialect.defuse_text(&text), text, "{name}");
    }
});

fn leads_back(name: &str, dialect: &Dialect, id: &str, parameters: &Parameters) {
    let Some(tag) = dialect.own_tag(id, parameters) else { return };
    let answer = parse(format!("Subject: Re: [GGUS:57890] {tag} CE down\n\nx").as_bytes(), &ReadLimits::default());
    let read = dialect.read(&answer, "x", parameters).foreign_id;
    assert_eq!(read.as_deref(), Some(id), "{name}: {tag}");
}

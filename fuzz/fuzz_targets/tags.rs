//! Subject tags, tagged addresses and Message-IDs: what the desk writes it reads back, whatever title a stranger chose,
//! and nothing that a stranger writes passes for the desk's own.
#![no_main]

use std::sync::LazyLock;

use ggus_gateway::config::sample;
use ggus_gateway::desk::policy::Desk;
use ggus_gateway::desk::tag::{self, Party};
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::desk::title::{core, title};
use ggus_gateway::mail::{Address, MessageId};
use libfuzzer_sys::fuzz_target;

static DESK: LazyLock<Desk> = LazyLock::new(|| sample::loaded().expect("the samples are sound").policy.desk);

fuzz_target!(|text: &str| {
    let desk = &*DESK;
    let tags = &desk.tags;
    assert!(tags.read(text).is_subset(&tags.read_tolerant(text)));
    let bare = tags.cut_from(text);
    assert_eq!(tags.read(&bare), [].into(), "{bare:?}");
    assert_eq!(tags.cut_from(&bare), bare);

    let ticket = TicketId(1 + text.len() as u64 * 7_919);
    let (title, _) = title(tags, text, text);
    assert!((1..=255).contains(&title.chars().count()), "{title:?}");
    core(&title);
    for tag in [tags.write(ticket), tags.write_historic(ticket)] {
        assert_eq!(tags.read(&format!("Re: {tag} {title}")), [ticket].into(), "{tag} {title:?}");
    }

    if let Some(address) = Address::parse(text)
        && let Some(read) = tag::read_address(desk, &address)
    {
        let party = read.number.map_or(Party::User(address), Party::Envelope);
        assert!(!desk.keys.verify(&read.token, read.ticket, &party), "{text:?} was guessed");
    }
    let id = MessageId::parse(text);
    assert_eq!(id.and_then(|id| tag::read_message_id(desk, &id)), None);

    let unit = Party::Unit(text.into());
    let written = tag::reply_address(desk, ticket, &unit);
    let read = tag::read_address(desk, &written).expect("an address of our own");
    assert!(read.ticket == ticket && desk.keys.verify(&read.token, ticket, &unit), "{written}");
});

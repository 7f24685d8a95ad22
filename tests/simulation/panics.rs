//! A mail over which the code panics spoils only itself.
//!
//! The desk is written not to panic, so it takes a store that no gateway wrote: a ticket that has used up the numbers of
//! its mails. Counting one more overflows, which is a panic in a build with overflow checks, as tests are.

use ggus_gateway::desk::decision::Verdict;
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::mail::Mail;
use ggus_gateway::store::QuarantineFilter;

use crate::disk;
use crate::gateway::{Gateway, Plant};
use crate::letters::Draft;

fn mail(n: u32, subject: &str) -> Vec<u8> {
    let (from, to) = ("anna@lab.example".to_owned(), "support@ggus.example".to_owned());
    let (id, text) = (format!("<{n}@lab.example>"), format!("Text of {subject}."));
    Draft { from, to, subject: subject.to_owned(), id, text, ..Draft::default() }.bytes()
}

#[test]
fn a_mail_that_makes_the_desk_panic_goes_to_quarantine_alone_with_its_bytes() {
    disk::install();
    let folder = tempfile::tempdir().unwrap();
    let now = "2026-11-23T09:00:00Z".parse().unwrap();
    let mut gateway = Gateway::start(&Plant::both()[0], folder.path(), now);
    let take = |gateway: &mut Gateway, mails: &[Vec<u8>]| {
        gateway.mailbox.lying.clear();
        mails.iter().for_each(|raw| gateway.mailbox.put(0, raw.clone()));
        let lying = gateway.mailbox.lying.clone();
        gateway.take(&lying, now).unwrap()
    };
    take(&mut gateway, &[mail(1, "the disk")]);
    let ticket = TicketId(100);
    let tampering = rusqlite::Connection::open(folder.path().join("ggus.example")).unwrap();
    let used_up = format!("UPDATE ticket SET whole = json_set(whole, '$.mails_sent', {})", u32::MAX);
    assert_eq!(tampering.execute(&used_up, []).unwrap(), 1);
    let before = gateway.store().reader().ticket(ticket).unwrap();

    let poison = mail(3, "Re: [GGUS:100] the disk");
    let batch = [mail(2, "the network"), poison.clone(), mail(4, "the door")];
    let verdicts: Vec<Verdict> = take(&mut gateway, &batch).iter().map(|outcome| outcome.decision.verdict).collect();
    assert_eq!(verdicts, [Verdict::Open, Verdict::Quarantine, Verdict::Open]);
    let reader = gateway.store().reader();
    let listed = reader.quarantine(QuarantineFilter::Open, 9).unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].reason.contains("the gateway failed over this mail"), "{}", listed[0].reason);
    assert_eq!(reader.mail(listed[0].mail).unwrap().unwrap().raw, poison);
    assert_eq!(reader.mail_by_digest(&Mail::unread(&poison).digest).unwrap(), Some(listed[0].mail));
    assert_eq!(reader.ticket(ticket).unwrap(), before, "the ticket is as it was");
    assert!(take(&mut gateway, &[poison])[0].duplicate);
}

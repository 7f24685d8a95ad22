//! What is recorded is found again by every key that the desk knows, and by no other.

use ggus_gateway::desk::decision::{Decision, Recipient, Template, Understood, Verdict};
use ggus_gateway::desk::event::{Actor, Event};
use ggus_gateway::desk::inquiry::{Inquiry, Prior, Snapshot};
use ggus_gateway::desk::known::Found;
use ggus_gateway::desk::leg::Leg;
use ggus_gateway::desk::ticket::{Origin, Ticket, TicketId};
use ggus_gateway::desk::trail::Reason;
use ggus_gateway::mail::{Digest, MessageId};
use ggus_gateway::store::{MailNumber, OutboxFilter, QuarantineFilter, Resolution, Store, StoreError, TicketFilter};
use jiff::Timestamp;

use crate::world::*;

fn look(store: &mut Store, inquiry: &Inquiry) -> Snapshot {
    store.batch(|batch| batch.look(inquiry)).unwrap()
}

fn keep_one(store: &mut Store, now: Timestamp, n: Option<u64>, decision: &Decision) -> Option<MailNumber> {
    store.batch(|batch| keep(batch, now, n, decision)).unwrap()
}

/// A decision that changes a ticket and says nothing about it.
fn change(ticket: Ticket) -> Decision {
    Decision { ticket: Some(ticket), ..decision(Verdict::Append) }
}

fn with_foreign_id(id: TicketId, foreign_id: &str) -> Ticket {
    let leg = Leg { foreign_ids: vec![foreign_id.to_owned()], ..Leg::new("ROC_Italy".into(), at(0)) };
    Ticket { legs: vec![leg], ..ticket(id) }
}

#[test]
fn a_ticket_comes_back_as_it_was_given() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    assert_eq!(id, TicketId(1));
    let kept = store.batch(|batch| batch.ticket(id)).unwrap();
    assert_eq!(kept, opening(id).ticket);
    assert_eq!(store.batch(|batch| batch.ticket(TicketId(2))).unwrap(), None);
}

#[test]
fn every_key_leads_to_the_ticket() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    keep_one(&mut store, at(1), None, &change(with_foreign_id(id, "4711")));
    let thread = |message_id: MessageId| Inquiry { message_ids: [message_id].into(), ..Inquiry::default() };
    let inquiries = [
        Inquiry { tickets: [id].into(), ..Inquiry::default() },
        thread(their_id(1)),
        thread(our_id(id, 1)),
        Inquiry { foreign_ids: [("ROC_Italy".into(), "4711".to_owned())].into(), ..Inquiry::default() },
        Inquiry { letters: [(id, 2)].into(), ..Inquiry::default() },
    ];
    for inquiry in inquiries {
        let found = look(&mut store, &inquiry);
        assert_eq!(found.tickets.keys().collect::<Vec<_>>(), [&id], "{inquiry:?}");
        assert_eq!(found.next_ticket, TicketId(2));
    }
}

#[test]
fn a_letter_is_known_by_its_number() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let found = look(&mut store, &Inquiry { letters: [(id, 2), (id, 3)].into(), ..Inquiry::default() });
    assert_eq!(found.letters.len(), 1);
    let letter = &found.letters[&(id, 2)];
    assert_eq!(letter.recipient, Recipient::Unit("ROC_Italy".into()));
    assert_eq!((letter.to.as_str(), &letter.message_id), ("helpdesk@infn.example", &our_id(id, 2)));
}

#[test]
fn the_origin_of_a_ticket_is_a_foreign_id_too() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let origin = Origin { unit: Some("ROC_CE".into()), system: "RT".to_owned(), foreign_id: Some("88".to_owned()) };
    keep_one(&mut store, at(1), None, &change(Ticket { origin: Some(origin), ..ticket(id) }));
    let key = ("ROC_CE".into(), "88".to_owned());
    let found = look(&mut store, &Inquiry { foreign_ids: [key.clone()].into(), ..Inquiry::default() });
    assert_eq!(found.foreign_ids.get(&key), Some(&id));
}

#[test]
fn a_key_that_leads_nowhere_is_left_out() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let inquiry = Inquiry {
        digest: Some(Digest("0".repeat(64))),
        fingerprint: Some(Digest("1".repeat(64))),
        // The second and third are what a subject can name and SQLite can't count to.
        tickets: [TicketId(7), TicketId(u64::MAX), TicketId(i64::MAX as u64 + 1)].into(),
        message_ids: [MessageId::made("unheard", "of.example")].into(),
        foreign_ids: [("ROC_CE".into(), "4711".to_owned())].into(),
        letters: [(id, 99), (TicketId(u64::MAX), 1)].into(),
        correspondent: Some(address("nobody@lab.example")),
        body_print: Some(body_print(9)),
        ..Inquiry::default()
    };
    let empty = Snapshot {
        prior: None,
        tickets: [].into(),
        threads: [].into(),
        foreign_ids: [].into(),
        letters: [].into(),
        answers_to_correspondent: 0,
        answers_in_ticket: [].into(),
        repeats: [].into(),
        recognised: None,
        watched: None,
        known: Found::default(),
        next_ticket: TicketId(2),
    };
    assert_eq!(look(&mut store, &inquiry), empty);
}

#[test]
fn of_too_many_keys_the_first_are_looked_at() {
    let mut store = Store::in_memory().unwrap();
    open_tickets(&mut store, 70);
    let inquiry = Inquiry { tickets: (1..=70).map(TicketId).collect(), ..Inquiry::default() };
    assert_eq!(look(&mut store, &inquiry).tickets.len(), Inquiry::MOST_KEYS);
}

#[test]
fn the_same_bytes_are_the_same_mail_and_the_same_print_is_likely_so() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let prior = Some(Prior { verdict: Verdict::Open, ticket: Some(id) });
    let by_digest = Inquiry { digest: Some(mail(1).digest), ..Inquiry::default() };
    let by_print = Inquiry { digest: Some(mail(2).digest), fingerprint: mail(1).fingerprint, ..Inquiry::default() };
    assert_eq!(look(&mut store, &by_digest).prior, prior);
    assert!(by_print.fingerprint.is_some());
    assert_eq!(look(&mut store, &by_print).prior, prior);
}

#[test]
fn bytes_that_are_there_are_sighted_and_not_kept_twice() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let again = store.batch(|batch| keep(batch, at(1), Some(1), &change(Ticket { vo: None, ..ticket(id) })));
    assert!(matches!(again, Err(StoreError::Misused { .. })), "{again:?}");
    assert_eq!(store.reader().ticket(id).unwrap().unwrap().vo.as_deref(), Some("atlas"));
    let sighted = store.batch(|batch| batch.sighting("imap:INBOX:2:5", &mail(1).digest, at(2))).unwrap();
    assert_eq!(sighted, Some(MailNumber(1)));
    let unknown = store.batch(|batch| batch.sighting("imap:INBOX:2:6", &mail(2).digest, at(2))).unwrap();
    assert_eq!(unknown, None);
    assert_eq!(store.reader().mail_by_digest(&mail(1).digest).unwrap(), Some(MailNumber(1)));
}

#[test]
fn a_mail_is_kept_with_its_bytes_and_its_reasons() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let understood = Understood { ticket: Some(id), text: "me too".to_owned(), ..Understood::default() };
    let trail = vec![Reason::NoPart { ticket: id }, Reason::Repeated];
    let absorbed = Decision { trail: trail.clone(), understood: understood.clone(), ..decision(Verdict::Absorb) };
    let number = keep_one(&mut store, at(5), Some(2), &absorbed).unwrap();
    let kept = store.reader().mail(number).unwrap().unwrap();
    assert_eq!(kept.raw, raw(2));
    assert_eq!((kept.trail, kept.understood), (trail, understood));
    assert_eq!((kept.line.verdict, kept.line.ticket, kept.line.received), (Verdict::Absorb, Some(id), at(5)));
    assert_eq!((kept.line.source.as_str(), kept.line.identity.as_str()), ("support", "imap:INBOX:1:2"));
    assert_eq!(store.reader().mail(MailNumber(99)).unwrap(), None);
}

#[test]
fn a_mail_that_names_a_ticket_which_is_none_belongs_to_none() {
    let mut store = Store::in_memory().unwrap();
    let understood = Understood { ticket: Some(TicketId(77)), ..Understood::default() };
    let number = keep_one(&mut store, at(0), Some(1), &Decision { understood, ..decision(Verdict::Absorb) }).unwrap();
    assert_eq!(store.reader().mail(number).unwrap().unwrap().line.ticket, None);
}

#[test]
fn facts_are_numbered_through_and_say_which_mail_brought_them() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let event = (Actor::Operator("paul".to_owned()), Event::Closed);
    keep_one(&mut store, at(7), None, &Decision { events: vec![event], ..change(ticket(id)) });
    let history = store.reader().history(id, 10).unwrap();
    let told: Vec<_> = history.iter().map(|row| (row.n, row.at, row.mail)).collect();
    let first = Some(MailNumber(1));
    assert_eq!(told, [(1, at(0), first), (2, at(0), first), (3, at(7), None)]);
    assert_eq!(history[2].event, Event::Closed);
    assert_eq!(store.reader().history(id, 2).unwrap().len(), 2);
}

#[test]
fn a_fact_about_a_mail_without_a_ticket_is_kept_and_in_nobodys_history() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let event = (Actor::Desk, Event::Noted { note: "strange".to_owned() });
    keep_one(&mut store, at(1), Some(2), &Decision { events: vec![event.clone()], ..decision(Verdict::Absorb) });
    keep_one(&mut store, at(1), Some(3), &Decision { events: vec![event], ..decision(Verdict::Absorb) });
    assert_eq!(store.reader().history(id, 10).unwrap().len(), 2);
}

#[test]
fn a_letter_that_was_queued_is_not_queued_again() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let again = Decision { outbound: vec![letter(id, 1, Template::Receipt)], ..change(ticket(id)) };
    keep_one(&mut store, at(1), None, &again);
    assert_eq!(store.reader().outbox(&OutboxFilter::default(), 10).unwrap().len(), 2);
}

#[test]
fn a_number_that_another_letter_has_spoils_the_whole_record() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let mut other = letter(id, 1, Template::Receipt);
    other.message_id = MessageId::made("another", "ggus.example");
    let clash = Decision {
        ticket: Some(Ticket { vo: None, ..ticket(id) }),
        outbound: vec![letter(id, 3, Template::Receipt), other],
        ..decision(Verdict::Append)
    };
    // The batch goes on and is committed: a record that failed has left nothing behind.
    let failed = store.batch(|batch| Ok(keep(batch, at(1), Some(2), &clash))).unwrap();
    assert!(matches!(failed, Err(StoreError::Misused { .. })), "{failed:?}");
    assert_eq!(store.reader().outbox(&OutboxFilter::default(), 10).unwrap().len(), 2);
    assert_eq!(store.reader().ticket(id).unwrap().unwrap().vo.as_deref(), Some("atlas"));
    assert_eq!(store.reader().mail_by_digest(&mail(2).digest).unwrap(), None);
}

#[test]
fn a_new_ticket_takes_the_next_number_and_no_other() {
    let mut store = Store::in_memory().unwrap();
    let wrong = store.batch(|batch| keep(batch, at(0), Some(1), &opening(TicketId(5))));
    assert!(matches!(wrong, Err(StoreError::Misused { .. })), "{wrong:?}");
    assert_eq!(open_ticket(&mut store, at(0), 1), TicketId(1));
}

#[test]
fn the_first_number_is_set_only_before_a_number_was_given() {
    let mut store = Store::in_memory().unwrap();
    assert_eq!(store.set_first_ticket(TicketId(100)), Ok(true));
    assert_eq!(store.set_first_ticket(TicketId(57_890)), Ok(true));
    for absurd in [0, u64::MAX] {
        assert!(matches!(store.set_first_ticket(TicketId(absurd)), Err(StoreError::Refused(_))), "{absurd}");
    }
    assert_eq!(open_ticket(&mut store, at(0), 1), TicketId(57_890));
    assert_eq!(store.set_first_ticket(TicketId(100_000)), Ok(false));
    assert_eq!(open_ticket(&mut store, at(0), 2), TicketId(57_891));
}

#[test]
fn the_ticket_that_had_a_key_first_keeps_it() {
    let mut store = Store::in_memory().unwrap();
    let (first, second) = (open_ticket(&mut store, at(0), 1), open_ticket(&mut store, at(0), 2));
    keep_one(&mut store, at(1), None, &change(with_foreign_id(first, "4711")));
    keep_one(&mut store, at(2), None, &change(with_foreign_id(second, "4711")));
    let key = ("ROC_Italy".into(), "4711".to_owned());
    let inquiry = Inquiry { foreign_ids: [key].into(), message_ids: [their_id(1)].into(), ..Inquiry::default() };
    let found = look(&mut store, &inquiry);
    assert_eq!(found.tickets.keys().collect::<Vec<_>>(), [&first]);
    // The second ticket's leg keeps the id as it was given.
    assert_eq!(store.reader().ticket(second).unwrap().unwrap().legs[0].foreign_id(), Some("4711"));
}

#[test]
fn one_id_at_two_units_is_two_keys() {
    let mut store = Store::in_memory().unwrap();
    let (first, second) = (open_ticket(&mut store, at(0), 1), open_ticket(&mut store, at(0), 2));
    keep_one(&mut store, at(1), None, &change(with_foreign_id(first, "4711")));
    let mut other = with_foreign_id(second, "4711");
    other.legs[0].unit = "ROC_CE".into();
    keep_one(&mut store, at(1), None, &change(other));
    let key = |unit: &str| (unit.into(), "4711".to_owned());
    let keys = [key("ROC_CE"), key("ROC_Italy")];
    let found = look(&mut store, &Inquiry { foreign_ids: keys.clone().into(), ..Inquiry::default() });
    assert_eq!(found.foreign_ids.values().collect::<Vec<_>>(), [&second, &first]);
}

#[test]
fn automatic_letters_of_the_last_hour_are_counted_by_address_and_by_ticket() {
    let mut store = Store::in_memory().unwrap();
    let (old, new) = (open_ticket(&mut store, at(0), 1), open_ticket(&mut store, at(50), 2));
    let more = Decision { outbound: vec![letter(new, 3, Template::Receipt)], ..change(ticket(new)) };
    keep_one(&mut store, at(61), None, &more);
    let inquiry = Inquiry {
        tickets: [old, new].into(),
        // Addresses are alike without case; the dispatches carry a person's words and do not count.
        correspondent: Some(address("anna@LAB.example")),
        hour_ago: at(1),
        ..Inquiry::default()
    };
    let found = look(&mut store, &inquiry);
    assert_eq!(found.answers_to_correspondent, 2);
    assert_eq!(found.answers_in_ticket, [(old, 0), (new, 2)].into());
    let to_unit = Inquiry { correspondent: Some(address("helpdesk@infn.example")), ..inquiry };
    assert_eq!(look(&mut store, &to_unit).answers_to_correspondent, 0);
}

#[test]
fn the_same_text_is_known_for_as_long_as_asked() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let ask = |since| Inquiry { body_print: Some(body_print(1)), repeats_since: at(since), ..Inquiry::default() };
    assert_eq!(look(&mut store, &ask(0)).repeats, [id].into());
    assert_eq!(look(&mut store, &ask(1)).repeats, [].into());
}

#[test]
fn a_mail_waits_in_quarantine_until_a_person_has_looked() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let trail = vec![Reason::Quarantined { because: "two tickets".to_owned() }, Reason::NoKey];
    let understood = Understood { ticket: Some(id), ..Understood::default() };
    let number = keep_one(&mut store, at(1), Some(2), &Decision { trail, understood, ..decision(Verdict::Quarantine) });
    let number = number.unwrap();
    let open = store.reader().quarantine(QuarantineFilter::Open, 10).unwrap();
    assert_eq!((open[0].mail, open[0].since, open[0].reason.as_str()), (number, at(1), "two tickets"));
    // It belongs to no ticket yet, so its Message-ID leads to none.
    let found = look(&mut store, &Inquiry { message_ids: [their_id(2)].into(), ..Inquiry::default() });
    assert!(found.threads.is_empty());

    let resolve = |store: &mut Store, mail| {
        store.batch(|batch| batch.quarantine_resolve(mail, Resolution::Dropped, "paul", at(2)))
    };
    assert_eq!(resolve(&mut store, number), Ok(()));
    assert!(matches!(resolve(&mut store, number), Err(StoreError::Refused(_))));
    assert!(matches!(resolve(&mut store, MailNumber(1)), Err(StoreError::NotFound { .. })));
    assert!(matches!(resolve(&mut store, MailNumber(u64::MAX)), Err(StoreError::NotFound { .. })));
    assert_eq!(store.reader().quarantine(QuarantineFilter::Open, 10).unwrap(), []);
    let all = store.reader().quarantine(QuarantineFilter::All, 10).unwrap();
    assert_eq!((all[0].resolution, all[0].resolved_by.as_deref()), (Some(Resolution::Dropped), Some("paul")));
}

#[test]
fn a_mail_out_of_quarantine_is_decided_again_and_may_go_back() {
    let mut store = Store::in_memory().unwrap();
    let number = keep_one(&mut store, at(0), Some(1), &decision(Verdict::Quarantine)).unwrap();
    let mut again = |decision: &Decision, minute: i64| {
        store.batch(|batch| {
            batch.quarantine_resolve(number, Resolution::Retried, "paul", at(minute))?;
            let bytes: Vec<_> = decision.outbound.iter().map(bytes_of).collect();
            let pairs = decision.outbound.iter().zip(&bytes);
            let letters: Vec<_> =
                pairs.map(|(outbound, bytes)| ggus_gateway::store::Letter { outbound, bytes, due: at(1) }).collect();
            let record = ggus_gateway::store::Record { now: at(minute), taken: None, decision, letters: &letters };
            batch.record_again(number, &record)
        })
    };
    again(&decision(Verdict::Quarantine), 1).unwrap();
    again(&opening(TicketId(1)), 2).unwrap();
    assert_eq!(store.reader().quarantine(QuarantineFilter::Open, 10).unwrap(), []);
    let kept = store.reader().mail(number).unwrap().unwrap();
    assert_eq!((kept.line.verdict, kept.line.ticket), (Verdict::Open, Some(TicketId(1))));
    let found = look(&mut store, &Inquiry { message_ids: [their_id(1)].into(), ..Inquiry::default() });
    assert_eq!(found.threads.len(), 1);
    assert_eq!(store.reader().history(TicketId(1), 10).unwrap()[0].mail, Some(number));
    assert_eq!(store.reader().tickets(&TicketFilter::default(), 10).unwrap().len(), 1);
}

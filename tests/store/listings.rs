//! What people ask, and what they are told.

use ggus_gateway::desk::decision::{Decision, Template, Verdict};
use ggus_gateway::desk::inquiry::Inquiry;
use ggus_gateway::desk::ticket::{Status, Ticket, TicketId};
use ggus_gateway::store::{Direction, HealthState, OutboxFilter, OutboxId, OutboxState, Store, TicketFilter};

use crate::world::*;

/// Three tickets: 1 as it was opened, 2 solved, 3 at another unit and site.
fn three() -> Store {
    let mut store = Store::in_memory().unwrap();
    open_tickets(&mut store, 3);
    let solved = Ticket { status: Status::Solved, ..ticket(TicketId(2)) };
    let elsewhere = Ticket {
        unit: Some("ROC_CE".into()),
        site: Some("PSNC".to_owned()),
        vo: None,
        status: Status::InProgress,
        ..ticket(TicketId(3))
    };
    for ticket in [solved, elsewhere] {
        let decision = Decision { ticket: Some(ticket), ..decision(Verdict::Append) };
        store.batch(|batch| keep(batch, at(1), None, &decision)).unwrap();
    }
    store
}

fn listed(filter: TicketFilter, most: usize) -> Vec<u64> {
    three().reader().tickets(&filter, most).unwrap().into_iter().map(|line| line.id.0).collect()
}

#[test]
fn tickets_are_listed_by_what_is_asked_for_the_newest_first() {
    let all = TicketFilter::default();
    assert_eq!(listed(all.clone(), 10), [3, 2, 1]);
    assert_eq!(listed(all.clone(), 2), [3, 2]);
    assert_eq!(listed(TicketFilter { open: true, ..all.clone() }, 10), [3, 1]);
    assert_eq!(listed(TicketFilter { status: Some(Status::Solved), ..all.clone() }, 10), [2]);
    assert_eq!(listed(TicketFilter { unit: Some("roc_italy".into()), ..all.clone() }, 10), [2, 1]);
    assert_eq!(listed(TicketFilter { site: Some("infn-t1".to_owned()), open: true, ..all.clone() }, 10), [1]);
    assert_eq!(listed(TicketFilter { vo: Some("ATLAS".to_owned()), ..all.clone() }, 10), [2, 1]);
    assert_eq!(listed(TicketFilter { vo: Some("cms".to_owned()), ..all }, 10), [0; 0]);
}

#[test]
fn a_line_tells_what_a_list_shows() {
    let line = three().reader().tickets(&TicketFilter::default(), 1).unwrap().remove(0);
    let json = serde_json::to_value(&line).unwrap();
    let expected = serde_json::json!({
        "id": 3, "subject": "CE is down", "status": "in-progress", "priority": "urgent", "type": "USER", "vo": null,
        "site": "PSNC", "unit": "ROC_CE", "submitter": "Anna@lab.example", "created": "2006-11-23T14:05:00Z",
        "changed": "2006-11-23T14:05:00Z",
    });
    assert_eq!(json, expected);
}

#[test]
fn the_mails_of_a_ticket_are_told_both_ways_in_their_order() {
    let mut store = Store::in_memory().unwrap();
    let id = open_ticket(&mut store, at(0), 1);
    let answer = Decision {
        ticket: Some(ticket(id)),
        outbound: vec![letter(id, 3, Template::Comment)],
        ..decision(Verdict::Append)
    };
    store.batch(|batch| keep(batch, at(9), Some(2), &answer)).unwrap();
    let told = store.reader().mails_of(id, 10).unwrap();
    let short: Vec<_> = told.iter().map(|row| (row.direction, row.at, row.template, row.verdict)).collect();
    let expected = [
        (Direction::In, at(0), None, Some(Verdict::Open)),
        (Direction::Out, at(0), Some(Template::Receipt), None),
        (Direction::Out, at(0), Some(Template::Dispatch), None),
        (Direction::In, at(9), None, Some(Verdict::Append)),
        (Direction::Out, at(9), Some(Template::Comment), None),
    ];
    assert_eq!(short, expected);
    assert_eq!(told[2].peer.as_deref(), Some("helpdesk@infn.example"));
    assert_eq!((told[3].peer.as_deref(), told[3].message_id.as_ref()), (Some("Anna@lab.example"), Some(&their_id(2))));
    // Of more than asked for, the latest.
    assert_eq!(store.reader().mails_of(id, 2).unwrap(), told[3..]);
    assert_eq!(store.reader().mails_of(TicketId(u64::MAX), 2).unwrap(), []);
}

#[test]
fn the_outbox_is_listed_by_state_and_by_ticket() {
    let mut store = three();
    let leased = claim(&mut store, at(0));
    let settled = ggus_gateway::store::Settlement::Sent { answer: "250".to_owned() };
    store.batch(|batch| batch.settle(leased[0], &settled, at(1))).unwrap();
    let list = |filter: OutboxFilter| {
        store.reader().outbox(&filter, 3).unwrap().into_iter().map(|line| line.id.0).collect::<Vec<_>>()
    };
    let of = |state, ticket| OutboxFilter { state, ticket };
    assert_eq!(list(of(None, None)), [6, 5, 4]);
    assert_eq!(list(of(Some(OutboxState::Sent), None)), [1]);
    assert_eq!(list(of(Some(OutboxState::Leased), None)), [6, 5, 4]);
    assert_eq!(list(of(None, Some(TicketId(1)))), [2, 1]);
    assert_eq!(list(of(Some(OutboxState::Leased), Some(TicketId(1)))), [2]);
    assert_eq!(list(of(Some(OutboxState::Dead), None)), [0; 0]);
}

#[test]
fn a_letter_is_shown_with_its_bytes_and_its_envelope() {
    let store = three();
    let row = store.reader().outbox_row(OutboxId(2)).unwrap().unwrap();
    assert_eq!(row.bytes, bytes_of(&letter(TicketId(1), 2, Template::Dispatch)));
    assert_eq!((row.line.ticket, row.line.number, row.line.automatic), (Some(TicketId(1)), Some(2), false));
    assert_eq!(row.line.envelope_sender, Some(address("support@ggus.example")));
    let receipt = store.reader().outbox_row(OutboxId(1)).unwrap().unwrap();
    assert_eq!((receipt.line.envelope_sender, receipt.line.automatic), (None, true));
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!(
        (&json["to"], &json["state"], &json["bytes"]),
        (&"helpdesk@infn.example".into(), &"ready".into(), &serde_json::Value::Null)
    );
}

#[test]
fn the_latest_report_of_each_part_is_kept() {
    let mut store = Store::in_memory().unwrap();
    let reports = [
        ("source support", HealthState::Trouble, "connection refused", 1),
        ("relay", HealthState::Blocked, "login rejected, change the password", 2),
        ("source support", HealthState::Well, "idle", 3),
    ];
    for (part, state, text, minute) in reports {
        store.batch(|batch| batch.set_health(part, state, text, at(minute))).unwrap();
    }
    let told = store.reader().healths().unwrap();
    let short: Vec<_> = told.iter().map(|row| (row.part.as_str(), row.state, row.text.as_str(), row.at)).collect();
    let blocked = ("relay", HealthState::Blocked, "login rejected, change the password", at(2));
    assert_eq!(short, [blocked, ("source support", HealthState::Well, "idle", at(3))]);
}

#[test]
fn the_numbers_of_status_add_up() {
    let mut store = three();
    store.batch(|batch| keep(batch, at(60), Some(9), &decision(Verdict::Quarantine))).unwrap();
    let leased = claim(&mut store, at(60));
    let dead = ggus_gateway::store::Settlement::Dead { error: "550".to_owned() };
    store.batch(|batch| batch.settle(leased[0], &dead, at(61))).unwrap();
    // A day after the tickets were opened, so that their mails are older than 24 hours.
    let counts = store.reader().counts(at(24 * 60 + 1)).unwrap();
    assert_eq!(counts.tickets.len(), Status::ALL.len());
    let of = |status| counts.tickets[&status];
    assert_eq!([of(Status::Assigned), of(Status::InProgress), of(Status::Solved), of(Status::New)], [1, 1, 1, 0]);
    let outbox = |state| (counts.outbox[&state].count, counts.outbox[&state].oldest);
    assert_eq!(outbox(OutboxState::Leased), (5, Some(at(0))));
    assert_eq!(outbox(OutboxState::Dead), (1, Some(at(0))));
    assert_eq!(outbox(OutboxState::Sent), (0, None));
    assert_eq!(counts.quarantine, 1);
    assert_eq!((counts.mails[&Verdict::Open], counts.mails[&Verdict::Quarantine]), (0, 1));
    assert_eq!(store.reader().counts(at(24 * 60)).unwrap().mails[&Verdict::Open], 3);
    assert_eq!(serde_json::to_value(&counts).unwrap()["outbox"]["dead"]["count"], 1);
}

#[test]
fn a_units_tickets_are_counted_by_status() {
    let store = three();
    let counts = store.reader().unit_counts(&"ROC_Italy".into()).unwrap();
    assert_eq!((counts.open, counts.by_status), (1, [(Status::Assigned, 1), (Status::Solved, 1)].into()));
    assert_eq!(store.reader().unit_counts(&"nobody".into()).unwrap().open, 0);
}

#[test]
fn a_batch_can_be_asked_what_a_reader_can() {
    let mut store = three();
    store
        .batch(|batch| {
            assert_eq!(batch.look(&Inquiry::default())?.next_ticket, TicketId(4));
            assert_eq!(batch.reader().counts(at(0))?.tickets[&Status::Solved], 1);
            assert_eq!(batch.reader().mails_of(TicketId(1), 10)?.len(), 3);
            Ok(())
        })
        .unwrap();
}

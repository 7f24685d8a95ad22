//! Finding tickets by words: which solved ones a new problem is like, what `search` finds, and what may be found at all.

use ggus_gateway::desk::decision::{Decision, Verdict};
use ggus_gateway::desk::event::{Actor, Event, Visibility};
use ggus_gateway::desk::inquiry::Inquiry;
use ggus_gateway::desk::known::{self, Asked, Found};
use ggus_gateway::desk::leg::Leg;
use ggus_gateway::desk::tag::Tags;
use ggus_gateway::desk::ticket::{Solution, Status, Ticket, TicketId};
use ggus_gateway::store::{Store, TicketFilter};

use crate::world::*;

/// Title, text and solution of tickets as a grid's desk gets them.
const SOLVED: [(&str, &str, &str); 14] = [
    (
        "Job submission fails at INFN-T1 with error 10",
        "Since this morning all my jobs at the Tier-1 fail.\nThe job manager cannot open the user proxy.",
        "The gatekeeper had a full disk. Log rotation was repaired.",
    ),
    (
        "Host certificate of the SRM at FZK expired",
        "lcg-cp says: SSL handshake failed, the certificate has expired. srm.fzk.example",
        "A new host certificate was installed and the SRM restarted.",
    ),
    (
        "Replica catalogue does not answer",
        "lfc-ls hangs at lfc.cern.example, timeout after ten minutes.",
        "The Oracle backend was moved. The LFC daemon had to be restarted.",
    ),
    (
        "BDII shows no site information for PSNC",
        "ldapsearch gives no entries since the upgrade to gLite 3.0",
        "The GIP provider failed, wrong permissions in /opt/glite/var.",
    ),
    (
        "VOMS server refuses proxies",
        "voms-proxy-init: Error: Could not connect to VOMS server voms.cern.example",
        "The VOMS server was restarted.",
    ),
    (
        "Transfers from CERN to RAL are slow",
        "FTS channel CERN-RAL moves 5 MB per second",
        "More FTS streams were configured.",
    ),
    (
        "Jobs stay in state Scheduled",
        "All jobs of biomed wait in the queue of ce02 for days.",
        "The fair share of the VO was zero in Maui. It is corrected.",
    ),
    (
        "Software area is full",
        "No space left on device in VO_ATLAS_SW_DIR of ce.uni.example",
        "Old releases were removed and the quota was raised.",
    ),
    (
        "User cannot register in the VO",
        "The web form of VOMRS says access denied with my certificate",
        "The certificate authority was added.",
    ),
    (
        "APEL accounting has a gap in October",
        "No records published by the site for two weeks",
        "The APEL parser ran into a broken log. Records were published again.",
    ),
    (
        "Der Speicher am GridKa antwortet nicht",
        "dCache meldet eine Zeitüberschreitung beim Schreiben über gridftp",
        "Ein Pool von dCache war ausgefallen und wurde neu gestartet.",
    ),
    (
        "Le serveur MyProxy refuse le renouvellement",
        "myproxy-logon échoue avec une erreur de mandat",
        "Le mandataire de confiance manquait dans la configuration.",
    ),
    (
        "WMS loses output sandboxes",
        "glite-wms-job-output finds no files after the job is done",
        "The sandbox directory was purged too early.",
    ),
    (
        "Monitoring shows site in red",
        "SAM test CE-sft-lcg-rm fails for a day",
        "The close storage element was replaced.",
    ),
];

fn opened(store: &mut Store, title: &str, text: &str) -> TicketId {
    let id = store.batch(|batch| batch.look(&Inquiry::default())).unwrap().next_ticket;
    let new = Ticket { subject: title.to_owned(), description: text.to_owned(), ..ticket(id) };
    let events = vec![(Actor::User(anna()), Event::Opened)];
    let decision = Decision { ticket: Some(new), events, ..decision(Verdict::Open) };
    store.batch(|batch| keep(batch, at(0), Some(id.0), &decision)).unwrap();
    id
}

fn step(store: &mut Store, ticket: Ticket, event: Event) {
    let events = vec![(Actor::Unit("ROC_Italy".into()), event)];
    let decision = Decision { ticket: Some(ticket), events, ..decision(Verdict::Append) };
    store.batch(|batch| keep(batch, at(1), None, &decision)).unwrap();
}

fn kept(store: &mut Store, id: TicketId) -> Ticket {
    store.batch(|batch| batch.ticket(id)).unwrap().unwrap()
}

fn solve(store: &mut Store, id: TicketId, text: &str) {
    let solution = Solution { short: None, text: text.to_owned(), by: "ROC_Italy".into(), at: at(1) };
    let solved = Ticket { status: Status::Solved, solution: Some(solution), ended: Some(at(1)), ..kept(store, id) };
    step(store, solved, Event::Solved { text: text.to_owned() });
}

fn desk() -> Store {
    let mut store = Store::in_memory().unwrap();
    for (title, text, solution) in SOLVED {
        let id = opened(&mut store, title, text);
        solve(&mut store, id, solution);
    }
    store
}

fn look(store: &mut Store, asked: Asked, tickets: &[TicketId]) -> Found {
    let inquiry = Inquiry { known: Some(asked), tickets: tickets.iter().copied().collect(), ..Inquiry::default() };
    store.batch(|batch| batch.look(&inquiry)).unwrap().known
}

/// The titles of solved tickets that a problem is like.
fn like(store: &mut Store, title: &str, text: &str) -> Vec<String> {
    let found = look(store, Asked::Words(known::asked(title, text)), &[]);
    let asker = Ticket { subject: title.to_owned(), description: text.to_owned(), ..ticket(TicketId(999)) };
    known::alike(&asker, &found, 3).into_iter().map(|ticket| ticket.subject.clone()).collect()
}

#[test]
fn the_same_problem_is_found_in_other_words() {
    let mut store = desk();
    for (title, text, at) in [
        (
            "Jobs fail at INFN-T1: error 10",
            "Hello,\n\nmy jobs fail since yesterday, the job manager cannot open the proxy.",
            0,
        ),
        ("SRM at FZK: host certificate expired", "SSL handshake failed when copying with lcg-cp", 1),
        ("No site information of PSNC in the BDII", "Since the upgrade ldapsearch shows no entries.", 3),
        ("VOMS server refuses my proxy", "voms-proxy-init could not connect to the VOMS server", 4),
        ("GridKa: Speicher antwortet nicht", "Zeituberschreitung bei dCache", 10),
    ] {
        assert_eq!(like(&mut store, title, text), [SOLVED[at].0], "{title}");
    }
}

#[test]
fn better_none_than_a_wrong_one() {
    let mut store = desk();
    for (title, text) in [
        ("Problem with my jobs", "Hello, since this morning all my jobs fail. Please help."),
        ("Certificate", "How do I get a certificate? Mine has expired."),
        ("Job submission fails at FZK", "The resource broker says: no compatible resources."),
        ("Disk full at INFN-T1", "The storage element has no space left for lhcb."),
        ("Server is down", "The server of the site does not answer. Restart it please."),
        ("", ""),
        ("Re: Re:", "Thanks!"),
        ("Urgent", "the and of a is to in we you it"),
        ("LFC", "lfc"),
    ] {
        assert_eq!(like(&mut store, title, text), [""; 0], "{title}");
    }
}

#[test]
fn what_is_not_solved_helps_nobody() {
    let mut store = Store::in_memory().unwrap();
    let (title, text, solution) = SOLVED[1];
    let id = opened(&mut store, title, text);
    assert_eq!(like(&mut store, title, text), [""; 0], "it is open");
    solve(&mut store, id, solution);
    // One ticket among one is no measure of what is rare.
    for (title, text, _) in &SOLVED[2..8] {
        opened(&mut store, title, text);
    }
    assert_eq!(like(&mut store, title, text), [title]);
    let again = Ticket { status: Status::Reopened, ended: None, ..kept(&mut store, id) };
    step(&mut store, again, Event::Reopened { text: "It is not.".to_owned() });
    assert_eq!(like(&mut store, title, text), [""; 0], "it did not help");
    let reason = Ticket { status: Status::Unsolved, ..kept(&mut store, id) };
    step(&mut store, reason, Event::Unsolved { text: "It is gone.".to_owned() });
    assert_eq!(like(&mut store, title, text), [""; 0], "a reason is no solution");
}

#[test]
fn a_ticket_that_goes_on_to_another_unit_is_looked_up_by_its_own_words_and_not_found_itself() {
    let mut store = desk();
    let id = opened(&mut store, SOLVED[1].0, SOLVED[1].1);
    let found = look(&mut store, Asked::OfTicket, &[id]);
    let asker = kept(&mut store, id);
    let alike: Vec<TicketId> = known::alike(&asker, &found, 3).into_iter().map(|ticket| ticket.id).collect();
    assert_eq!(alike, [TicketId(2)]);
    let two = look(&mut store, Asked::OfTicket, &[id, TicketId(2)]);
    assert_eq!(two, Found::default(), "it is not known which of them");
}

#[test]
fn tests_of_the_desk_and_internal_words_are_not_found() {
    let mut store = desk();
    let id = opened(&mut store, "The gatekeeper of ce07 lost its quorum", "It says: no quorum.");
    let comment =
        Event::Commented { visibility: Visibility::Internal, text: "The admin was asleep, xylophone.".into() };
    let with = kept(&mut store, id);
    step(&mut store, with, comment);
    let probe = Ticket { probe: true, subject: "Marzipan test".to_owned(), ..kept(&mut store, id) };
    step(&mut store, probe, Event::Solved { text: "Marzipan".to_owned() });
    for word in ["xylophone", "marzipan", "quorum"] {
        assert_eq!(numbers(&store, word), [0; 0], "{word}");
    }
}

/// Numbers of what is found.
fn numbers(store: &Store, text: &str) -> Vec<u64> {
    filtered(store, text, &TicketFilter::default())
}

fn filtered(store: &Store, text: &str, filter: &TicketFilter) -> Vec<u64> {
    store.reader().search(text, filter, 50).unwrap().tickets.into_iter().map(|line| line.id.0).collect()
}

#[test]
fn no_word_of_people_and_no_id_finds_a_ticket_or_is_shown() {
    let mut store = desk();
    let text = "Dear colleagues,\n\nthe quorum is lost, see http://wiki.example/page and tell bruno@infn.example.\n\
                Telephone +39 055 4711. Our number is [rt.infn.it #8812], job 4471288.\n\n-- \nAnnabella Rossini\nINFN Florence";
    let mut private = Ticket {
        subject: "Quorum lost [Ticket#2005] at ce07".to_owned(),
        description: text.to_owned(),
        legs: vec![Leg { foreign_ids: vec!["INC0099".to_owned()], ..Leg::new("ROC_Italy".into(), at(0)) }],
        ..ticket(TicketId(15))
    };
    private.submitter.name = Some("Anna Quaranta".to_owned());
    let id = opened(&mut store, "x", "x");
    step(&mut store, Ticket { id, ..private }, Event::Opened);
    assert_eq!(numbers(&store, "quorum"), [15]);
    for text in ["bruno", "4711 055", "4471288", "8812", "rt", "2005", "rossini", "quaranta", "anna", "wiki"] {
        assert_eq!(numbers(&store, text), [0; 0], "{text}");
    }
    let solution = "Dear Anna,\n\nthe arbiter was restarted (INC0099, [rt.infn.it #8812], RT #9, [GGUS:7], write to \
                    bruno@infn.example).\nAnna Quaranta was told.\n\nRegards\n-- \nBruno";
    solve(&mut store, id, solution);
    let shown = known::shown(&Tags::new("GGUS").unwrap(), &kept(&mut store, id)).unwrap();
    assert_eq!(
        shown,
        "15, solved on 2006-11-23: Quorum lost at ce07\n    the arbiter was restarted , RT , write to\n    was told.\n    Regards"
    );
}

#[test]
fn what_reads_as_a_tag_is_not_shown() {
    let mut store = desk();
    let id = opened(&mut store, "The desk lost GGUS 57890 at ce07", "x");
    solve(&mut store, id, "See there.");
    assert_eq!(known::shown(&Tags::new("GGUS").unwrap(), &kept(&mut store, id)), None);
}

#[test]
fn tickets_are_found_by_words_numbers_foreign_ids_and_what_they_are() {
    let mut store = desk();
    let with_id = Leg { foreign_ids: vec!["INC0099".to_owned()], ..Leg::new("ROC_Italy".into(), at(0)) };
    let moved = Ticket { legs: vec![with_id], site: Some("PSNC".to_owned()), ..kept(&mut store, TicketId(4)) };
    step(&mut store, moved, Event::Verified);
    assert_eq!(numbers(&store, "certificate"), [9, 2]);
    assert_eq!(numbers(&store, "CERTIFICATE, expired!"), [2]);
    assert_eq!(numbers(&store, "zeituberschreitung"), [11], "accents are passed over");
    assert_eq!(numbers(&store, "Zeitüberschreitung"), [11]);
    assert_eq!(numbers(&store, "rotation"), [1], "a word of the solution");
    assert_eq!(numbers(&store, "4"), [4], "a number");
    assert_eq!(numbers(&store, "INC0099"), [4], "a foreign id");
    assert_eq!(numbers(&store, "nothingofthekind"), [0; 0]);
    let site = |site: &str| TicketFilter { site: Some(site.to_owned()), ..TicketFilter::default() };
    assert_eq!(filtered(&store, "", &site("psnc")), [4]);
    assert_eq!(filtered(&store, "ldapsearch", &site("psnc")), [4]);
    assert_eq!(filtered(&store, "ldapsearch", &site("INFN-T1")), [0; 0]);
    let from = |who: &str| TicketFilter { submitter: Some(who.to_owned()), ..TicketFilter::default() };
    assert_eq!(filtered(&store, "certificate", &from("anna@LAB.example")), [9, 2]);
    assert_eq!(filtered(&store, "certificate", &from("bob@lab.example")), [0; 0]);
    let open = TicketFilter { open: true, ..TicketFilter::default() };
    assert_eq!(filtered(&store, "certificate", &open), [0; 0]);
}

#[test]
fn hostile_words_are_words() {
    let mut store = desk();
    let many = "certificate ".repeat(10_000) + &(0..10_000).map(|n| format!("w{n} ")).collect::<String>();
    for text in [
        "\"",
        "\"\"\"",
        "'; DROP TABLE known; --",
        "title: certificate",
        "certificate*",
        "NEAR(a b, 2)",
        "{title} : x",
        "^a",
        "a AND",
        "OR OR OR",
        "NOT x",
        "(((((",
        "-",
        "\0",
        "a\0b",
        "🦀",
        "\u{301}\u{301}",
        "ǅ ﬃ ß İ",
        "ہندی हिन्दी क्ष",
        "a\u{ad}b",
        &many,
    ] {
        numbers(&store, text);
        like(&mut store, text, text);
    }
    let hostile = "\" OR title:x* NEAR( हिन्दी \0 [[[ ]]] [1[2]3] # = : @";
    let id = opened(&mut store, hostile, hostile);
    solve(&mut store, id, hostile);
    store.reader().check_integrity().unwrap();
}

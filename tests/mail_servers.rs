//! The real program between a real Postfix and a real Dovecot: a ticket from mail to mail, and what must survive a stop,
//! a kill and a server that is away.

mod servers;

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use servers::desk::{PROGRAM, World, address, header};
use servers::until;

/// The mail whose text has these words.
fn with<'a>(mails: &'a [String], words: &str) -> &'a str {
    mails.iter().find(|mail| mail.contains(words)).unwrap_or_else(|| panic!("no mail has {words:?}: {mails:#?}"))
}

#[test]
fn a_ticket_goes_from_the_users_mail_to_the_solution() {
    let mut world = World::build();
    world.run();
    world.send("anna@example.test", "gw@example.test", "From: Anna <anna@example.test>\nTo: gw@example.test\nSubject: CE down\nMessage-ID: <1@anna.test>\n\nSITE: INFN-T1\n\nNothing works since Monday.\n");
    let receipt = world.mails("anna", 1).remove(0);
    assert!(
        receipt.contains("Subject: [GGUS:1] CE down") && receipt.contains("Auto-Submitted: auto-replied"),
        "{receipt}"
    );
    let dispatch = world.mails("roc", 1).remove(0);
    assert!(dispatch.contains("Nothing works since Monday.") && !dispatch.contains("Auto-Submitted"), "{dispatch}");
    let reply_to = address(header(&dispatch, "Reply-To")).to_owned();
    assert!(reply_to.starts_with("gw+1."), "{reply_to}");

    let rt = |word: &str, more: &str, text: &str| {
        format!(
            "From: ROC Italy <roc@example.test>\nTo: {reply_to}\nSubject: [rt.roc-italy.example #4711] {word}[GGUS:1] CE down\n\
             X-RT-Ticket: rt.roc-italy.example #4711\nPrecedence: bulk\nMessage-ID: <rt-5-{}@roc.test>\n{more}\n{text}\n",
            text.len()
        )
    };
    let send = |world: &World, mail: &str| world.send("roc@example.test", &reply_to, mail);
    send(
        &world,
        &rt(
            "AutoReply: ",
            "Auto-Submitted: auto-replied\n",
            "This message has been automatically generated in response to the\ncreation of a trouble ticket.",
        ),
    );
    until("the foreign id", || world.json(&["ticket", "show", "1"])["legs"][0]["foreign_id"] == "4711");
    send(&world, &rt("", "", "STATUS: waiting for reply\n\nWhich queue?"));
    let question = with(&world.mails("anna", 2), "Which queue?").to_owned();
    let answer_to = address(header(&question, "Reply-To")).to_owned();
    let answer = format!(
        "From: Anna <anna@example.test>\nTo: {answer_to}\nSubject: Re: [GGUS:1] CE down\nMessage-ID: <2@anna.test>\nIn-Reply-To: {}\n\nThe long one.\n",
        header(&question, "Message-ID")
    );
    world.send("anna@example.test", &answer_to, &answer);
    let passed_on = with(&world.mails("roc", 2), "The long one.").to_owned();
    assert!(header(&passed_on, "Subject").starts_with("[GGUS:1] [rt.roc-italy.example #4711]"), "{passed_on}");
    send(&world, &rt("", "", "The queue was closed. It is open again."));
    // Mail may overtake mail; here it must not.
    world.mails("anna", 3);
    send(
        &world,
        &rt(
            "Resolved: ",
            "",
            "According to our records, your request has been resolved. If you have any\nfurther questions or concerns, please respond to this message.",
        ),
    );
    let mails = world.mails("anna", 4);
    let solution = mails.iter().find(|mail| mail.contains("has a solution")).unwrap_or_else(|| panic!("{mails:#?}"));
    assert!(solution.contains("The queue was closed") && !solution.contains("4711"), "{solution}");
    let ticket = world.json(&["ticket", "show", "1"]);
    assert_eq!((&ticket["status"], &ticket["legs"][0]["state"]), (&"solved".into(), &"solved".into()));
    assert_eq!(ticket["solution"], "The queue was closed. It is open again.");
    // receipt, question, comment, solution; dispatch, answer, acknowledgement: nothing more, nothing twice.
    assert_eq!((world.mails("anna", 4).len(), world.mails("roc", 3).len()), (4, 3));
    assert_eq!(world.json(&["status"])["well"], true);
}

#[test]
fn a_ticket_that_zammad_solves() {
    let mut world = World::build();
    world.run();
    world.send("anna@example.test", "gw@example.test", "From: Anna <anna@example.test>\nTo: gw@example.test\nSubject: [SITE=IN2P3-CC] Transfers fail\nMessage-ID: <1@anna.test>\n\nSince Monday.\n");
    let dispatch = world.mails("france", 1).remove(0);
    let to = address(header(&dispatch, "Reply-To")).to_owned();
    let zammad = |id: &str, subject: &str, more: &str, text: &str| {
        format!(
            "From: ROC France <france@example.test>\nTo: {to}\nSubject: {subject} [Ticket#61042]\nX-Mailer: Zammad Mail Service\n\
             X-Powered-By: Zammad - Helpdesk/Support (https://zammad.org/)\nMessage-ID: <{id}@zammad.test>\n{more}\n{text}\n"
        )
    };
    let auto = "Auto-Submitted: auto-generated\nPrecedence: bulk\nX-Loop: yes\n";
    let acknowledgement = zammad(
        "1",
        "Thanks for your inquiry ([GGUS:1] Transfers fail)",
        auto,
        "Your request (Ticket#61042) has been received and will be reviewed by our support staff.",
    );
    world.send("france@example.test", &to, &acknowledgement);
    until("the foreign id", || world.json(&["ticket", "show", "1"])["legs"][0]["foreign_id"] == "61042");
    world.send(
        "france@example.test",
        &to,
        &zammad("2", "RE: [GGUS:1] Transfers fail", "", "The door was restarted.\n\nSTATUS: solved"),
    );
    let solution = with(&world.mails("anna", 2), "The door was restarted.").to_owned();
    assert!(header(&solution, "Subject") == "[GGUS:1] Transfers fail" && !solution.contains("61042"), "{solution}");
    let acknowledged = with(&world.mails("france", 2), "close your local ticket 61042").to_owned();
    assert!(header(&acknowledged, "Subject").starts_with("[GGUS:1] [Ticket#61042] Transfers fail"), "{acknowledged}");
    assert_eq!(world.json(&["ticket", "show", "1"])["status"], "solved");
}

#[test]
fn a_login_that_is_rejected_is_told_everywhere() {
    let mut world = World::build();
    std::fs::write(world.path("imap-password"), "guess\n").unwrap();
    let check = Command::new(PROGRAM)
        .arg("--config")
        .arg(world.path("gateway.toml"))
        .args(["check", "--online"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&check.stdout);
    assert!(!check.status.success() && told.contains("source support: error: the server rejects the login"), "{told}");
    world.run();
    // Until the store is made, `status` has another tale to tell.
    until("status tells it", || {
        String::from_utf8_lossy(&world.command(&["status"]).stdout).contains("rejects the login")
    });
}

#[test]
fn a_pipe_of_postfix_keeps_its_mail_while_the_configuration_is_wrong() {
    let world = World::build();
    // For pipe(8), which runs nothing as root: a desk of its own that a user without rights can use.
    let desk = tempfile::tempdir().unwrap();
    let path = |name: &str| desk.path().join(name);
    std::fs::copy(PROGRAM, path("gateway")).unwrap();
    let program = Command::new(path("gateway")).arg("init").arg(path("config")).status();
    assert!(program.unwrap().success());
    let owned = Command::new("chown").args(["-R", "nobody"]).arg(desk.path()).status();
    assert!(owned.unwrap().success());
    let gateway = path("config/gateway.toml");
    let sound = std::fs::read_to_string(&gateway).unwrap();
    std::fs::write(&gateway, sound.replace("[desk]", "[desc]")).unwrap();
    let command = format!("{} --config {} ingest -", path("gateway").display(), gateway.display());
    world.postfix.pipe("desk@example.test", &command);
    let mail = "From: Anna <anna@example.test>\nTo: desk@example.test\nSubject: CE down\nMessage-ID: <1@anna.test>\n\nSITE: INFN-T1\n";
    world.send("anna@example.test", "desk@example.test", mail);
    let log = || std::fs::read_to_string(world.postfix.path("maillog")).unwrap_or_default();
    until("the mail is put off", || log().contains("status=deferred (temporary failure"));
    std::fs::write(&gateway, sound).unwrap();
    world.postfix.flush();
    until("the mail is taken", || log().contains("status=sent (delivered via piped service"));
    let tickets =
        Command::new(path("gateway")).arg("--config").arg(&gateway).args(["ticket", "list"]).output().unwrap();
    assert!(String::from_utf8_lossy(&tickets.stdout).contains("CE down"), "{tickets:?}");
    assert!(!log().contains("status=bounced") && world.dovecot.mails("anna", "INBOX").is_empty(), "{}", log());
}

#[test]
fn a_stop_and_a_kill_lose_nothing_and_double_nothing() {
    const MAILS: usize = 30;
    let mut world = World::build();
    world.postfix.stop();
    for number in 0..MAILS {
        let mail = format!(
            "From: anna@example.test\r\nTo: gw@example.test\r\nSubject: trouble {number}\r\nMessage-ID: <{number}@anna.test>\r\n\r\nSITE: INFN-T1\r\n\r\nText {number}.\r\n"
        );
        world.dovecot.put("gw", &format!("m{number:03}"), mail.as_bytes());
    }
    world.run();
    let tickets = |world: &World| world.json(&["ticket", "list", "--most", "1000"]).as_array().map_or(0, Vec::len);
    until("all are tickets", || world.has_store() && tickets(&world) == MAILS);
    // The outbox is full, since nobody takes mail: a polite stop, then kills while it drains.
    world.signal("-TERM");
    assert_eq!(world.json(&["outbox", "list", "--most", "1000"]).as_array().unwrap().len(), 2 * MAILS);
    world.postfix.again();
    for _ in 0..3 {
        let before = world.dovecot.mails("roc", "INBOX").len();
        world.run();
        until("some are delivered", || world.dovecot.mails("roc", "INBOX").len() > before || before == MAILS);
        world.signal("-KILL");
    }
    world.run();
    until("all are sent", || {
        let outbox = world.json(&["outbox", "list", "--most", "1000"]);
        outbox.as_array().unwrap().iter().all(|row| row["state"] == "sent")
    });
    until("all have arrived", || {
        world.dovecot.mails("roc", "INBOX").len() >= MAILS && world.dovecot.mails("anna", "INBOX").len() >= MAILS
    });
    assert_eq!(tickets(&world), MAILS);
    assert!(world.dovecot.mails("gw", "INBOX").is_empty());
    assert_eq!(world.dovecot.mails("gw", "Processed").len(), MAILS);
    for user in ["anna", "roc"] {
        // A mail whose answer was lost by the kill goes out again, and then it is the very same mail.
        let mails = world.dovecot.mails(user, "INBOX");
        let ids: std::collections::BTreeSet<&str> = mails.iter().map(|mail| header(mail, "Message-ID")).collect();
        assert_eq!(ids.len(), MAILS, "{user} has {} mails", mails.len());
    }
}

#[test]
fn at_the_level_trace_no_password_and_no_word_of_a_mail_is_logged() {
    let mut world = World::build();
    let config = std::fs::read_to_string(world.path("gateway.toml")).unwrap();
    let plain = format!("port = {}\ntls = \"none\"\n", world.postfix.smtp);
    assert!(config.contains(&plain));
    let login = format!(
        "port = {}\ntls = \"starttls\"\nca_file = {:?}\ntls_name = \"mx.example.test\"\nuser = \"gw@example.test\"\n\
         password_file = \"imap-password\"\n",
        world.postfix.submission,
        world.postfix.path("tls/cert.pem")
    );
    std::fs::write(world.path("gateway.toml"), config.replace(&plain, &login) + "[log]\nlevel = \"trace\"\n").unwrap();
    world.run();
    world.send("anna@example.test", "gw@example.test", "From: anna@example.test\nTo: gw@example.test\nSubject: CE down\nMessage-ID: <1@anna.test>\n\nSITE: INFN-T1\n\nThe marmalade leaks.\n");
    world.mails("anna", 1);
    assert!(world.mails("roc", 1)[0].contains("The marmalade leaks."));
    until("all is settled", || world.json(&["status"])["counts"]["outbox"]["sent"]["count"] == 2);
    world.signal("-TERM");
    let log = world.log();
    // Libraries do log at this level.
    assert!(log.contains(" TRACE "), "{log}");
    let encoded = |text: &str| STANDARD.encode(text).trim_end_matches('=').to_owned();
    for words in ["secret".to_owned(), encoded("\0gw@example.test\0secret"), encoded("secret"), "marmalade".to_owned()]
    {
        assert!(!log.contains(&words), "{words}: {:?}", log.lines().find(|line| line.contains(&words)));
    }
}

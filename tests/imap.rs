//! The IMAP source against a real Dovecot; a scripted peer stands in only for faults that Dovecot can't be made to have.

mod servers;

use std::time::Duration;

use ggus_gateway::source::{self, Health, Incoming, SourceSettings, Stay};
use servers::door::run;
use servers::dovecot::{Dovecot, NAME, OTHER_PASSWORD, token};
use servers::{PATIENCE, script};

fn settings(text: &str) -> SourceSettings {
    toml::from_str(&format!("[imap]\n{text}")).unwrap()
}

fn plain(dovecot: &Dovecot, rest: &str) -> SourceSettings {
    settings(&format!(
        "host = '127.0.0.1'\nport = {}\ntls = 'none'\nuser = 'gw@example.test'\nfirst_wait = '50ms'\nlongest_wait = '200ms'\n\
         rejected_wait = '50ms'\npoll = '1h'\nlimit = '5s'\n{rest}",
        dovecot.imap
    ))
}

const PASSWORD: &str = "password = 'secret'\n";

fn mail(subject: &str) -> Vec<u8> {
    format!("From: anna@uni.example\r\nTo: gw@example.test\r\nSubject: {subject}\r\n\r\nhello\r\n").into_bytes()
}

async fn until_moved(dovecot: &Dovecot, count: usize) {
    until_in(dovecot, "Processed", count).await;
}

async fn until_in(dovecot: &Dovecot, folder: &str, count: usize) {
    let start = std::time::Instant::now();
    while dovecot.mails("gw", folder).len() != count {
        assert!(start.elapsed() < PATIENCE, "{folder}: not {count} mails but {}", dovecot.mails("gw", folder).len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_taken_once_and_moved_and_idle_wakes() {
    let dovecot = Dovecot::start();
    (0..70).for_each(|number| dovecot.put("gw", &format!("a{number:03}"), &mail(&format!("first {number}"))));
    let running = run(plain(&dovecot, PASSWORD), Stay::Forever, false);
    running.until("all are taken", |seen| seen.mails.len() == 70).await;
    until_moved(&dovecot, 70).await;
    // The poll interval is an hour: what comes now is seen because the server announces it.
    running.until("idling", |seen| seen.healths.contains(&Health::Well("mails taken: 70".to_owned()))).await;
    dovecot.put("gw", "b", &mail("second"));
    running.until("woken", |seen| seen.mails.len() == 71).await;
    until_moved(&dovecot, 71).await;
    // The server shows a moved mail in its new folder before it is gone from the old one.
    until_in(&dovecot, "INBOX", 0).await;
    let mails = running.end().await;
    let identities: std::collections::BTreeSet<&str> = mails.iter().map(|mail| mail.identity.as_str()).collect();
    assert_eq!(identities.len(), 71);
    assert!(mails[0].identity.starts_with("imap:gw@example.test@127.0.0.1/INBOX;"), "{}", mails[0].identity);
}

#[tokio::test(flavor = "multi_thread")]
async fn flagged_mails_stay_and_are_not_taken_twice() {
    let dovecot = Dovecot::start();
    dovecot.put("gw", "a", &mail("one"));
    let flagging = format!("{PASSWORD}after = {{ flag = 'GGUSTaken' }}\n");
    for expected in [1, 0] {
        let running = run(plain(&dovecot, &flagging), Stay::Once, false);
        running.until("done", |seen| !seen.healths.is_empty()).await;
        assert_eq!(running.end().await.len(), expected);
    }
    assert_eq!(dovecot.mails("gw", "INBOX").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_durable_stays_in_the_mailbox() {
    let dovecot = Dovecot::start();
    dovecot.put("gw", "a", &mail("one"));
    let told = |health: &Health| matches!(health, Health::Trouble(text) if text.contains("disk full"));
    let running = run(plain(&dovecot, PASSWORD), Stay::Once, true);
    running.until("said", |seen| seen.healths.iter().any(told)).await;
    running.end().await;
    assert_eq!(dovecot.mails("gw", "INBOX").len(), 1);
    assert_eq!(dovecot.mails("gw", "Processed").len(), 0);
    // It comes again by itself, though nothing new is announced.
    let running = run(plain(&dovecot, PASSWORD), Stay::Forever, true);
    running.until("tried again", |seen| seen.mails.len() >= 3).await;
    running.seen.lock().unwrap().full = false;
    until_moved(&dovecot, 1).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_needs_a_person() {
    let dovecot = Dovecot::start();
    let wrong = plain(&dovecot, "password = 'guess'\n");
    let told = source::probe(&wrong).await.unwrap_err();
    assert!(
        told.contains("rejects the login of gw@example.test") && told.contains("check user and the password"),
        "{told}"
    );
    let running = run(wrong, Stay::Forever, false);
    running.until("blocked", |seen| seen.healths.iter().any(|health| matches!(health, Health::Blocked(_)))).await;
    running.end().await;
    assert!(source::probe(&plain(&dovecot, PASSWORD)).await.unwrap().contains("MOVE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_needs_the_right_name_and_a_known_certificate() {
    let dovecot = Dovecot::start();
    let ca = dovecot.ca().display().to_string();
    for (tls, port) in [("implicit", dovecot.imaps), ("starttls", dovecot.imap)] {
        let with = |name: &str, ca: &str| {
            settings(&format!(
                "host = '127.0.0.1'\nport = {port}\ntls = '{tls}'\nuser = 'gw@example.test'\npassword = 'secret'\nlimit = '5s'\n\
                 tls_name = '{name}'\n{ca}"
            ))
        };
        let trusting = format!("ca_file = '{ca}'\n");
        assert!(
            source::probe(&with(NAME, &trusting)).await.is_ok(),
            "{:?}",
            source::probe(&with(NAME, &trusting)).await
        );
        let name = source::probe(&with("other.example.test", &trusting)).await.unwrap_err();
        assert!(name.contains("does not hold for other.example.test"), "{name}");
        let unknown = source::probe(&with(NAME, "")).await.unwrap_err();
        assert!(unknown.contains("ca_file"), "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_and_starts_is_found_again() {
    let mut dovecot = Dovecot::start();
    let running = run(plain(&dovecot, PASSWORD), Stay::Forever, false);
    running.until("connected", |seen| matches!(seen.healths.first(), Some(Health::Well(_)))).await;
    dovecot.stop();
    running.until("lost", |seen| seen.healths.iter().any(|health| matches!(health, Health::Trouble(_)))).await;
    dovecot.put("gw", "a", &mail("while it was down"));
    dovecot.again();
    running.until("taken", |seen| seen.mails.len() == 1).await;
    until_moved(&dovecot, 1).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_and_a_broken_mail_block_nobody() {
    let dovecot = Dovecot::start();
    let mut giant = mail("giant");
    giant.resize(60 << 20, b'x');
    dovecot.put("gw", "a", &mail("before"));
    dovecot.put("gw", "b", &giant);
    dovecot.put("gw", "c", b"\xff\xfe\x00 no header at all \x00\r\n");
    dovecot.put("gw", "d", &mail("after"));
    let running = run(plain(&dovecot, PASSWORD), Stay::Forever, false);
    running.until("taken", |seen| seen.mails.len() == 4).await;
    until_moved(&dovecot, 4).await;
    let mails = running.end().await;
    let cut: Vec<&Incoming> = mails.iter().filter(|mail| mail.raw.starts_with(b"X-GGUS-Cut: 629")).collect();
    assert_eq!(cut.len(), 1);
    assert!(cut[0].raw.len() < 300_000, "{}", cut[0].raw.len());
    assert!(String::from_utf8_lossy(&cut[0].raw[..200]).contains("Subject: giant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_uidvalidity_gives_new_identities() {
    let dovecot = Dovecot::start();
    let take = async |name: &str| {
        dovecot.put("gw", name, &mail("same"));
        let running = run(plain(&dovecot, &format!("{PASSWORD}after = {{ flag = 'GGUSTaken' }}\n")), Stay::Once, false);
        running.until("done", |seen| !seen.healths.is_empty()).await;
        running.end().await.remove(0).identity
    };
    let first = take("same").await;
    dovecot.renew("gw", 77_777);
    let second = take("same").await;
    assert_ne!(first, second);
    assert!(first.ends_with(";1") && second.ends_with(";77777;1"), "{first} {second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_the_server_cannot_read_blocks_nobody_and_is_taken_when_it_can() {
    let dovecot = Dovecot::start();
    // One whose size in its name is a lie, which breaks Dovecot's connection; one that it may not open.
    for name in ["a", "b-locked", "c,S=99999", "d"] {
        dovecot.put("gw", name, &mail(name));
    }
    dovecot.lock("gw", "b-locked", true);
    let running = run(plain(&dovecot, PASSWORD), Stay::Forever, false);
    running
        .until("told", |seen| {
            seen.mails.len() >= 2
                && matches!(seen.healths.last(), Some(Health::Trouble(text)) if text.contains("UID 2"))
        })
        .await;
    until_moved(&dovecot, 2).await;
    dovecot.lock("gw", "b-locked", false);
    until_moved(&dovecot, 3).await;
    // What comes meanwhile goes through; the liar stays, and is told.
    dovecot.put("gw", "e", &mail("e"));
    until_moved(&dovecot, 4).await;
    running
        .until("told", |seen| matches!(seen.healths.last(), Some(Health::Trouble(text)) if text.contains("UID 3")))
        .await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_is_enough_beside_a_mail_that_cannot_be_read() {
    let dovecot = Dovecot::start();
    for name in ["a", "b-locked", "c"] {
        dovecot.put("gw", name, &mail(name));
    }
    dovecot.lock("gw", "b-locked", true);
    let running = run(plain(&dovecot, PASSWORD), Stay::Once, false);
    running.until("told", |seen| seen.healths.iter().any(|health| matches!(health, Health::Trouble(_)))).await;
    until_moved(&dovecot, 2).await;
    assert_eq!(running.end().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_move_only_the_very_mail_is_expunged_or_it_stays_marked() {
    for (able, left) in [("IMAP4rev1 IDLE UIDPLUS", 1), ("IMAP4rev1 IDLE", 2)] {
        let dovecot = Dovecot::start_with(&format!("protocol imap {{\n  imap_capability = {able}\n}}"));
        dovecot.put("gw", "a", &mail("one"));
        // Somebody else has marked this one: that is their business.
        let cur = dovecot.maildir("gw", "INBOX").join("cur");
        std::fs::rename(dovecot.maildir("gw", "INBOX").join("new/a"), cur.join("other:2,T")).unwrap();
        dovecot.put("gw", "b", &mail("two"));
        let named = format!("{PASSWORD}after = {{ move_to = 'Größe/Erledigt' }}\n");
        for taken in [1, 0] {
            let running = run(plain(&dovecot, &named), Stay::Once, false);
            running.until("done", |seen| !seen.healths.is_empty()).await;
            assert_eq!(running.end().await.len(), taken, "{able}");
        }
        assert_eq!(dovecot.mails("gw", "Gr&APYA3w-e.Erledigt").len(), 1, "{able}");
        assert_eq!(dovecot.mails("gw", "INBOX").len(), left, "{able}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_anew_before_it_expires() {
    let dovecot = Dovecot::start();
    let (answer, calls) = (dovecot.path("answer"), dovecot.path("calls"));
    std::fs::write(&answer, format!(r#"{{"access_token":"{}","expires_in":1}}"#, token("gw"))).unwrap();
    for kind in ["xoauth2", "oauthbearer"] {
        let _ = std::fs::remove_file(&calls);
        let command = format!("echo >> {}; cat {}", calls.display(), answer.display());
        let running = run(
            plain(&dovecot, &format!("token_command = '{command}'\ntoken_login = '{kind}'\n")),
            Stay::Forever,
            false,
        );
        let logins = || std::fs::read(&calls).map_or(0, |lines| lines.len());
        running.until("logged in thrice", |_| logins() >= 3).await;
        let healths = std::mem::take(&mut running.seen.lock().unwrap().healths);
        assert!(healths.iter().all(|health| matches!(health, Health::Well(_))), "{kind}: {healths:?}");
        running.end().await;
        let wrong = plain(&dovecot, &format!("token_command = 'echo guess'\ntoken_login = '{kind}'\n"));
        let told = source::probe(&wrong).await.unwrap_err();
        assert!(told.contains("check user and the token"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_may_hold_any_letters() {
    let dovecot = Dovecot::start();
    std::fs::write(dovecot.path("password"), format!("{OTHER_PASSWORD}\n")).unwrap();
    let rest = format!("password_file = '{}'\n", dovecot.path("password").display());
    let SourceSettings::Imap(mut settings) = plain(&dovecot, &rest) else { unreachable!() };
    settings.user = "jo@example.test".to_owned();
    source::probe(&SourceSettings::Imap(settings)).await.unwrap();
}

/// The answers that every scripted server gives.
const SELECTED: (&str, &str) = ("SELECT", "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\nTAG OK [READ-WRITE] done\r\n");
const ABLE: (&str, &str) = ("CAPABILITY", "* CAPABILITY IMAP4rev1 MOVE UIDPLUS\r\nTAG OK done\r\n");
const ONE: (&str, &str) = ("UID SEARCH", "* SEARCH 5\r\nTAG OK done\r\n");
const SIZE: (&str, &str) = ("UID FETCH 5 (UID RFC822.SIZE)", "* 1 FETCH (UID 5 RFC822.SIZE 12)\r\nTAG OK done\r\n");
const BODY: (&str, &str) =
    ("UID FETCH 5 (UID BODY.PEEK[])", "* 1 FETCH (UID 5 BODY[] {12}\r\nSubject: x\r\n)\r\nTAG OK done\r\n");

fn scripted(port: u16) -> SourceSettings {
    settings(&format!(
        "host = '127.0.0.1'\nport = {port}\ntls = 'none'\nuser = 'u'\npassword = 'p'\nidle = false\npoll = '50ms'\n\
         first_wait = '20ms'\nlongest_wait = '50ms'\nlimit = '2s'\n"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_without_a_tagged_ok_is_not_believed() {
    for broken in [
        ("UID SEARCH", "TAG BAD what?\r\n"),
        ("UID SEARCH", "* SEARCH\r\nCLOSE"),
        ("UID FETCH 5 (UID RFC822.SIZE)", "* BYE tired\r\nCLOSE"),
        ("UID FETCH 5 (UID BODY.PEEK[])", "* 1 FETCH (UID 5 BODY[] {12}\r\nSubjCLOSE"),
    ] {
        let bad = vec![broken, SELECTED, ABLE, ONE, SIZE, BODY];
        let port = script::imap(vec![bad, vec![SELECTED, ABLE, ONE, SIZE, BODY]]);
        let running = run(scripted(port), Stay::Forever, false);
        running.until("taken after all", |seen| !seen.mails.is_empty()).await;
        let first = running.seen.lock().unwrap().healths[0].clone();
        assert!(matches!(first, Health::Trouble(_)), "{broken:?}: {first:?}");
        assert_eq!(running.end().await[0].raw, b"Subject: x\r\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_cannot_be_fetched_is_told_and_left() {
    let refused = ("UID FETCH 5 (UID BODY.PEEK[])", "TAG NO I lost it\r\n");
    let port = script::imap(vec![vec![refused, SELECTED, ABLE, ONE, SIZE]]);
    let running = run(scripted(port), Stay::Forever, false);
    running
        .until("told", |seen| matches!(seen.healths.last(), Some(Health::Trouble(text)) if text.contains("UID 5")))
        .await;
    assert!(running.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_back_off_hint_is_honoured() {
    for throttled in [
        ("GREETING", "* BYE Request is throttled. Suggested Backoff Time: 1400 milliseconds\r\n"),
        ("LOGIN", "TAG NO Request is throttled. Suggested Backoff Time: 1400 milliseconds\r\n"),
        ("SELECT", "TAG NO Request is throttled. Suggested Backoff Time: 1400 milliseconds\r\n"),
        ("UID SEARCH", "* BYE Request is throttled. Suggested Backoff Time: 1400 milliseconds\r\n"),
    ] {
        let port = script::imap(vec![vec![throttled, SELECTED, ABLE], vec![SELECTED, ABLE, ONE, SIZE, BODY]]);
        let running = run(scripted(port), Stay::Forever, false);
        running.until("taken", |seen| !seen.mails.is_empty()).await;
        let first = running.seen.lock().unwrap().healths[0].clone();
        // Of itself it would have come back within a tenth of a second.
        assert!(matches!(&first, Health::Trouble(text) if text.ends_with("tried again in 2 s")), "{first:?}");
        running.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_breaks_the_connection_is_found_out_and_left() {
    const BOTH: (&str, &str) = ("UID SEARCH", "* SEARCH 4 5\r\nTAG OK done\r\n");
    const SIZES: (&str, &str) = (
        "UID FETCH 4:5 (UID RFC822.SIZE)",
        "* 1 FETCH (UID 4 RFC822.SIZE 12)\r\n* 2 FETCH (UID 5 RFC822.SIZE 12)\r\nTAG OK done\r\n",
    );
    const SIZE_4: (&str, &str) =
        ("UID FETCH 4 (UID RFC822.SIZE)", "* 1 FETCH (UID 4 RFC822.SIZE 12)\r\nTAG OK done\r\n");
    const GOOD: (&str, &str) =
        ("UID FETCH 5 (UID BODY.PEEK[])", "* 2 FETCH (UID 5 BODY[] {12}\r\nSubject: x\r\n)\r\nTAG OK done\r\n");
    for answer in ["CLOSE", "* 1 FETCH (UID 4 BODY[] nonsense)\r\nTAG OK done\r\n"] {
        let together = ("UID FETCH 4:5 (UID BODY.PEEK[])", answer);
        let alone = ("UID FETCH 4 (UID BODY.PEEK[])", answer);
        let script = vec![SELECTED, ABLE, BOTH, SIZES, SIZE_4, SIZE, together, alone, GOOD];
        let SourceSettings::Imap(mut settings) = scripted(script::imap(vec![script; 40])) else { unreachable!() };
        settings.longest_wait = Duration::from_secs(5);
        let running = run(SourceSettings::Imap(settings), Stay::Forever, false);
        running.until("the other is taken", |seen| !seen.mails.is_empty()).await;
        running
            .until("told", |seen| matches!(seen.healths.last(), Some(Health::Trouble(text)) if text.contains("UID 4")))
            .await;
        assert!(running.end().await[0].identity.ends_with("/INBOX;7;5"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_whose_beginning_is_refused_blocks_nobody() {
    const GIANT: (&str, &str) = (
        "UID FETCH 4:5 (UID RFC822.SIZE)",
        "* 1 FETCH (UID 4 RFC822.SIZE 99000000)\r\n* 2 FETCH (UID 5 RFC822.SIZE 12)\r\nTAG OK done\r\n",
    );
    let both = ("UID SEARCH", "* SEARCH 4 5\r\nTAG OK done\r\n");
    let refused = ("UID FETCH 4 (UID BODY.PEEK[HEADER]", "TAG NO too large for me\r\n");
    let port = script::imap(vec![vec![SELECTED, ABLE, both, GIANT, refused, BODY]]);
    let running = run(scripted(port), Stay::Forever, false);
    running
        .until("told", |seen| matches!(seen.healths.last(), Some(Health::Trouble(text)) if text.contains("UID 4")))
        .await;
    assert_eq!(running.end().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_mail_that_cannot_be_moved_is_told_and_not_fetched_again() {
    let refused = ("UID MOVE", "TAG NO [OVERQUOTA] no room\r\n");
    let port = script::imap(vec![vec![SELECTED, ABLE, ONE, SIZE, BODY, refused]]);
    let running = run(scripted(port), Stay::Forever, false);
    let told =
        |health: &&Health| matches!(health, Health::Trouble(text) if text.contains("can't be moved to Processed"));
    running.until("told again and again", |seen| seen.healths.iter().filter(told).count() >= 3).await;
    assert_eq!(running.end().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_before_the_idle_is_looked_for() {
    let able = ("CAPABILITY", "* CAPABILITY IMAP4rev1 MOVE UIDPLUS IDLE\r\nTAG OK done\r\n");
    let moved = ("UID MOVE", "* 1 EXPUNGE\r\n* 1 EXISTS\r\nTAG OK done\r\n");
    // Announced between the command and the server's leave to idle.
    let idle = ("IDLE", "* 2 EXISTS\r\n+ idling\r\n");
    let port = script::imap(vec![vec![SELECTED, able, ONE, SIZE, BODY, moved, idle]]);
    let waiting = settings(&format!(
        "host = '127.0.0.1'\nport = {port}\ntls = 'none'\nuser = 'u'\npassword = 'p'\npoll = '1h'\nlimit = '2s'\n"
    ));
    let running = run(waiting, Stay::Forever, false);
    let nothing = |health: &&Health| **health == Health::Well("mails taken: 0".to_owned());
    running.until("looked thrice", |seen| seen.healths.iter().filter(nothing).count() >= 2).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_which_nothing_can_be_marked_needs_a_person() {
    for (selected, told) in [
        (
            "* OK [UIDVALIDITY 7] ok\r\n* OK [PERMANENTFLAGS (\\Seen \\Deleted)] few\r\nTAG OK done\r\n",
            "keeps no keyword",
        ),
        ("* OK [UIDVALIDITY 7] ok\r\nTAG OK [READ-ONLY] done\r\n", "is read-only"),
    ] {
        let port = script::imap(vec![vec![("SELECT", selected), ABLE]]);
        let SourceSettings::Imap(mut settings) = scripted(port) else { unreachable!() };
        settings.after = source::imap::After::Flag("GGUSTaken".to_owned());
        let error = source::probe(&SourceSettings::Imap(settings)).await.unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

/// Base 64 of `user=u^Aauth=Bearer tok^A^A`, and of the RFC 7628 form: written out, so that the test does not repeat the code.
const XOAUTH2: &str = "dXNlcj11AWF1dGg9QmVhcmVyIHRvawEB";
const OAUTHBEARER_START: &str = "bixhPXUsAWhvc3Q9MTI3LjAuMC4xAXBvcnQ9";

#[tokio::test(flavor = "multi_thread")]
async fn tokens_log_in_and_are_fetched_anew() {
    let asks = ("AUTHENTICATE", "+ \r\n");
    for (login, mechanism, words) in
        [("xoauth2", "AUTHENTICATE XOAUTH2", XOAUTH2), ("oauthbearer", "AUTHENTICATE OAUTHBEARER", OAUTHBEARER_START)]
    {
        let (port, heard) =
            script::imap_heard(vec![vec![asks, SELECTED, ABLE, ("UID SEARCH", "* SEARCH\r\nTAG OK done\r\n")]; 2]);
        let settings = settings(&format!(
            "host = '127.0.0.1'\nport = {port}\ntls = 'none'\nuser = 'u'\ntoken_login = '{login}'\ntoken_lifetime = '1ms'\n\
             token_command = 'echo \"{{\\\"access_token\\\": \\\"tok\\\"}}\"'\nidle = false\npoll = '10ms'\nfirst_wait = '10ms'\nlimit = '5s'\n"
        ));
        let running = run(settings, Stay::Forever, false);
        let logins = || heard.lock().unwrap().iter().filter(|line| *line == mechanism).count();
        running.until("two logins, since the token grew old", |_| logins() == 2).await;
        running.end().await;
        assert!(
            heard.lock().unwrap().iter().any(|line| line.starts_with(words)),
            "{login}: {:?}",
            heard.lock().unwrap()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_explained_and_told() {
    let refuses = vec![
        ("AUTHENTICATE", "+ \r\n"),
        (XOAUTH2, "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
        ("", "TAG NO [AUTHENTICATIONFAILED] token expired\r\n"),
    ];
    let port = script::imap(vec![refuses]);
    let settings = settings(&format!(
        "host = '127.0.0.1'\nport = {port}\ntls = 'none'\nuser = 'u'\ntoken_command = 'echo tok'\nlimit = '5s'\n"
    ));
    let told = source::probe(&settings).await.unwrap_err();
    assert!(told.contains("token expired") && told.contains("check user and the token"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_move_exactly_the_kept_mail_is_copied_and_expunged() {
    let able = ("CAPABILITY", "* CAPABILITY IMAP4rev1 UIDPLUS\r\nTAG OK done\r\n");
    let (port, heard) = script::imap_heard(vec![vec![able, SELECTED, ONE, SIZE, BODY]]);
    let running = run(scripted(port), Stay::Once, false);
    running.until("done", |seen| !seen.healths.is_empty()).await;
    running.end().await;
    let said = heard.lock().unwrap().join("\n");
    for command in ["UID COPY 5 \"Processed\"", "UID STORE 5 +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE 5"] {
        assert!(said.contains(command), "{command} in:\n{said}");
    }
    assert!(!said.contains("ENVELOPE") && !said.lines().any(|line| line == "EXPUNGE"), "{said}");
}

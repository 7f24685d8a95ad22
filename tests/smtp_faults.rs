//! The SMTP relay with servers that cut, stall, talk nonsense or cheat: what it says about each, and that no mail is
//! taken for sent that was not.

mod servers;

use ggus_gateway::mail::Address;
use ggus_gateway::relay::smtp::Settings;
use ggus_gateway::relay::{self, Courier, Outcome, Parcel, RelaySettings, Trouble};
use servers::smtp_script::{Peer, SHORT};

/// A server that offers nothing. The second EHLO is lettre's own.
const HELLO: &str = "> 220 peer.example ESMTP\n< EHLO\n> 250 peer.example\n< EHLO\n> 250 peer.example\n";
const ENVELOPE: &str = "< MAIL FROM:<gw@example.test>\n> 250 ok\n< RCPT TO:<anna@example.test>\n> 250 ok\n";
const TEXT: &str = "< DATA\n> 354 go on\n< .\n";

fn settings(port: u16, more: &str) -> RelaySettings {
    // A test that fails does so soon.
    let limits = if more.contains("_limit") { "" } else { "command_limit = '20s'\ndata_limit = '20s'\n" };
    toml::from_str(&format!(
        "[smtp]\nhost = '127.0.0.1'\nport = {port}\ntls = 'none'\nhello = 'desk.example.test'\n{limits}{more}\n"
    ))
    .unwrap()
}

fn courier(peer: &Peer, more: &str) -> Courier {
    Courier::new(&settings(peer.port, more))
}

fn parcel() -> Parcel {
    Parcel {
        sender: Address::parse("gw@example.test"),
        recipient: Address::parse("anna@example.test").unwrap(),
        bytes: b"Subject: x\r\nMessage-ID: <x@test>\r\n\r\n.dot\r\nlast line\r\n".to_vec(),
    }
}

/// `outcome trouble: text`.
fn told(outcome: &Outcome, courier: &Courier) -> String {
    let (word, text) = match outcome {
        Outcome::Sent(text) => ("sent", text),
        Outcome::Transient(text) => ("transient", text),
        Outcome::Permanent(text) => ("permanent", text),
        Outcome::Unknown(text) => ("unknown", text),
    };
    let trouble = match courier.trouble() {
        None => "well",
        Some(Trouble::Passing(_)) => "passing",
        Some(Trouble::Blocked(_)) => "blocked",
    };
    format!("{word} {trouble}: {text}")
}

/// Delivers one mail to a server that plays `dialogue`; what is told must begin and go on as given.
async fn check(dialogue: &str, more: &str, start: &str, part: &str) {
    let peer = Peer::plays(&[dialogue]).await;
    let mut courier = courier(&peer, more);
    let outcome = courier.deliver(&parcel()).await;
    let told = told(&outcome, &courier);
    assert!(told.starts_with(start) && told.contains(part), "{dialogue}\n{told}");
}

#[tokio::test]
async fn only_what_was_cut_after_the_final_dot_may_have_arrived() {
    let limits = "command_limit = '1s'\ndata_limit = '1s'";
    for (dialogue, start, part) in [
        (format!("{HELLO}{ENVELOPE}{TEXT}! cut"), "unknown passing", "broke at the mail"),
        (format!("{HELLO}{ENVELOPE}{TEXT}! hold"), "unknown passing", "no answer within 1 s; it may have arrived"),
        (format!("{HELLO}{ENVELOPE}{TEXT}> what?"), "unknown passing", "it may have arrived"),
        (format!("{HELLO}{ENVELOPE}{TEXT}> 354 go on"), "unknown passing", "unexpected answer 354 go on"),
        (format!("{HELLO}{ENVELOPE}< DATA\n! cut"), "transient passing", "broke at DATA"),
        (format!("{HELLO}{ENVELOPE}< DATA\n! hold"), "transient passing", "broke at DATA: no answer within 1 s"),
        (format!("{HELLO}{ENVELOPE}< DATA\n> 250 ok"), "transient passing", "unexpected answer 250 ok"),
        (format!("{HELLO}< MAIL\n! cut"), "transient passing", "broke at MAIL FROM"),
        (format!("{HELLO}! cut"), "transient passing", "broke at MAIL FROM"),
    ] {
        check(&dialogue, limits, start, part).await;
    }
}

#[tokio::test]
async fn each_answer_means_what_its_place_makes_of_it() {
    for (dialogue, start, part) in [
        (format!("{HELLO}{ENVELOPE}{TEXT}> 250 2.0.0 Ok: queued as A1"), "sent well: 250 2.0.0 Ok: queued as A1 (", ""),
        (format!("{HELLO}{ENVELOPE}{TEXT}> 554 5.7.1 spam"), "permanent well: 554 5.7.1 spam (", "the mail)"),
        (format!("{HELLO}{ENVELOPE}{TEXT}> 452 4.3.1 full"), "transient well: 452 4.3.1 full (", ""),
        (format!("{HELLO}{ENVELOPE}< DATA\n> 451 4.3.0 later"), "transient well: 451 4.3.0 later (", "DATA)"),
        (format!("{HELLO}< MAIL\n> 250 ok\n< RCPT\n> 550 5.1.1 who?"), "permanent well: 550 5.1.1 who? (", "RCPT TO)"),
        (format!("{HELLO}< MAIL\n> 530 5.7.0 log in"), "transient blocked: 530 5.7.0 log in (", "MAIL FROM)"),
        ("> 421 4.3.2 busy".to_owned(), "transient passing", "turns us away for now: 421 4.3.2 busy"),
        ("> 554 5.3.2 no service".to_owned(), "transient blocked", "ask its operator, or use another relay"),
        ("> 220 hi\n< EHLO\n> 550 5.7.1 bad name".to_owned(), "transient blocked", "set hello to a name"),
    ] {
        check(&dialogue, "", start, part).await;
    }
}

#[tokio::test]
async fn answers_of_odd_servers_are_understood() {
    for (answer, start) in [
        ("> 250", "sent well: 250 ("),
        ("> 250-two\n> 250 lines", "sent well: 250 two lines ("),
        ("> 571 go away", "permanent well: 551 571 go away ("),
        ("> 550 Empf\u{e4}nger unbekannt", "permanent well: 550 Empf\u{fffd}nger unbekannt ("),
    ] {
        check(&format!("{HELLO}{ENVELOPE}{TEXT}{answer}"), "", start, "").await;
    }
}

#[tokio::test]
async fn a_mail_that_got_stuck_half_way_has_not_arrived() {
    let peer = Peer::plays(&[&format!("{HELLO}{ENVELOPE}< DATA\n> 354 go on\n! deaf")]).await;
    let mut courier = courier(&peer, "data_limit = '300ms'");
    let large = Parcel { bytes: b"more than any buffer between us holds\r\n".repeat(1_000_000), ..parcel() };
    let told = told(&courier.deliver(&large).await, &courier);
    assert!(told.starts_with("transient passing") && told.contains("broke at the mail: no answer within"), "{told}");
}

#[tokio::test]
async fn a_given_up_delivery_takes_its_connection_along() {
    let stuck = format!("{HELLO}{ENVELOPE}{TEXT}! hold");
    let fresh = format!("{HELLO}{ENVELOPE}{TEXT}> 554 5.7.1 not this one");
    let mut peer = Peer::plays(&[&stuck, &fresh]).await;
    let mut courier = courier(&peer, "");
    let first = parcel();
    tokio::select! {
        outcome = courier.deliver(&first) => panic!("{outcome:?}"),
        () = peer.hears("Subject: x") => {}
    }
    // The answer to the second mail, not that to the first.
    let second = courier.deliver(&parcel()).await;
    assert!(matches!(&second, Outcome::Permanent(said) if said.starts_with("554 5.7.1 not this one")), "{second:?}");
}

#[tokio::test]
async fn the_mail_goes_out_as_it_is() {
    let bare = Parcel { bytes: b"Subject: x\n\n.\nlast line".to_vec(), ..parcel() };
    for (parcel, expected) in [
        (parcel(), "Subject: x\r\nMessage-ID: <x@test>\r\n\r\n..dot\r\nlast line\r\n"),
        (bare, "Subject: x\r\n\r\n..\r\nlast line\r\n"),
    ] {
        let peer = Peer::plays(&[&format!("{HELLO}{ENVELOPE}{TEXT}> 250 ok")]).await;
        assert!(matches!(courier(&peer, "").deliver(&parcel).await, Outcome::Sent(_)));
        let heard = peer.heard().await;
        assert_eq!(heard.last().map(String::as_str), Some(expected), "{heard:?}");
    }
}

#[tokio::test]
async fn one_connection_carries_as_many_mails_as_it_may() {
    let mail = format!("{ENVELOPE}{TEXT}> 250 ok\n");
    let first = format!("{HELLO}{mail}< RSET\n> 250 ok\n{mail}< QUIT\n> 221 bye");
    let second = format!("{HELLO}{mail}< QUIT\n> 221 bye");
    let peer = Peer::plays(&[&first, &second]).await;
    let mut courier = courier(&peer, "mails_per_connection = 2");
    for _ in 0..3 {
        assert!(matches!(courier.deliver(&parcel()).await, Outcome::Sent(_)));
    }
    courier.rest().await;
    assert_eq!(peer.heard().await.iter().filter(|line| line.starts_with("Subject: x")).count(), 3);
}

#[tokio::test]
async fn an_idle_connection_is_left_politely() {
    let dialogue = format!("{HELLO}{ENVELOPE}{TEXT}> 250 ok\n< QUIT\n> 221 bye");
    let peer = Peer::plays(&[&dialogue, &dialogue]).await;
    let mut courier = courier(&peer, "idle = '1ms'");
    for _ in 0..2 {
        assert!(matches!(courier.deliver(&parcel()).await, Outcome::Sent(_)));
        courier.tired().await;
    }
    courier.rest().await;
    assert_eq!(peer.heard().await.iter().filter(|line| *line == "QUIT").count(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_died_is_no_fault_of_the_next_mail() {
    let mail = format!("{HELLO}{ENVELOPE}{TEXT}> 250 ok\n");
    for end in ["! cut", "< RSET\n> 421 4.4.2 too long idle", "> 421 4.4.2 too long idle\n! cut"] {
        let peer = Peer::plays(&[&format!("{mail}{end}"), &mail]).await;
        let mut courier = courier(&peer, "");
        for _ in 0..2 {
            let outcome = courier.deliver(&parcel()).await;
            assert!(matches!(outcome, Outcome::Sent(_)), "{end}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_before_its_question_ends_the_conversation() {
    check(&format!("{HELLO}< MAIL\n> 250 ok\n> 250 ok\n! hold"), "", "transient passing", "before it was asked").await;
    // Somebody on the way slips in, in clear text, what shall be taken for the encrypted server's word.
    let offer = "> 220 hi\n< EHLO\n> 250-peer.example\n> 250 STARTTLS\n< STARTTLS\n> 220 go\n> 250 AUTH PLAIN\n! hold";
    let peer = Peer::plays(&[offer]).await;
    let mut courier = Courier::new(&starttls(peer.port, "starttls"));
    let told = told(&courier.deliver(&parcel()).await, &courier);
    assert!(told.starts_with("transient passing") && told.contains("before it was asked"), "{told}");
}

fn starttls(port: u16, tls: &str) -> RelaySettings {
    toml::from_str(&format!("[smtp]\nhost = '127.0.0.1'\nport = {port}\ntls = '{tls}'\n")).unwrap()
}

#[tokio::test]
async fn a_server_without_starttls_gets_the_mail_only_where_that_is_allowed() {
    let peer = Peer::plays(&["> 220 hi\n< EHLO\n> 250 peer.example\n! hold"]).await;
    let mut courier = Courier::new(&starttls(peer.port, "starttls"));
    let refused = told(&courier.deliver(&parcel()).await, &courier);
    assert!(refused.starts_with("transient blocked") && refused.contains("offers no STARTTLS"), "{refused}");
    let peer = Peer::plays(&[&format!("{HELLO}{ENVELOPE}{TEXT}> 250 ok")]).await;
    let taken = Courier::new(&starttls(peer.port, "opportunistic")).deliver(&parcel()).await;
    assert!(matches!(taken, Outcome::Sent(_)), "{taken:?}");
}

/// Settings for a login, where the server's AUTH line is `offer`.
async fn log_in(offer: &str, dialogue: &str, secret: &str) -> (Result<String, String>, Vec<String>) {
    let hello = format!("> 220 hi\n< EHLO\n> 250-peer\n> 250 {offer}\n< EHLO\n> 250-peer\n> 250 {offer}\n");
    let peer = Peer::plays(&[&format!("{hello}{dialogue}\n< QUIT\n> 221 bye")]).await;
    let probed = relay::probe(&settings(peer.port, &format!("user = 'gw'\n{secret}"))).await;
    (probed, peer.heard().await)
}

#[tokio::test]
async fn every_way_to_log_in_is_spoken_as_its_paper_says() {
    let (token, password) = ("token_command = 'echo t0ken'", "password = 'secret'");
    for (offer, dialogue, secret) in [
        ("AUTH LOGIN PLAIN", "< AUTH PLAIN AGd3AHNlY3JldA==\n> 235 in", password),
        ("auth=login", "< AUTH LOGIN\n> 334 VXNlcjo\n< Z3c=\n> 334 what now\n< c2VjcmV0\n> 235 in", password),
        ("AUTH PLAIN XOAUTH2", "< AUTH XOAUTH2 dXNlcj1ndwFhdXRoPUJlYXJlciB0MGtlbgEB\n> 235 in", token),
        ("AUTH OAUTHBEARER", "< AUTH OAUTHBEARER bixhPWd3LAFhdXRoPUJlYXJlciB0MGtlbgEB\n> 235 in", token),
    ] {
        let (probed, heard) = log_in(offer, dialogue, secret).await;
        assert!(
            probed.as_ref().is_ok_and(|text| text.ends_with("not encrypted, logged in as gw")),
            "{probed:?} {heard:?}"
        );
    }
}

#[tokio::test]
async fn a_long_token_waits_until_it_is_asked_for() {
    let token = "token_command = 'printf %0600d 7'";
    let (probed, heard) = log_in("AUTH XOAUTH2", "< AUTH XOAUTH2\n> 334 \n< dXNlcj1nd\n> 235 in", token).await;
    assert!(probed.is_ok(), "{probed:?}");
    assert!(heard.iter().any(|line| line == "AUTH XOAUTH2"), "{heard:?}");
}

#[tokio::test]
async fn a_login_that_fails_says_why_and_what_to_do() {
    let token = "token_command = 'echo stale'";
    for (offer, dialogue, secret, part) in [
        (
            "AUTH PLAIN",
            "< AUTH\n> 535 5.7.8 no",
            "password = 'p'",
            "rejects the login of \"gw\": 535 5.7.8 no; check user",
        ),
        // Both explain first, and reject only when that has been answered.
        (
            "AUTH XOAUTH2",
            "< AUTH\n> 334 e30=\n< \n> 535 5.7.8 expired",
            token,
            "535 5.7.8 expired; check user and token",
        ),
        ("AUTH OAUTHBEARER", "< AUTH\n> 334 e30=\n< AQ==\n> 535 5.7.8 expired", token, "535 5.7.8 expired"),
        ("AUTH PLAIN", "< AUTH\n> 454 4.7.0 later", "password = 'p'", "gives no login now: 454 4.7.0 later"),
        ("AUTH CRAM-MD5", "", "password = 'p'", "offers CRAM-MD5, and we need PLAIN or LOGIN"),
        ("8BITMIME", "", "password = 'p'", "offers no login at all"),
        ("AUTH PLAIN", "< AUTH\n> 334 \n< *\n> 501 5.7.0 given up", "password = 'p'", "501 5.7.0 given up"),
    ] {
        let (probed, _) = log_in(offer, dialogue, secret).await;
        assert!(probed.as_ref().is_err_and(|text| text.contains(part)), "{offer}: {probed:?}");
    }
}

#[tokio::test]
async fn a_password_does_not_travel_in_clear_text() {
    let offer =
        "> 220 hi\n< EHLO\n> 250-peer\n> 250 AUTH PLAIN\n< EHLO\n> 250-peer\n> 250 AUTH PLAIN\n< QUIT\n> 221 bye";
    let peer = Peer::plays(&[offer]).await;
    // An address of this machine that does not look like one.
    let text =
        format!("[smtp]\nhost = '127.1'\nport = {}\ntls = 'opportunistic'\nuser = 'gw'\npassword = 'p'", peer.port);
    let probed = relay::probe(&toml::from_str(&text).unwrap()).await;
    assert!(probed.as_ref().is_err_and(|text| text.contains("does not travel in clear text")), "{probed:?}");
    assert!(peer.heard().await.iter().all(|line| !line.starts_with("AUTH")));
}

#[tokio::test]
async fn what_the_server_cannot_take_is_not_tried() {
    let small = "> 220 hi\n< EHLO\n> 250-peer\n> 250 SIZE 20\n< EHLO\n> 250 peer\n< QUIT\n> 221 bye";
    let plain = format!("{HELLO}< QUIT\n> 221 bye");
    let foreign = Address::parse("j\u{f6}rg@example.test").unwrap();
    let eight = "Subject: x\r\n\r\nsch\u{f6}n\r\n".as_bytes().to_vec();
    for (dialogue, parcel, part) in [
        (small, parcel(), "takes 20 at most (SIZE)"),
        (&plain, Parcel { recipient: foreign, ..parcel() }, "takes ASCII addresses only (no SMTPUTF8)"),
        (&plain, Parcel { bytes: eight, ..parcel() }, "takes 7-bit mails only (no 8BITMIME)"),
    ] {
        let peer = Peer::plays(&[dialogue]).await;
        let mut courier = courier(&peer, "");
        let outcome = courier.deliver(&parcel).await;
        assert!(matches!(&outcome, Outcome::Permanent(text) if text.contains(part)), "{outcome:?}");
        courier.rest().await;
        assert!(peer.heard().await.iter().all(|line| !line.starts_with("MAIL")));
    }
}

#[tokio::test]
async fn what_the_server_offers_is_used() {
    let able = "> 250-peer\n> 250-SIZE 100000\n> 250-SMTPUTF8\n> 250 8BITMIME\n";
    let line = "< MAIL FROM:<> SIZE=22 BODY=8BITMIME SMTPUTF8\n> 250 ok\n";
    // The peer reads UTF-8 as it comes.
    let rest = format!("< RCPT TO:<j\u{f6}rg@example.test>\n> 250 ok\n{TEXT}> 250 ok");
    let peer = Peer::plays(&[&format!("> 220 hi\n< EHLO\n{able}< EHLO\n{able}{line}{rest}")]).await;
    let parcel = Parcel {
        sender: None,
        recipient: Address::parse("j\u{f6}rg@example.test").unwrap(),
        bytes: "Subject: x\r\n\r\nsch\u{f6}n\r\n".as_bytes().to_vec(),
    };
    let outcome = courier(&peer, "").deliver(&parcel).await;
    assert!(matches!(outcome, Outcome::Sent(_)), "{outcome:?} {:?}", peer.heard().await);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_told_from_one_that_is_silent() {
    let limits = "connect_limit = '300ms'\ncommand_limit = '300ms'";
    let nobody = servers::free_port();
    let refused = relay::probe(&settings(nobody, limits)).await.unwrap_err();
    assert!(refused.starts_with(&format!("cannot connect to 127.0.0.1:{nobody}")), "{refused}");
    let unknown = Settings { connect_limit: SHORT, ..Settings::new("no-such-host.invalid") };
    let unknown = relay::smtp::probe(&unknown).await.unwrap_err();
    assert!(unknown.starts_with("cannot find the address of no-such-host.invalid"), "{unknown}");
    let peer = Peer::plays(&["! hold"]).await;
    let silent = relay::probe(&settings(peer.port, limits)).await.unwrap_err();
    assert!(
        silent.ends_with("does not greet: no answer within 300 ms; if it stays so, check tls and port"),
        "{silent}"
    );
    let peer = Peer::plays(&["> 220 hi\n! hold"]).await;
    let plain = relay::probe(&starttls(peer.port, "implicit")).await.unwrap_err();
    assert!(plain.contains("speaks no TLS here") && plain.ends_with("or another port"), "{plain}");
}

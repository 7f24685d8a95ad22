//! The SMTP relay against a real Postfix. Faults that Postfix can't be made to have are in smtp_faults.rs.

mod servers;

use ggus_gateway::mail::Address;
use ggus_gateway::relay::{self, Courier, Outcome, Parcel, RelaySettings};
use servers::dovecot::Dovecot;
use servers::postfix::{NAME, Postfix};
use servers::until;

fn settings(text: &str) -> RelaySettings {
    toml::from_str(&format!("[smtp]\nhost = '127.0.0.1'\n{text}")).unwrap()
}

fn plain(postfix: &Postfix) -> RelaySettings {
    settings(&format!("port = {}\ntls = 'none'\n", postfix.smtp))
}

fn parcel(to: &str, subject: &str) -> Parcel {
    let text = format!(
        "From: gw@example.test\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@test>\r\n\r\n.hidden dot\r\nhello\r\n"
    );
    Parcel {
        sender: Address::parse("gw@example.test"),
        recipient: Address::parse(to).unwrap(),
        bytes: text.into_bytes(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_arrive_over_one_connection_and_each_recipient_has_its_answer() {
    let dovecot = Dovecot::start();
    let postfix = Postfix::start(&dovecot);
    let mut courier = Courier::new(&plain(&postfix));
    for number in 0..5 {
        assert!(matches!(courier.deliver(&parcel("anna@example.test", &format!("m{number}"))).await, Outcome::Sent(_)));
    }
    let refused = courier.deliver(&parcel("nobody@example.test", "x")).await;
    assert!(matches!(&refused, Outcome::Permanent(said) if said.contains("no such mailbox")), "{refused:?}");
    let later = courier.deliver(&parcel("later@example.test", "x")).await;
    assert!(matches!(&later, Outcome::Transient(said) if said.contains("come again")), "{later:?}");
    let null = Parcel { sender: None, ..parcel("anna@example.test", "null") };
    assert!(matches!(courier.deliver(&null).await, Outcome::Sent(_)));
    courier.rest().await;
    until("all have arrived", || dovecot.mails("anna", "INBOX").len() == 6);
    assert!(dovecot.mails("anna", "INBOX").iter().all(|mail| mail.contains("\n.hidden dot")));
    assert!(dovecot.mails("anna", "INBOX").iter().any(|mail| mail.contains("Return-Path: <>")));
    let log = std::fs::read_to_string(postfix.path("maillog")).unwrap();
    // The first connection may be the one that waited for Postfix to listen; mails went over one.
    assert_eq!(log.matches("client=unknown[127.0.0.1]").count(), 6, "{log}");
    let connections = log.lines().filter(|line| line.contains("disconnect from") && line.contains("mail=")).count();
    assert_eq!(connections, 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_over_tls_needs_the_right_name_and_password() {
    let dovecot = Dovecot::start();
    let postfix = Postfix::start(&dovecot);
    let ca = postfix.path("tls/cert.pem").display().to_string();
    for (tls, port) in [("starttls", postfix.submission), ("implicit", postfix.smtps)] {
        let with = |name: &str, password: &str| {
            settings(&format!(
                "port = {port}\ntls = '{tls}'\nca_file = '{ca}'\ntls_name = '{name}'\nuser = 'gw@example.test'\npassword = '{password}'\n"
            ))
        };
        let good = with(NAME, "secret");
        assert!(relay::probe(&good).await.is_ok(), "{tls}: {:?}", relay::probe(&good).await);
        assert!(matches!(Courier::new(&good).deliver(&parcel("anna@example.test", tls)).await, Outcome::Sent(_)));
        let name = relay::probe(&with("other.example.test", "secret")).await.unwrap_err();
        assert!(name.contains("certificate"), "{name}");
        let password = relay::probe(&with(NAME, "guess")).await.unwrap_err();
        assert!(password.contains("rejects the login"), "{password}");
        // A rejected login is no fault of the mail: it waits, and a person is told.
        let mut courier = Courier::new(&with(NAME, "guess"));
        assert!(matches!(courier.deliver(&parcel("anna@example.test", "x")).await, Outcome::Transient(_)));
        assert!(matches!(courier.trouble(), Some(relay::Trouble::Blocked(_))), "{:?}", courier.trouble());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_and_starts_is_found_again() {
    let dovecot = Dovecot::start();
    let mut postfix = Postfix::start(&dovecot);
    let mut courier = Courier::new(&plain(&postfix));
    assert!(matches!(courier.deliver(&parcel("anna@example.test", "a")).await, Outcome::Sent(_)));
    postfix.stop();
    let gone = courier.deliver(&parcel("anna@example.test", "b")).await;
    assert!(matches!(gone, Outcome::Transient(_)), "{gone:?}");
    postfix.again();
    assert!(matches!(courier.deliver(&parcel("anna@example.test", "c")).await, Outcome::Sent(_)));
}

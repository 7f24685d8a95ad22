//! S/MIME, on mails that the `openssl` program signed: whose signature counts, and what proves nothing.

mod people;

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ggus_gateway::mail::Mail;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::smime::Signature;
use ggus_gateway::proof::smime::{Authorities, Verifier, opened};
use jiff::{SignedDuration, Timestamp};
use people::{People, run};

const HEAD: &str = "From: Anna Rossi <anna@infn.example>\r\nTo: support@ggus.example\r\nSubject: CE down\r\n";
const TEXT: &str = "It is down.";
const OLDEST: SignedDuration = SignedDuration::from_hours(48);

fn signature_at(people: &People, mail: &str, now: Timestamp) -> Signature {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let verifier = Verifier::new(&people.trusted(), SignedDuration::from_secs(10), OLDEST);
    let found = runtime.block_on(verifier.check(mail.as_bytes(), now));
    Signature::of(&Vec::from_iter(found))
}

fn signature(people: &People, mail: &str) -> Signature {
    signature_at(people, mail, Timestamp::now())
}

/// The text that the desk reads.
fn text(mail: &str) -> String {
    parse(&opened(mail.as_bytes()), &ReadLimits::default()).text
}

fn days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}

/// Why a signature proves nothing.
fn fault(signature: Signature) -> String {
    match signature {
        Signature::Worthless { because } => because,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signature_names_its_signer() {
    let people = People::new();
    for mail in [people.signed("anna", HEAD, TEXT), people.signed_opaque("anna", HEAD, TEXT)] {
        for mail in [mail.clone(), mail.replace("\r\n", "\n")] {
            let signature = signature(&people, &mail);
            let signer = signature.signer().unwrap_or_else(|| panic!("{signature:?}\n{mail}"));
            assert_eq!(signer.subject, "/C=IT/O=Grid/CN=Anna Rossi");
            assert_eq!(signer.addresses.iter().map(|one| one.as_str()).collect::<Vec<_>>(), ["anna@infn.example"]);
            assert_eq!(text(&mail), TEXT, "{mail}");
        }
    }
    let by_ben = signature(&people, &people.signed("ben", HEAD, TEXT));
    let signer = by_ben.signer().unwrap();
    assert_eq!(signer.subject, "/C=IT/O=Grid/CN=Ben/emailAddress=ben@infn.example");
    assert_eq!(signer.addresses[0].as_str(), "ben@infn.example");
    let entity = "Content-Type: text/plain\r\n\r\nGr=FC=DFe\r\n";
    let cms = format!("{HEAD}{}", people.signed_by("cms", &["anna"], entity, &["-md", "sha512"]));
    assert!(signature(&people, &cms).signer().is_some(), "{cms}");
}

#[test]
fn a_mail_without_a_signature_is_left_as_it_is() {
    let people = People::new();
    let plain = format!("{HEAD}\r\n{TEXT}\r\n");
    assert_eq!(signature(&people, &plain), Signature::Missing);
    assert_eq!(opened(plain.as_bytes()), plain.as_bytes());
}

#[test]
fn what_proves_nothing_says_why() {
    let people = People::new();
    let signed = people.signed("anna", HEAD, TEXT);
    let opaque = people.signed_opaque("anna", HEAD, TEXT);
    let why = |mail: &str| fault(signature(&people, mail));
    assert_eq!(why(&people.signed("eve", HEAD, TEXT)), "unable to get local issuer certificate");
    assert_eq!(why(&signed.replace(TEXT, "It is up.")), "digest failure");
    assert_eq!(fault(signature_at(&people, &signed, days(11))), "certificate has expired");
    assert_eq!(fault(signature_at(&people, &opaque, days(-1))), "certificate is not yet valid");
    people.person("server", "grid", "/CN=server", "extendedKeyUsage = serverAuth\n");
    assert_eq!(why(&people.signed("server", HEAD, TEXT)), "unsuitable certificate purpose");
    people.authority("alone", "/C=IT/O=Grid/CN=Anna Rossi");
    assert_eq!(why(&people.signed("alone", HEAD, TEXT)), "self-signed certificate");
    let entity = format!("Content-Type: text/plain\r\n\r\n{TEXT}\r\n");
    let twice = people.signed_by("smime", &["anna", "ben"], &entity, &[]);
    assert_eq!(why(&format!("{HEAD}{twice}")), "it has several signers");
    let nameless = people.signed_by("smime", &["anna"], &entity, &["-nocerts"]);
    assert_eq!(why(&format!("{HEAD}{nameless}")), "signer certificate not found");
    for mail in [
        signed.replace("pkcs7-signature\"; micalg", "pkcs7-signature\"; boundary=x; micalg"),
        opaque.replace("MII", "MIX"),
    ] {
        assert!(!why(&mail).is_empty(), "{mail}");
    }
    let encrypted = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n\r\nMIIB\r\n";
    assert_eq!(signature(&people, &format!("{HEAD}{encrypted}")), Signature::Missing);
}

#[test]
fn an_old_or_undated_signature_proves_nothing() {
    let people = People::new();
    let entity = format!("Content-Type: text/plain\r\n\r\n{TEXT}\r\n");
    let by_cms = people.signed_by("cms", &["anna"], &entity, &["-nodetach", "-stream", "-certfile", "other.pem"]);
    for mail in [people.signed("anna", HEAD, TEXT), people.signed_opaque("anna", HEAD, TEXT), format!("{HEAD}{by_cms}")]
    {
        let young = signature_at(&people, &mail, days(1));
        assert!(young.signer().is_some(), "{young:?}\n{mail}");
        let old = fault(signature_at(&people, &mail, days(3)));
        let today = Timestamp::now().strftime("%Y-").to_string();
        assert!(old.starts_with(&format!("it is of {today}")) && old.ends_with("proof.oldest_signature"), "{old}");
    }
    for program in ["smime", "cms"] {
        let undated = people.signed_by(program, &["anna"], &entity, &["-noattr"]);
        let why = fault(signature(&people, &format!("{HEAD}{undated}")));
        assert_eq!(why, "it does not say when it was made");
    }
}

#[test]
fn a_revocation_list_counts_where_there_is_one() {
    let people = People::new();
    let by = |name: &str, now| signature_at(&people, &people.signed(name, HEAD, TEXT), now);
    assert!(by("anna", days(0)).signer().is_some());
    people.revoke(&["ben"], 10);
    assert!(by("anna", days(0)).signer().is_some());
    assert_eq!(fault(by("ben", days(0))), "certificate revoked");
    // The list is good for a shorter time than these certificates.
    people.revoke(&["ben"], 2);
    assert_eq!(fault(by("anna", days(3))), "CRL has expired");
}

#[test]
fn a_revocation_list_that_cannot_be_read_counts_against_all_who_may_be_on_it() {
    let people = People::new();
    people.authority("second", "/C=DE/O=Grid/CN=Second CA");
    fs::copy(people.path("second.pem"), people.trusted().join("second.pem")).unwrap();
    people.person("carl", "second", "/C=DE/O=Grid/CN=Carl", "extendedKeyUsage = emailProtection\n");
    let by = |name: &str| signature(&people, &people.signed(name, HEAD, TEXT));
    let counts = || (by("anna").signer().is_some(), by("carl").signer().is_some());
    assert_eq!(counts(), (true, true));
    people.revoke(&["ben"], 10);
    let list = people.path("trusted/grid.r0");
    let good = fs::read_to_string(&list).unwrap();
    let (half, begin) = (&good[..good.len() / 2], "-----BEGIN X509 CRL-----");
    // Cut off by a full disk, empty, in another form, one good and one broken, a link to nothing.
    for broken in [half.to_owned(), String::new(), "0\u{82}".to_owned(), format!("{good}{begin}\nMIIB\n")] {
        fs::write(&list, broken).unwrap();
        assert_eq!(counts(), (false, true));
    }
    assert_eq!(fault(by("anna")), "a revocation list of its authority can't be read");
    fs::remove_file(&list).unwrap();
    std::os::unix::fs::symlink("/no/such/file", &list).unwrap();
    assert_eq!(counts(), (false, true));
    let faults = Authorities::read(&people.trusted()).unwrap().faults(days(0));
    let told = "grid.r0 holds no revocation list that can be read: no signature by its authority counts; fetch it anew or remove it";
    assert!(faults.len() == 1 && faults[0].ends_with(told), "{faults:?}");
    // Nobody knows whose this was.
    fs::rename(&list, people.path("trusted/lost.crl")).unwrap();
    assert_eq!(counts(), (false, false));
    fs::remove_file(people.path("trusted/lost.crl")).unwrap();
    assert_eq!(counts(), (true, true));
    // In a file of several, each counts.
    fs::write(people.path("trusted/all"), format!("note\n{good}")).unwrap();
    assert_eq!(fault(by("ben")), "certificate revoked");
    fs::write(people.path("trusted/all"), format!("{begin}\nMIIB\n-----END X509 CRL-----\n{good}")).unwrap();
    assert_eq!(counts(), (false, false));
}

#[test]
fn a_folder_without_authorities_is_refused() {
    let people = People::new();
    let read = |name: &str| Authorities::read(&people.path(name)).map(|known| known.count());
    assert_eq!(read("trusted"), Ok(1));
    assert!(read("nowhere").unwrap_err().contains("nowhere does not exist; name a folder"));
    fs::create_dir(people.path("empty")).unwrap();
    assert!(read("empty").unwrap_err().contains("holds no certificate; put PEM files of CAs there"));
    let known = Authorities::read(&people.trusted()).unwrap();
    assert_eq!(known.faults(days(0)), [""; 0]);
    assert_eq!(known.faults(days(3651)), ["/C=IT/O=Grid/CN=Grid CA has expired, and proves nothing"]);
}

#[test]
fn a_name_that_could_be_another_is_none() {
    let people = People::new();
    people.person("long", "grid", "/C=IT/O=Grid\\/CN=Anna Rossi", "extendedKeyUsage = emailProtection\n");
    let signature = signature(&people, &people.signed("long", HEAD, TEXT));
    assert_eq!(signature.signer().map(|signer| signer.subject.as_str()), Some(""));
}

/// A text, and beside it whatever somebody builds around it.
fn around(signed: &str, before: &str, after: &str) -> String {
    let (head, rest) = signed.split_once("MIME-Version").unwrap();
    format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n{before}MIME-Version{rest}\r\n{after}--out--\r\n"
    )
}

#[test]
fn only_a_signature_over_the_whole_mail_counts() {
    let people = People::new();
    let signed = people.signed("anna", HEAD, TEXT);
    let footer = around(&signed, "", "--out\r\nContent-Type: text/plain\r\n\r\nSTATUS: solved\r\n");
    let forwarded = around(&signed, "Content-Type: message/rfc822\r\n\r\nFrom: anna@infn.example\r\n", "");
    for mail in [footer, forwarded] {
        assert_eq!(signature(&people, &mail), Signature::Missing, "{mail}");
    }
    let inner = people.signed("anna", "", TEXT);
    let twice = format!("{HEAD}{}", people.signed_by("smime", &["eve"], &inner, &[]));
    assert_eq!(fault(signature(&people, &twice)), "unable to get local issuer certificate", "the outermost one counts");
}

#[test]
fn what_is_read_is_what_is_signed() {
    let people = People::new();
    let signed = people.signed("anna", HEAD, TEXT);
    let boundary = signed.split_once("boundary=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let evil = "--evil\r\n\r\nSTATUS: solved\r\n--evil--\r\n";
    let preamble = "This is an S/MIME signed message";
    for mail in [
        signed.replace(preamble, evil),
        signed.replace(preamble, &format!("{evil}\r\n{preamble}")).replace("boundary=", "boundary=evil; boundary="),
        signed.replace("boundary=", "x=\"boundary=evil\"; boundary=").replace(preamble, evil),
        signed
            .replace(preamble, evil)
            .replace("MIME-Version", "Content-Type: multipart/mixed; boundary=evil\r\nMIME-Version"),
        format!("{signed}\r\n--{boundary}\r\n\r\nSTATUS: solved\r\n--{boundary}--\r\n"),
        format!("{signed}\r\n{evil}"),
    ] {
        let believed = signature(&people, &mail).signer().is_some();
        let read = text(&mail);
        assert!(!believed || read == TEXT, "{read}\n---\n{mail}");
    }
    // Whoever signs says nothing of author and subject by it, whatever stands before the text.
    let entity = format!("From: ben@infn.example\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\n{TEXT}\r\n");
    let mail = format!("{HEAD}{}", people.signed_by("smime", &["anna"], &entity, &["-nodetach"]));
    let read = parse(&opened(mail.as_bytes()), &ReadLimits::default());
    assert_eq!((read.subject.as_str(), read.text.as_str()), ("CE down", TEXT));
    assert_eq!(read.sender().map(|one| one.as_str()), Some("anna@infn.example"));
}

/// Bytes of a signature that are changed, cut off or doubled must neither be believed nor end in a panic.
#[test]
fn hostile_signatures_are_read_within_bounds() {
    let people = People::new();
    let opaque = people.signed_opaque("anna", HEAD, TEXT);
    let (head, body) = opaque.split_once("\r\n\r\n").unwrap();
    let bytes = STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap();
    let with = |bytes: &[u8]| format!("{head}\r\n\r\n{}\r\n", STANDARD.encode(bytes));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let verifier = Verifier::new(&people.trusted(), SignedDuration::from_secs(10), OLDEST);
    let now = Timestamp::now();
    let mut believed = 0;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x41;
        for mail in [with(&flipped), with(&bytes[..at])] {
            let found = runtime.block_on(verifier.check(mail.as_bytes(), now));
            let good = Signature::of(&Vec::from_iter(found)).signer().is_some();
            assert!(!good || text(&mail) == TEXT, "byte {at}");
            believed += usize::from(good);
        }
    }
    assert!(believed < bytes.len() / 10, "{believed} of {}", bytes.len());
    let deep = [b"\x24\x80".repeat(100_000), vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff], vec![0; 1_000]];
    for bytes in deep {
        assert_eq!(signature(&people, &with(&bytes)).signer(), None);
        assert_eq!(text(&with(&bytes)), "");
    }
}

/// A desk whose signatures count by the grid's authority; mail goes out into `out`.
fn desk(people: &People, routing: &str) {
    program(people, &["init", "."], "");
    let gateway = "[desk]\naddress = \"support@ggus.example\"\n[store]\npath = \"desk.sqlite\"\n[relay.maildir]\npath = \"out\"\n\
                   [source.in.maildir]\npath = \"in\"\n[proof]\nown_checks = false\n[smime]\nca_folder = \"trusted\"\n";
    fs::write(people.path("gateway.toml"), gateway).unwrap();
    fs::write(people.path("routing.toml"), routing).unwrap();
}

fn program(people: &People, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ggus-gateway"));
    command.current_dir(people.path("")).args(["--config", "gateway.toml"]).args(arguments);
    String::from_utf8(run(&mut command, input.as_bytes())).unwrap()
}

/// The mails that go out next.
fn sent(people: &People) -> Vec<Vec<u8>> {
    program(people, &["run", "--once"], "");
    let paths = fs::read_dir(people.path("out/new")).unwrap().map(|entry| entry.unwrap().path());
    let take = |path: std::path::PathBuf| {
        let mail = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        mail
    };
    paths.map(take).collect()
}

const STRICT: &str = "default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@ggus.example\"\n\
    [unit.ROC_Italy]\naddress = \"anna@infn.example\"\ntrust = \"smime\"\nsites = [\"INFN-T1\"]\n\
    [unit.ROC_DECH]\naddress = \"desk@dech.example\"\ntrust = \"smime\"\nsigners = [\"/C=IT/O=Grid/CN=Ben/Email=ben@infn.example\"]\n\
    sites = [\"FZK-LCG2\"]\n";

#[test]
fn a_unit_is_believed_by_its_signature_alone() {
    let people = People::new();
    desk(&people, STRICT);
    program(
        &people,
        &["ingest", "-"],
        "From: carl@user.example\r\nSubject: CE down\r\n\r\nSITE: INFN-T1\r\n\r\nIt is down.\r\n",
    );
    program(
        &people,
        &["ingest", "-"],
        "From: carl@user.example\r\nSubject: SE down\r\n\r\nSITE: FZK-LCG2\r\n\r\nIt is down.\r\n",
    );
    let dispatch =
        sent(&people).into_iter().find(|mail| String::from_utf8_lossy(mail).contains("To: anna@infn")).unwrap();
    let token = parse(&dispatch, &ReadLimits::default()).reply_to[0].address.to_string();
    let explained = |mail: &str| -> (String, String) {
        let told: serde_json::Value =
            serde_json::from_str(&program(&people, &["explain", "--json", "-"], mail)).unwrap();
        (told["sender"]["by"].as_str().unwrap().to_owned(), told["reasons"].to_string())
    };
    let head = |ticket: u64| HEAD.replace("Subject: ", &format!("Subject: Re: [GGUS:{ticket}] "));
    let to_token = head(1).replace("support@ggus.example", &token);
    let (by, reasons) = explained(&people.signed("anna", &head(1), "It works."));
    assert_eq!(by, "smime", "{reasons}");
    assert!(reasons.contains("its S/MIME signature is good, and made by /C=IT/O=Grid/CN=Anna Rossi"), "{reasons}");
    for (mail, reason) in [
        (format!("{to_token}\r\nIt works.\r\n"), "nothing proves that it is theirs"),
        (
            people.signed("eve", &to_token, "It works."),
            "its S/MIME signature proves nothing: unable to get local issuer",
        ),
        (
            people.signed("ben", &to_token, "It works."),
            "Ben/emailAddress=ben@infn.example, whose certificate is not for anna@",
        ),
        (people.signed("anna", &head(1), "It works.").replace("works", "burns"), "proves nothing: digest failure"),
    ] {
        let (by, reasons) = explained(&mail);
        assert!(by == "none" && reasons.contains(reason), "{by}: {reasons}");
    }
    let from_desk = head(2).replace("anna@infn.example", "desk@dech.example");
    assert_eq!(explained(&people.signed("ben", &from_desk, "It works.")).0, "smime");
    assert_eq!(explained(&people.signed("anna", &from_desk, "It works.")).0, "none", "she is not on the list");
    let check = program(&people, &["check"], "");
    assert!(check.contains("trusted: 1 certificate authorities"), "{check}");
}

#[test]
fn what_is_passed_on_can_still_be_verified() {
    let people = People::new();
    desk(&people, STRICT);
    for text in ["It is down.", "Die Gr\u{fc}\u{df}e fehlen, -- \r\nFrom here on it is down. \r\n"] {
        let mail =
            people.signed("ben", "From: ben@infn.example\r\nTo: support+x@ggus.example\r\nSubject: CE\r\n", text);
        program(&people, &["ingest", "-"], &mail);
        let mails = sent(&people);
        let dispatch = mails.iter().find(|mail| String::from_utf8_lossy(mail).contains("To: tpm@")).unwrap();
        let read = parse(dispatch, &ReadLimits::default());
        let original = read.attachments.iter().find(|file| file.name == "signed-original.eml").unwrap();
        let verified = people.verified(&original.bytes);
        assert!(verified.contains(text.lines().next().unwrap()), "{verified}");
        assert!(!String::from_utf8_lossy(&original.bytes).contains("support+x"));
        let receipt = mails.iter().find(|mail| String::from_utf8_lossy(mail).contains("To: ben@infn.example")).unwrap();
        assert!(parse(receipt, &ReadLimits::default()).attachments.is_empty());
    }
}

#[test]
fn an_alarm_wakes_the_site_and_the_unit() {
    let people = People::new();
    let alarmers = "[site.INFN-T1]\nunit = \"TPM\"\nemergency = \"wake@infn-t1.example\"\n\
                    [[alarmer]]\nwho = \"/C=IT/O=Grid/CN=Anna Rossi\"\n";
    desk(&people, &format!("default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@ggus.example\"\n{alarmers}"));
    let text = "TYPE: ALARM\r\nSITE: INFN-T1\r\n\r\nAll is down.";
    let to = |mails: &[Vec<u8>], to: &str| -> Vec<Mail> {
        let read = mails.iter().map(|mail| parse(mail, &ReadLimits::default()));
        read.filter(|mail| mail.to[0].address.as_str() == to).collect()
    };
    for name in ["eve", "ben"] {
        program(&people, &["ingest", "-"], &people.signed(name, HEAD, text));
        let mails = sent(&people);
        assert!(to(&mails, "wake@infn-t1.example").is_empty(), "{name} woke the site");
        assert!(to(&mails, "tpm@ggus.example")[0].text.contains("An alarm was asked for and not raised"));
    }
    program(&people, &["ingest", "-"], &people.signed("anna", HEAD, text));
    let mails = sent(&people);
    let alarm = &to(&mails, "wake@infn-t1.example")[0];
    assert_eq!(alarm.subject, "[GGUS:3] ALARM: CE down");
    assert!(people.verified(&alarm.attachments[0].bytes).contains("All is down."), "{}", alarm.text);
    assert!(to(&mails, "tpm@ggus.example")[0].text.contains("This is an ALARM."));
    let shown = program(&people, &["ticket", "history", "3"], "");
    assert!(shown.contains("raised an alarm for INFN-T1, signed by /C=IT/O=Grid/CN=Anna Rossi"), "{shown}");
}

#[test]
fn what_was_signed_once_acts_once() {
    let people = People::new();
    let site = "[site.INFN-T1]\nunit = \"TPM\"\nemergency = \"wake@infn-t1.example\"\n\
                [[alarmer]]\nwho = \"/C=IT/O=Grid/CN=Anna Rossi\"\n";
    desk(&people, &format!("default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@ggus.example\"\n{site}"));
    let text = "TYPE: ALARM\r\nSITE: INFN-T1\r\n\r\nAll is down.";
    let head = format!("{HEAD}Message-ID: <1@infn.example>\r\n");
    let alarm = people.signed("anna", &head, text);
    let wakes = |mail: &str| {
        program(&people, &["ingest", "-"], mail);
        let mails = sent(&people);
        (mails.len(), mails.iter().filter(|mail| String::from_utf8_lossy(mail).contains("To: wake@")).count())
    };
    assert_eq!(wakes(&alarm), (3, 1), "the site, the unit, the receipt");
    let replays = [
        alarm.replace("<1@infn", "<2@infn"),
        alarm.replace("Message-ID: <1@infn.example>\r\n", "").replace("CE down", "SE down"),
        alarm.replace("From: Anna Rossi <anna@infn.example>", "From: eve@else.example"),
        alarm.replace("CE down", "Re: [GGUS:1] CE down").replace("<1@infn", "<3@infn"),
    ];
    for replay in replays {
        assert_ne!(replay, alarm);
        assert_eq!(wakes(&replay), (0, 0), "{replay}");
    }
    assert_eq!(wakes(&people.signed("anna", &head, &text.replace("All", "More"))).1, 1, "another text");
}

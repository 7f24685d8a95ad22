//! Real bounces of 60 mail systems, where `GGUS_CORPORA` names a folder with Sisimai's set of them: told hard from soft, and
//! whose they are. Floors are counts, so that no score can fall unseen; `GGUS_CORPORA_DETAILS` lists what is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::report::{Delivery, Report, report};

/// What the set holds that is about no failed delivery, with the number of mails: complaints about mail that arrived,
/// absence notices, successes.
const NO_FAILURES: [(&str, usize); 3] = [("feedback", 15), ("vacation", 5), ("delivered", 3)];

/// `filtered` is what the reference calls a refusal of which it does not see that it answered the address (RCPT). In these
/// the server says that nobody has the address, and not that it refused the mail itself: the desk takes it at its word
/// (RFC 5321 section 4.2.3, reply 550), so they count as hard here.
const NOBODY_SAYS_THE_SERVER: [&str; 24] = [
    "lhost-activehunter-02",
    "lhost-amazonses-02",
    "lhost-amazonworkmail-02",
    "lhost-apachejames-01",
    "lhost-exchange2003-04",
    "lhost-mailfoundry-01",
    "lhost-mcafee-01",
    "lhost-mcafee-04",
    "lhost-messagingserver-03",
    "lhost-messagingserver-06",
    "lhost-messagingserver-08",
    "lhost-mxlogic-03",
    "lhost-postfix-07",
    "lhost-surfcontrol-01",
    "lhost-x1-01",
    "lhost-x1-02",
    "lhost-x2-01",
    "lhost-x2-02",
    "lhost-yahoo-06",
    "lhost-zoho-02",
    "lhost-zoho-03",
    "rfc3464-42",
    "rfc3464-57",
    "rhost-gsuite-08",
];

/// One mail of the set, and what the reference says of it.
struct Bounce {
    name: String,
    raw: Vec<u8>,
    /// Of several recipients the worst counts.
    hard: bool,
    reasons: BTreeSet<String>,
    found: Option<Report>,
}

impl Bounce {
    fn class_is(&self, hard: bool) -> bool {
        match self.found.as_ref().map(|found| found.delivery) {
            Some(Delivery::Failed) => hard,
            Some(Delivery::SoftFailed | Delivery::Delayed) => !hard,
            Some(Delivery::Delivered) | None => false,
        }
    }
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("GGUS_CORPORA").map(|folder| PathBuf::from(folder).join("sisimai"));
    if folder.is_none() {
        println!("skipped: GGUS_CORPORA names no folder of real mails");
    }
    folder
}

/// All mails that have an expected result, without those that report no failure.
fn bounces(folder: &Path) -> Vec<Bounce> {
    let table = std::fs::read_to_string(folder.join("_expected.tsv")).unwrap();
    let mut rows: BTreeMap<&str, Vec<(&str, bool)>> = BTreeMap::new();
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, _, _, _, reason, hard, ..] = columns[..] else { panic!("{row}") };
        rows.entry(name).or_default().push((reason, hard == "true"));
    }
    rows.retain(|name, _| folder.join(format!("{name}.eml")).exists());
    for (reason, count) in NO_FAILURES {
        let excluded = rows.values().filter(|rows| rows.iter().all(|row| row.0 == reason)).count();
        assert_eq!(excluded, count, "{reason}: mails that report no failure");
        rows.retain(|_, rows| rows.iter().any(|row| row.0 != reason));
    }
    let read = |(name, rows): (&str, Vec<(&str, bool)>)| {
        let raw = std::fs::read(folder.join(format!("{name}.eml"))).unwrap();
        let found = report(&parse(&raw, &ReadLimits::default()));
        let reasons = rows.iter().map(|row| row.0.to_owned()).collect();
        Bounce { name: name.to_owned(), raw, hard: rows.iter().any(|row| row.1), reasons, found }
    };
    rows.into_iter().map(read).collect()
}

/// Prints a score and holds it to its floor, as a count.
fn score(what: &str, all: usize, wrong: &[String], floor: usize) {
    let right = all - wrong.len();
    println!("{what}: {right} of {all} ({}.{} %)", right * 100 / all, right * 1000 / all % 10);
    if std::env::var_os("GGUS_CORPORA_DETAILS").is_some() {
        wrong.iter().for_each(|line| println!("  {line}"));
    }
    assert!(right >= floor, "{what}: {right} of {all}, the floor is {floor}: {wrong:#?}");
}

#[test]
fn bounces_are_told_hard_from_soft() {
    let Some(folder) = folder() else { return };
    let bounces = bounces(&folder);
    for name in NOBODY_SAYS_THE_SERVER {
        let bounce = bounces.iter().find(|bounce| bounce.name == name).unwrap_or_else(|| panic!("{name}"));
        assert!(bounce.reasons.contains("filtered") && !bounce.hard, "{name}: the reference says something else now");
    }
    let wrong = |decided: bool| -> Vec<String> {
        let expected = |bounce: &Bounce| bounce.hard || (decided && NOBODY_SAYS_THE_SERVER.contains(&&*bounce.name));
        let missed = bounces.iter().filter(|bounce| !bounce.class_is(expected(bounce)));
        let told = |bounce: &Bounce| bounce.found.as_ref().map(|found| (found.delivery, found.diagnostic.clone()));
        missed.map(|bounce| format!("{}: {:?}, not {:?}", bounce.name, bounce.reasons, told(bounce))).collect()
    };
    score("bounces told hard from soft", bounces.len(), &wrong(true), 539);
    score("by the letter of the reference", bounces.len(), &wrong(false), 515);
}

/// Where no field of the mail has it, or another address than its text (it was forwarded, or renamed for the set): whose it
/// is as a person reads it.
const READ_BY_HAND: &str = "
    lhost-amazonworkmail-03 kuroneko@example.org
    lhost-domino-01 kijitora@example.jp
    lhost-dragonfly-26 userunknown@example.org
    lhost-dragonfly-28 kijitora@example.com
    lhost-exchange2003-01 kijitora@example.jp
    lhost-exchange2003-02 kijitora@example.co.jp mikeneko@example.co.jp
    lhost-exchange2003-03 kijitora@example.jp
    lhost-exchange2003-04 kijitora@example.com
    lhost-exim-02 kijitora@example.jp sabatora@example.jp
    lhost-exim-38 kijitora@example.co.jp
    lhost-exim-41 kijitora@example.net
    lhost-ezweb-03 this-local-part-does-not-exist-on-the-site@ezweb.ne.jp
    lhost-ezweb-04 this-local-part-does-not-exist-on-the-server@ezweb.ne.jp
    lhost-ezweb-05 this-local-part-does-not-exist-on-the-server@ezweb.ne.jp
    lhost-ezweb-07 this-local-part-does-not-exist@ezweb.ne.jp
    lhost-ezweb-08 kijitora-neko-nyaan-22222-cats@hotmail.com
    lhost-imailserver-03 kijitora@neko.example.co.jp
    lhost-imailserver-04 kijitora@example.com
    lhost-imailserver-06 kijitora@example.jp
    lhost-mailru-03 mikeneko@example.jp sabineko@example.jp
    lhost-mfilter-03 kijitora@example.org
    lhost-mfilter-04 kijitora@libisismai.org
    lhost-notes-01 kijitora@u1.example.co.jp
    lhost-notes-02 kijitora@u1.example.co.jp
    lhost-notes-03 kijitora@example.com
    lhost-opensmtpd-01 apdugoaidugoaidugoaeiudggadi@gmail.com
    lhost-opensmtpd-02 mailboxfull@example.jp userunknown@example.jp
    lhost-opensmtpd-03 kijitora@neko.example.jp
    lhost-qmail-01 kijitora@example.ne.jp
    lhost-qmail-02 userunknown@example.jp filtered@example.jp
    lhost-qmail-07 kijitora@example.jp
    lhost-qmail-08 shironeko@example.ad.jp
    lhost-qmail-09 neko@example.co.jp
    lhost-qmail-12 nyaan@example.org
    lhost-qmail-17 userunknown@libsisimai.net mailboxfull@libsisimai.net
    lhost-qmail-25 userunknown@libsisimai.net mailboxfull@libsisimai.net
    lhost-sendmail-15 kijitora@example.org
    lhost-sendmail-25 🐈🐈@example.org
    lhost-v5sendmail-03 kijitora@example.org
    lhost-v5sendmail-05 kijitora@example.edu kuroneko@example.or.jp kijitora@example.org mikeneko@example.co.jp
    lhost-v5sendmail-07 kijitora@example.org mikeneko@example.org hachiware@example.edu
    lhost-x1-02 kijitora@example.org
    lhost-x2-01 kijitora@example.co.jp
    lhost-x2-02 kijitora@example.com mikeneko@example.com sabineko@example.com
    lhost-x2-04 kijitora@example.jp
    lhost-x2-05 kijitora@y.example.com
    lhost-yahoo-02 kijitora@example.ed.jp
    lhost-yahoo-05 kijitora@example.co.jp
    lhost-yahoo-14 kijitora@example.org
    rhost-franceptt-03 pseudo-local-part-kijitora@wanadoo.fr
";

/// The set says nothing of recipients. They are those of the report's own fields by a plain reading of the bytes, else those
/// to whom the mail that came back was written, else those that a person found in the text.
#[test]
fn bounces_name_whose_they_are() {
    let Some(folder) = folder() else { return };
    let bounces = bounces(&folder);
    let by_hand: BTreeMap<&str, &str> = READ_BY_HAND.lines().filter_map(|line| line.trim().split_once(' ')).collect();
    let mut wrong = Vec::new();
    for bounce in &bounces {
        let named = match by_hand.get(&*bounce.name) {
            Some(addresses) => addresses.split(' ').map(str::to_owned).collect(),
            None => named_recipients(&String::from_utf8_lossy(&bounce.raw).to_lowercase()),
        };
        let own: Vec<String> = bounce.found.iter().flat_map(|found| &found.recipients).map(|own| own.key()).collect();
        if own.is_empty() || !own.iter().all(|own| named.contains(own)) {
            wrong.push(format!("{}: {own:?} not {named:?}", bounce.name));
        }
    }
    score("recipients of bounces", bounces.len(), &wrong, 552);
}

/// Recipients by a simple reading of the bytes, apart from the reader under test.
fn named_recipients(raw: &str) -> Vec<String> {
    let values = |names: &[&str], text: &str| -> Vec<String> {
        let of = |line: &str| names.iter().find_map(|name| line.trim_start().strip_prefix(name).map(str::to_owned));
        let split = |value: String| {
            let words = value.split([',', ';', ' ', '<', '>', '"', '\t', '(', ')']).map(str::to_owned);
            words.filter(|word| word.contains('@')).collect::<Vec<_>>()
        };
        text.lines().filter_map(of).flat_map(split).collect()
    };
    let told = values(&["final-recipient:", "original-recipient:", "x-actual-recipient:", "x-failed-recipients:"], raw);
    let body = raw.split_once("\r\n\r\n").or(raw.split_once("\n\n")).map_or("", |(_, body)| body);
    if told.is_empty() { values(&["to:", "rcpt to:"], body) } else { told }
}

#[test]
fn what_is_no_bounce_is_none() {
    let Some(folder) = folder() else { return };
    for name in ["NOTBOUNCE-is-not-bounce-01", "NOTBOUNCE-is-not-bounce-02"] {
        let raw = std::fs::read(folder.join(format!("{name}.eml"))).unwrap();
        assert_eq!(report(&parse(&raw, &ReadLimits::default())), None, "{name}");
    }
}

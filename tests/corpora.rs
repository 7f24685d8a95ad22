//! Real mails of other projects, where `GGUS_CORPORA` names a folder of them: all run through the reader. None may make it
//! panic, none may be lost, none may take 100 ms in a release build. Where an expected result lies beside a mail, it is
//! compared and the score is printed; a score has a floor, so that it can't fall unseen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ggus_gateway::mail::control::controls;
use ggus_gateway::mail::form::forms;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::reply::cut;
use ggus_gateway::mail::report::report;
use ggus_gateway::mail::signals::signals;
use ggus_gateway::mail::{Mail, html};
use serde_json::Value;

/// The folder, or a word that there is none.
fn corpora() -> Option<PathBuf> {
    let folder = std::env::var_os("GGUS_CORPORA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: GGUS_CORPORA names no folder of real mails");
    }
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Mail {
    parse(&std::fs::read(path).unwrap(), &ReadLimits::default())
}

/// Everything that could be a mail: what has no ending that says otherwise.
fn mails(folder: &Path) -> Vec<PathBuf> {
    let others = ["json", "md", "tsv", "txt", "py", "xml", "out"];
    let is_mail = |path: &PathBuf| !path.extension().is_some_and(|ending| others.iter().any(|known| ending == *known));
    files(folder).into_iter().filter(is_mail).collect()
}

#[test]
fn every_mail_is_read() {
    let Some(folder) = corpora() else { return };
    let mut slowest = (Duration::ZERO, PathBuf::new());
    let mut count = 0;
    for path in mails(&folder) {
        let raw = std::fs::read(&path).unwrap();
        let start = Instant::now();
        let mail = parse(&raw, &ReadLimits::default());
        let newest = cut(&mail.text).newest;
        let _ = (signals(&mail, "X-GGUS-Loop"), forms(&mail, &newest), controls(&newest), report(&mail));
        let took = start.elapsed();
        assert!(cfg!(debug_assertions) || took < Duration::from_millis(100), "{}: {took:?}", path.display());
        assert_eq!(mail.digest.0, sha256(&raw), "{}", path.display());
        let kept = !mail.text.is_empty() || !mail.attachments.is_empty() || !mail.headers.is_empty();
        assert!(kept || raw.trim_ascii().is_empty(), "{}: nothing of it is left", path.display());
        slowest = slowest.max((took, path));
        count += 1;
    }
    assert!(count > 0, "{} holds no mails", folder.display());
    println!("{count} mails read, the slowest in {:?}: {}", slowest.0, slowest.1.display());
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Relays and file systems change line ends; what is read must not change with them.
#[test]
fn line_ends_make_no_difference() {
    let Some(folder) = corpora() else { return };
    let mut same = (0, Vec::new());
    for path in mails(&folder) {
        let unix: Vec<u8> = std::fs::read(&path).unwrap().into_iter().filter(|byte| *byte != b'\r').collect();
        let windows: Vec<u8> = unix
            .iter()
            .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
            .copied()
            .collect();
        let (one, two) = (parse(&unix, &ReadLimits::default()), parse(&windows, &ReadLimits::default()));
        let names = |mail: &Mail| mail.attachments.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
        let agree =
            (&one.subject, &one.text, &one.author, names(&one)) == (&two.subject, &two.text, &two.author, names(&two));
        tally(&mut same, agree && one.headers == two.headers, || path.display().to_string());
    }
    score("mails alike with either line end", same.0, &same.1, 99);
}

/// Prints a score and holds it to its floor, in per cent.
fn score(what: &str, right: usize, wrong: &[String], floor: usize) {
    let all = right + wrong.len();
    assert!(all > 0, "{what}: nothing was compared");
    println!("{what}: {right} of {all} as expected ({} %)", right * 100 / all);
    if std::env::var_os("GGUS_CORPORA_DETAILS").is_some() {
        wrong.iter().for_each(|line| println!("  {line}"));
    }
    assert!(right * 100 >= floor * all, "{what}: {right} of {all}, the floor is {floor} %: {wrong:#?}");
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_newest_text_is_what_people_expect() {
    let Some(folder) = corpora().map(|folder| folder.join("email_reply_trimmer")) else { return };
    let (mut right, mut wrong) = (0, Vec::new());
    for path in files(&folder).into_iter().filter(|path| path.parent() == Some(&folder)) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Ok(expected) = std::fs::read_to_string(folder.join("trimmed").join(format!("{name}.txt"))) else {
            continue;
        };
        let newest = cut(&std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n")).newest;
        match squeezed(&newest) == squeezed(&expected) {
            true => right += 1,
            false => wrong.push(name),
        }
    }
    score("newest text of replies", right, &wrong, 93);
}

/// Mails of which the reference itself holds another view, with the reason why ours stands.
const OURS_STANDS: [(&str, &str); 16] = [
    ("eml__malformed__001", "a multipart that is not closed ends where its outer one goes on"),
    ("eml__malformed__002", "a multipart without a boundary in it is shown as it stands"),
    ("eml__malformed__003", "the last part of a multipart that is not closed is its text, not an attachment"),
    ("eml__malformed__004", "the same"),
    ("eml__malformed__006", "the same"),
    ("eml__malformed__008", "the same; one boundary begins with the other"),
    ("eml__malformed__009", "a multipart that is not closed ends where its outer one goes on"),
    ("eml__malformed__011", "the same"),
    ("eml__malformed__012", "the same; three mails are attached"),
    ("eml__malformed__016", "the same; boundaries of what has ended are text"),
    ("eml__malformed__020", "an image that only a plain text names is an attachment"),
    ("eml__malformed__021", "the same"),
    ("eml__thirdparty__002", "a text that only claims to be base 64 is shown"),
    ("eml__thirdparty__005", "a boundary at the end of a line is text"),
    ("eml__thirdparty__011", "an image is listed where it is all that the mail says"),
    ("eml__thirdparty__015", "three mails are attached, not one in one in one"),
];

#[test]
fn headers_and_bodies_are_what_another_reader_finds() {
    let Some(folder) = corpora().map(|folder| folder.join("stalwart-mail-parser")) else { return };
    let (mut headers, mut texts, mut attached) = ((0, Vec::new()), (0, Vec::new()), (0, Vec::new()));
    for path in files(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "eml")) {
        let Ok(json) = std::fs::read_to_string(path.with_extension("json")) else { continue };
        let Ok(expected) = serde_json::from_str::<Value>(&json) else { continue };
        let (mail, name) = (read(&path), path.file_stem().unwrap().to_string_lossy().into_owned());
        compare_headers(&name, &mail, &expected["parts"][0], &mut headers);
        if let Some((_, why)) = OURS_STANDS.iter().find(|(known, _)| *known == name) {
            println!("{name}: ours stands, {why}");
            continue;
        }
        let text = squeezed(&bodies(&expected, "text_body", true).join(" "));
        // Where the reference could not decode, there is nothing to compare with.
        if !text.is_empty() && !text.contains('\u{fffd}') {
            tally(&mut texts, letters(&mail.text) == letters(&text), || {
                format!("{name}: {:?} not {text:?}", mail.text)
            });
        }
        let count = expected_attachments(&expected);
        tally(&mut attached, mail.attachments.len() == count, || {
            format!("{name}: {} not {count}", mail.attachments.len())
        });
    }
    score("subjects, ids, authors and dates", headers.0, &headers.1, 99);
    score("texts", texts.0, &texts.1, 98);
    score("number of attachments", attached.0, &attached.1, 96);
}

fn compare_headers(name: &str, mail: &Mail, whole: &Value, so_far: &mut (usize, Vec<String>)) {
    let field = |field: &str| part_header(whole, field);
    let mut compare = |what: &str, own: String, expected: String| {
        if !expected.contains('\u{fffd}') {
            tally(so_far, squeezed(&own) == squeezed(&expected), || format!("{name}: {what} {own:?} not {expected:?}"));
        }
    };
    if let Some(subject) = field("subject").and_then(|value| value["Text"].as_str()) {
        compare("subject", mail.subject.clone(), subject.to_owned());
    }
    if let Some(id) = field("message_id").and_then(|value| value["Text"].as_str()) {
        compare("id", mail.message_id.as_ref().map_or_else(String::new, |id| id.as_str().to_owned()), id.to_owned());
    }
    let from = field("from").and_then(|value| value["Address"]["List"][0]["address"].as_str());
    // Without an @ it is nobody that could be written to.
    if let Some(from) = from.filter(|from| from.contains('@')) {
        compare("author", mail.sender().map_or_else(String::new, ToString::to_string), from.to_owned());
    }
    if let Some(date) = field("date").map(|value| &value["DateTime"]).filter(|date| date["year"].is_u64()) {
        compare("date", mail.date.map_or_else(String::new, |date| date.to_string()), timestamp(date));
    }
}

fn timestamp(date: &Value) -> String {
    let number = |name: &str| date[name].as_u64().unwrap_or_default();
    let sign = if date["tz_before_gmt"].as_bool() == Some(true) { '-' } else { '+' };
    let text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        number("year"),
        number("month"),
        number("day"),
        number("hour"),
        number("minute"),
        number("second"),
        number("tz_hour"),
        number("tz_minute")
    );
    text.parse::<jiff::Timestamp>().map_or(text, |date| date.to_string())
}

fn part_header<'a>(part: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = part["headers"].as_array()?;
    fields.iter().rev().find(|field| field["name"] == name).map(|field| &field["value"])
}

/// The bodies of one of the reference's two views.
fn bodies(expected: &Value, list: &str, laid_out: bool) -> Vec<String> {
    let ids = expected[list].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let body = |id: u64| {
        let body = &expected["parts"][id as usize]["body"];
        let html = || {
            body["Html"]
                .as_str()
                .map(|source| if laid_out { html::to_text(source, 1_000_000) } else { source.to_owned() })
        };
        body["Text"].as_str().map(str::to_owned).or_else(html)
    };
    ids.filter_map(body).collect()
}

/// The reference's attachments without what the desk does not list: signatures, and images that the HTML shows.
fn expected_attachments(expected: &Value) -> usize {
    let html = bodies(expected, "html_body", false).join("\n");
    let is_listed = |id: &Value| {
        let part = &expected["parts"][id.as_u64().unwrap_or_default() as usize];
        let subtype = part_header(part, "content_type").and_then(|value| value["ContentType"]["c_subtype"].as_str());
        let cid = part_header(part, "content_id").and_then(|value| value["Text"].as_str());
        let is_signature = subtype.is_some_and(|subtype| subtype.ends_with("-signature"));
        !(is_signature || cid.is_some_and(|cid| html.contains(&format!("cid:{cid}"))))
    };
    expected["attachments"].as_array().map_or(0, |ids| ids.iter().filter(|id| is_listed(id)).count())
}

/// A text without blanks and control characters.
fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

fn tally(so_far: &mut (usize, Vec<String>), right: bool, why: impl FnOnce() -> String) {
    if right {
        so_far.0 += 1;
    } else {
        so_far.1.push(why());
    }
}

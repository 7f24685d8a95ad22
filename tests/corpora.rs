//! Real mails of other projects, where `GGUS_CORPORA` names a folder of them: all run through the reader. None may make it
//! panic, none may be lost, none may take 100 ms in a release build. Where an expected result lies beside a mail, it is
//! compared and the score is printed; a score has a floor, so that it can't fall unseen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ggus_gateway::mail::control::controls;
use ggus_gateway::mail::form::forms;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::reply::cut;
use ggus_gateway::mail::report::{Delivery, report};
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

#[test]
fn every_mail_is_read() {
    let Some(folder) = corpora() else { return };
    let endings = ["json", "md", "tsv", "txt", "py", "xml"];
    let is_mail = |path: &PathBuf| !path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known));
    let mut slowest = (Duration::ZERO, PathBuf::new());
    let mut count = 0;
    for path in files(&folder).into_iter().filter(is_mail) {
        let raw = std::fs::read(&path).unwrap();
        let start = Instant::now();
        let mail = parse(&raw, &ReadLimits::default());
        let newest = cut(&mail.text).newest;
        let _ = (signals(&mail, "X-GGUS-Loop"), forms(&mail, &newest), controls(&newest), report(&mail));
        let took = start.elapsed();
        assert!(cfg!(debug_assertions) || took < Duration::from_millis(100), "{}: {took:?}", path.display());
        let kept = !mail.text.is_empty() || !mail.attachments.is_empty() || !mail.headers.is_empty();
        assert!(kept || raw.trim_ascii().is_empty(), "{}: nothing of it is left", path.display());
        slowest = slowest.max((took, path));
        count += 1;
    }
    assert!(count > 0, "{} holds no mails", folder.display());
    println!("{count} mails read, the slowest in {:?}: {}", slowest.0, slowest.1.display());
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

#[test]
fn headers_and_bodies_are_what_another_reader_finds() {
    let Some(folder) = corpora().map(|folder| folder.join("stalwart-mail-parser")) else { return };
    let (mut headers, mut texts, mut files_found) = ((0, Vec::new()), (0, Vec::new()), (0, Vec::new()));
    for path in files(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "eml")) {
        let Ok(json) = std::fs::read_to_string(path.with_extension("json")) else { continue };
        let Ok(expected) = serde_json::from_str::<Value>(&json) else { continue };
        let (mail, name) = (read(&path), path.file_stem().unwrap().to_string_lossy().into_owned());
        let found = &expected["parts"][0]["headers"];
        let field = |name: &str| {
            found
                .as_array()
                .into_iter()
                .flatten()
                .rev()
                .find(|field| field["name"] == name)
                .map(|field| &field["value"])
        };
        let text_of = |name: &str| field(name).and_then(|value| value["Text"].as_str());
        if let Some(subject) = text_of("subject") {
            tally(&mut headers, squeezed(&mail.subject) == squeezed(subject), || {
                format!("{name}: {:?} not {subject:?}", mail.subject)
            });
        }
        if let Some(id) = text_of("message_id") {
            tally(&mut headers, mail.message_id.as_ref().is_some_and(|own| own.as_str() == id), || {
                format!("{name}: {:?} not {id:?}", mail.message_id)
            });
        }
        if let Some(from) = field("from").and_then(|value| value["Address"]["List"][0]["address"].as_str()) {
            tally(&mut headers, mail.sender().is_some_and(|own| own.as_str() == from), || {
                format!("{name}: {:?} not {from:?}", mail.sender())
            });
        }
        let bodies = |list: &str| {
            expected[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|id| {
                    let body = &expected["parts"][id.as_u64()? as usize]["body"];
                    body["Text"]
                        .as_str()
                        .map(str::to_owned)
                        .or_else(|| body["Html"].as_str().map(|source| html::to_text(source, 1_000_000)))
                })
                .collect::<Vec<_>>()
        };
        let text = squeezed(&bodies("text_body").join(" "));
        if !text.is_empty() {
            tally(&mut texts, squeezed(&mail.text) == text, || name.clone());
        }
        let attached = expected["attachments"].as_array().map_or(0, Vec::len);
        tally(&mut files_found, mail.attachments.len() == attached, || {
            format!("{name}: {} not {attached}", mail.attachments.len())
        });
    }
    score("subjects, ids and authors", headers.0, &headers.1, 95);
    score("texts", texts.0, &texts.1, 95);
    score("number of attachments", files_found.0, &files_found.1, 84);
}

fn tally(so_far: &mut (usize, Vec<String>), right: bool, why: impl FnOnce() -> String) {
    if right {
        so_far.0 += 1;
    } else {
        so_far.1.push(why());
    }
}

/// Reasons for which the reference holds that the address itself is bad: only these are hard.
#[test]
fn bounces_are_told_hard_from_soft() {
    let Some(folder) = corpora().map(|folder| folder.join("sisimai")) else { return };
    let Ok(table) = std::fs::read_to_string(folder.join("_expected.tsv")) else { return };
    let (mut seen, mut class) = ((0, Vec::new()), (0, Vec::new()));
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, "1", _, _, reason, hard, ..] = columns[..] else { continue };
        // Complaints and absence notices are no delivery failures.
        if matches!(reason, "feedback" | "vacation" | "delivered") {
            continue;
        }
        let Some(path) = files(&folder).into_iter().find(|path| path.file_stem().is_some_and(|stem| stem == name))
        else {
            continue;
        };
        let found = report(&read(&path));
        tally(&mut seen, found.is_some(), || format!("{name}: {reason}"));
        if let Some(found) = found.filter(|_| hard == "true") {
            tally(&mut class, found.delivery == Delivery::Failed, || {
                format!("{name}: {reason} {:?} {:?}", found.status, found.diagnostic)
            });
        }
    }
    score("bounces seen", seen.0, &seen.1, 95);
    score("hard ones of them told as failed", class.0, &class.1, 97);
    let innocent = files(&folder)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("NOTBOUNCE")));
    for path in innocent {
        println!("{}: {:?}", path.display(), report(&read(&path)).map(|found| found.delivery));
    }
}

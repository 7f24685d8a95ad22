//! What ARCHITECTURE.md forbids: imports against the stream, a crate outside its one place, a second clock.

use std::collections::BTreeSet;
use std::path::Path;

fn sources() -> Vec<(String, String)> {
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// Names, from `root` on, and texts.
fn rust_files(root: &Path) -> Vec<(String, String)> {
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push((name(root, &path), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_string_lossy().into_owned()
}

/// The code of a file without its tests and comments.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    before_tests.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_run_one_way() {
    let may_not = [
        ("mail/", &["desk", "store", "render", "engine", "source", "relay", "daemon", "config", "cli"][..]),
        ("desk/", &["store", "render", "engine", "source", "relay", "daemon", "config", "cli"]),
        ("render/", &["store", "engine", "source", "relay", "daemon", "config", "cli"]),
        ("report/", &["store", "render", "engine", "source", "relay", "daemon", "config", "cli"]),
        ("store/", &["render", "engine", "source", "relay", "daemon", "config", "cli"]),
        ("engine/", &["daemon", "config", "cli"]),
        ("source/", &["desk", "store", "render", "engine", "relay", "daemon", "config", "cli"]),
        ("relay/", &["desk", "store", "render", "engine", "source", "daemon", "config", "cli"]),
        ("proof/", &["desk", "store", "render", "engine", "relay", "daemon", "config", "cli"]),
        ("config/", &["store", "render", "daemon", "cli"]),
        ("daemon/", &["cli"]),
    ];
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (folder, forbidden) in may_not {
            for module in forbidden.iter().filter(|_| file.starts_with(folder)) {
                if code(&text).contains(&format!("crate::{module}::")) {
                    wrong.push(format!("{file} imports {module}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn some_things_are_named_in_one_place_only() {
    let places = [
        ("mail_parser", "mail/parse/body.rs"),
        ("mail_auth", "proof/"),
        ("openssl::", "proof/smime/"),
        ("use cms::", "proof/smime/signing.rs"),
        ("use der::", "proof/smime/signing.rs"),
        ("use hyper", "daemon/web.rs"),
        ("prometheus_client", "daemon/metrics.rs"),
        ("rusqlite", "store/"),
        ("async_imap", "source/imap/"),
        ("smtp_proto", "source/lmtp/"),
        ("Timestamp::now()", "daemon/clock.rs"),
        ("lettre::transport", "relay/smtp/"),
        ("lettre::message", "render/"),
        ("minijinja", "render/"),
    ];
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (word, place) in places.iter().filter(|(_, place)| !file.starts_with(place)) {
            if code(&text).contains(word) {
                wrong.push(format!("{file} names {word}, which belongs into {place}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent: Vec<String> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(file, _)| file).collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

/// Tests that the documents name, by the words in `code` that look like one.
#[test]
fn tests_that_documents_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known: BTreeSet<String> = std::fs::read_dir(root.join("tests/conversations"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    for (_, text) in rust_files(&root.join("src")).into_iter().chain(rust_files(&root.join("tests"))) {
        let names = text.lines().filter_map(|line| line.split_once("fn ")?.1.split_once('('));
        known.extend(names.map(|(name, _)| name.to_owned()));
    }
    for document in ["docs/lessons.md", "SECURITY.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let code = text.split('`').skip(1).step_by(2);
        let is_name =
            |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
        let named: Vec<&str> = code.filter(is_name).filter(|word| word.matches(['_', '-']).count() > 1).collect();
        assert!(named.len() > 30, "{document} names {} tests", named.len());
        let missing: Vec<&str> = named.into_iter().filter(|word| !known.contains(*word)).collect();
        assert!(missing.is_empty(), "{document} names tests that there are not: {missing:#?}");
    }
}

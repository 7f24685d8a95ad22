//! What a configuration was made from: each key with its value as written, each other file by its digest. So two of them
//! can be compared key by key. A password's value is in it as a digest only.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::Files;
use super::problem::Report;

/// Keys whose values are shown to nobody.
const SECRET: [&str; 1] = ["password"];

/// Each key by its path, `["unit", "ROC_Italy", "trust"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub(super) entries: BTreeMap<Vec<String>, Entry>,
}

/// What stands at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A file's or a password's content.
    Hidden([u8; 32]),
    /// A list of single values, each as written.
    List(Vec<String>),
    /// As written.
    One(String),
}

impl Written {
    /// Adds all keys of a file; one that is no TOML has no keys.
    pub(super) fn add_document(&mut self, text: &str) {
        if let Ok(table) = text.parse::<Table>() {
            self.add_table(&table, &[]);
        }
    }

    /// Adds the content of a file under a name of its own.
    pub(super) fn add_file(&mut self, path: &[&str], content: &[u8]) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.entries.insert(path, Entry::Hidden(Sha256::digest(content).into()));
    }

    fn add_table(&mut self, table: &Table, above: &[String]) {
        for (key, value) in table {
            let path: Vec<String> = above.iter().chain([key]).cloned().collect();
            self.add(value, key, path);
        }
    }

    fn add(&mut self, value: &Value, key: &str, path: Vec<String>) {
        match value {
            Value::Table(table) => self.add_table(table, &path),
            Value::Array(all) if all.iter().any(Value::is_table) => self.add_entries(all, &path),
            Value::Array(all) => {
                self.entries.insert(path, Entry::List(all.iter().map(ToString::to_string).collect()));
            }
            one if SECRET.contains(&key) => {
                self.entries.insert(path, Entry::Hidden(Sha256::digest(one.to_string()).into()));
            }
            one => {
                self.entries.insert(path, Entry::One(one.to_string()));
            }
        }
    }

    /// `[[rule]]`: by their names, and in their order, which counts.
    fn add_entries(&mut self, all: &[Value], path: &[String]) {
        let mut names = Vec::new();
        for (at, table) in all.iter().filter_map(Value::as_table).enumerate() {
            let named = table.get("name").and_then(Value::as_str);
            let name = named.map_or_else(|| format!("number {}", at + 1), str::to_owned);
            let path: Vec<String> = path.iter().chain([&name]).cloned().collect();
            self.add_table(table, &path);
            names.push(name);
        }
        self.entries.insert([path, &["order".to_owned()]].concat(), Entry::List(names));
    }
}

/// Hands files on, and notes what is in them.
pub(super) struct Recorder<'a> {
    files: &'a dyn Files,
    written: RefCell<Written>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(files: &'a dyn Files, gateway: &str) -> Self {
        let mut written = Written::default();
        written.add_document(gateway);
        Self { files, written: RefCell::new(written) }
    }

    pub(super) fn into_written(self) -> Written {
        self.written.into_inner()
    }
}

impl Files for Recorder<'_> {
    fn routing(&self, name: &Path, report: &mut Report) -> Option<(PathBuf, String)> {
        let read = self.files.routing(name, report);
        read.iter().for_each(|(_, text)| self.written.borrow_mut().add_document(text));
        read
    }

    fn sites(&self, name: &Path, report: &mut Report) -> Option<(PathBuf, String)> {
        let read = self.files.sites(name, report);
        read.iter().for_each(|(_, text)| self.written.borrow_mut().add_document(text));
        read
    }

    fn text(&self, name: &Path) -> Result<String, String> {
        let read = self.files.text(name);
        read.iter().for_each(|text| {
            self.written.borrow_mut().add_file(&["file", &name.to_string_lossy()], text.as_bytes());
        });
        read
    }

    fn secrets(&self, name: &Path) -> Result<(Vec<Vec<u8>>, Option<String>), String> {
        let read = self.files.secrets(name);
        read.iter().for_each(|(keys, _)| {
            self.written.borrow_mut().add_file(&["file", &name.to_string_lossy()], &keys.join(&b'\n'));
        });
        read
    }

    fn dialects(&self, folder: &Path, report: &mut Report) -> Vec<(String, PathBuf, String)> {
        let read = self.files.dialects(folder, report);
        for (name, _, text) in &read {
            self.written.borrow_mut().add_file(&["dialect", name, "the file"], text.as_bytes());
        }
        read
    }

    fn templates(&self, folder: &Path) -> Vec<(String, Vec<u8>)> {
        let read = self.files.templates(folder);
        for (name, text) in &read {
            self.written.borrow_mut().add_file(&["template", name, "the file"], text);
        }
        read
    }

    fn authorities(&self, folder: &Path) -> Result<(), String> {
        self.files.authorities(folder)
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.files.at(path)
    }
}

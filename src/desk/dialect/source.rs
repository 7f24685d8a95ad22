//! The text of a dialect file, read piece by piece, so that one mistake does not hide the next; and where in it a problem
//! is.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::file::File;

/// Bytes that a dialect file may have.
const LONGEST_FILE: usize = 128 << 10;
/// What may stand at the top.
const KEYS: [&str; 8] = ["about", "advice", "id", "mail", "parameters", "recognise", "text", "write"];

/// Something wrong in a dialect file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialectProblem {
    /// Line of the file, from 1, where known.
    pub line: Option<usize>,
    /// Path of the key: `mail.resolved.when.subject`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty where the message says it.
    pub hint: String,
}

/// The text of a file, with the problems found in it and the places of its pieces.
pub struct Source<'a> {
    text: &'a str,
    starts: BTreeMap<String, usize>,
    pub problems: Vec<DialectProblem>,
}

impl<'a> Source<'a> {
    /// Reads what can be read; every problem of form is noted.
    pub fn read(text: &'a str) -> (File, Self) {
        let mut source = Self { text, starts: BTreeMap::new(), problems: Vec::new() };
        if text.len() > LONGEST_FILE {
            source.problem("", "", format!("the file has over {LONGEST_FILE} bytes"), "split it in two dialects");
            return (File::default(), source);
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map(|span| source.line(span.start));
            let message = error.message().to_owned();
            source.problems.push(DialectProblem { line, key: String::new(), message, hint: String::new() });
        }
        let file = if source.problems.is_empty() { source.file(root.get_ref()) } else { File::default() };
        (file, source)
    }

    fn file(&mut self, root: &DeTable<'_>) -> File {
        for (key, value) in root.iter().filter(|(key, _)| !KEYS.contains(&key.get_ref().as_ref())) {
            let hint = format!("known here: {}", KEYS.join(", "));
            let line = Some(self.line(value.span().start));
            let (key, message) = (key.get_ref().to_string(), "unknown key".to_owned());
            self.problems.push(DialectProblem { line, key, message, hint });
        }
        if root.get("about").is_none() {
            self.problem(
                "about",
                "",
                "it is not said what this helpdesk is",
                "write about = \"its name and versions\"",
            );
        }
        File {
            about: self.only(root, "about").unwrap_or_default(),
            advice: self.only(root, "advice").unwrap_or_default(),
            parameters: self.named(root, "parameters"),
            recognise: self.all(root, "recognise"),
            id: self.all(root, "id"),
            mail: self.all(root, "mail"),
            text: self.only(root, "text").unwrap_or_default(),
            write: self.only(root, "write").unwrap_or_default(),
        }
    }

    fn only<T: DeserializeOwned>(&mut self, root: &DeTable<'_>, key: &str) -> Option<T> {
        root.get(key).and_then(|value| self.piece(key.to_owned(), value))
    }

    fn named<T: DeserializeOwned>(&mut self, root: &DeTable<'_>, key: &str) -> BTreeMap<String, T> {
        let table = root.get(key).and_then(|value| value.get_ref().as_table());
        let pieces = table.into_iter().flat_map(DeTable::iter).filter_map(|(name, value)| {
            let name = name.get_ref().to_string();
            Some((name.clone(), self.piece(format!("{key}.{name}"), value)?))
        });
        pieces.collect()
    }

    fn all<T: DeserializeOwned>(&mut self, root: &DeTable<'_>, key: &str) -> Vec<T> {
        let Some(value) = root.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.starts.insert(key.to_owned(), value.span().start);
            self.problem(key, "", "this comes several times", format!("write [[{key}]] in double brackets"));
            return Vec::new();
        };
        let pieces = array.iter().enumerate();
        pieces.filter_map(|(at, value)| self.piece(path(key, at, value.get_ref()), value)).collect()
    }

    fn piece<T: DeserializeOwned>(&mut self, key: String, value: &Spanned<DeValue<'_>>) -> Option<T> {
        self.starts.insert(key.clone(), value.span().start);
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => Some(read),
            Err(error) => {
                let start = error.span().filter(|span| span.end > 0).unwrap_or(value.span()).start;
                let (line, message) = (Some(self.line(start)), error.message().to_owned());
                self.problems.push(DialectProblem { line, key, message, hint: String::new() });
                None
            }
        }
    }

    /// Notes a problem at a key. `needle` is what stands in the file there: the line is that of the first such text
    /// behind the beginning of the key's piece.
    pub fn problem(&mut self, key: &str, needle: &str, message: impl Into<String>, hint: impl Into<String>) {
        let of_key = |piece: &str| key.strip_prefix(piece).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let start = self.starts.iter().filter(|(piece, _)| of_key(piece)).map(|(_, start)| *start).max();
        let at = start.map(|start| start + self.text[start..].find(needle).unwrap_or_default());
        let line = at.map(|at| self.line(at));
        self.problems.push(DialectProblem { line, key: key.to_owned(), message: message.into(), hint: hint.into() });
    }

    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// `mail.resolved` for a piece with a name, else `mail.3`, counted from 1.
fn path(key: &str, at: usize, value: &DeValue<'_>) -> String {
    let name = value.as_table().and_then(|table| table.get("name")).and_then(|name| name.get_ref().as_str());
    name.map_or_else(|| numbered(key, at), |name| format!("{key}.{name}"))
}

/// The path of piece number `at`, from 0, that has no name.
pub fn numbered(key: &str, at: usize) -> String {
    format!("{key}.{}", at + 1)
}

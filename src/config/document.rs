//! A TOML file with the place of every key, read section by section, so that one mistake does not hide the next.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::problem::{Problem, Report, Severity, did_you_mean};

/// Mistakes reported of one section before it is given up.
const MOST_MISTAKES: usize = 100;

/// A parsed file.
#[derive(Debug)]
pub struct Document<'a> {
    file: PathBuf,
    text: &'a str,
    root: DeTable<'a>,
    /// The syntax is wrong: nothing else is said of the file, since half of it may only seem to be missing.
    broken: bool,
}

impl<'a> Document<'a> {
    /// Parses a file; syntax errors go to the report.
    pub fn parse(file: &Path, text: &'a str, report: &mut Report) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut document = Self { file: file.to_owned(), text, root: root.into_inner(), broken: false };
        for error in errors {
            let line = error.span().map(|span| document.line(&span));
            document.push(report, Severity::Error, line, String::new(), error.message().to_owned(), String::new());
            document.broken = true;
        }
        document
    }

    /// Names of the keys below a path, in the order of the alphabet.
    pub fn keys(&self, path: &[&str]) -> Vec<String> {
        let table = match path.is_empty() {
            true => Some(&self.root),
            false => self.value(path).and_then(DeValue::as_table),
        };
        table.map(|table| table.keys().map(|key| key.get_ref().to_string()).collect()).unwrap_or_default()
    }

    /// Number of entries of an array.
    pub fn entries(&self, path: &[&str]) -> usize {
        self.value(path).and_then(DeValue::as_array).map_or(0, |array| array.len())
    }

    /// Keys at the top that are none of these are mistakes.
    pub fn only(&self, known: &[&str], report: &mut Report) {
        for key in self.keys(&[]).iter().filter(|key| !known.contains(&key.as_str())) {
            let hint =
                did_you_mean(key, known.iter().copied()).unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            self.error(report, &[key], "unknown key", hint);
        }
    }

    /// Reads the value at a path as `T`. Each wrong key is reported and taken out, until the rest can be read, so that the
    /// rest can be checked too; `None` where nothing can. A path that is not there reads as an empty table.
    pub fn section<T: DeserializeOwned>(&self, path: &[&str], report: &mut Report) -> Option<T> {
        let mut value = self.spanned(path).unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
        let mut sound = true;
        for _ in 0..MOST_MISTAKES {
            match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(read) => return Some(read),
                Err(error) => {
                    let culprit = error.span().and_then(|span| inner_path(value.get_ref(), &span));
                    let named = culprit.clone().unwrap_or_default();
                    let full: Vec<String> = path.iter().map(|part| (*part).to_owned()).chain(named.clone()).collect();
                    let line = error.span().filter(|span| span.end > 0).map(|span| self.line(&span));
                    // A key that was taken out as wrong is not missing too.
                    if sound || !error.message().starts_with("missing field") {
                        let (message, hint) = reworded(error.message());
                        self.push(
                            report,
                            Severity::Error,
                            line.or_else(|| self.line_of(path)),
                            full.join("."),
                            message,
                            hint,
                        );
                    }
                    sound = false;
                    if named.is_empty() || !remove(&mut value, &named) {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// An error at a key.
    pub fn error(&self, report: &mut Report, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        self.push(report, Severity::Error, self.line_of(path), path.join("."), message.into(), hint.into());
    }

    /// A warning at a key.
    pub fn warning(&self, report: &mut Report, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        self.push(report, Severity::Warning, self.line_of(path), path.join("."), message.into(), hint.into());
    }

    fn push(
        &self,
        report: &mut Report,
        severity: Severity,
        line: Option<usize>,
        key: String,
        message: String,
        hint: String,
    ) {
        // Behind the first syntax error of a loop there may be more of them, and nothing else is worth saying.
        if !self.broken || key.is_empty() {
            report.add(Problem { severity, file: self.file.clone(), line, key, message, hint });
        }
    }

    fn value(&self, path: &[&str]) -> Option<&DeValue<'a>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.root.get(*first)?.get_ref();
        for part in rest {
            value = child(value, part)?.get_ref();
        }
        Some(value)
    }

    fn spanned(&self, path: &[&str]) -> Option<Spanned<DeValue<'a>>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.root.get(*first)?;
        for part in rest {
            value = child(value.get_ref(), part)?;
        }
        Some(value.clone())
    }

    /// Line of the deepest part of a path that the file has.
    fn line_of(&self, path: &[&str]) -> Option<usize> {
        let mut span = None;
        let (first, rest) = path.split_first()?;
        let (key, mut value) = self.root.get_key_value(*first)?;
        if key.span().end > 0 {
            span = Some(key.span());
        }
        for part in rest {
            let Some((place, next)) = child_with_place(value.get_ref(), part) else { break };
            span = Some(place);
            value = next;
        }
        span.map(|span| self.line(&span))
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.text[..span.start.min(self.text.len())].matches('\n').count() + 1
    }
}

fn child<'v, 'a>(value: &'v DeValue<'a>, part: &str) -> Option<&'v Spanned<DeValue<'a>>> {
    child_with_place(value, part).map(|(_, child)| child)
}

fn child_with_place<'v, 'a>(value: &'v DeValue<'a>, part: &str) -> Option<(Range<usize>, &'v Spanned<DeValue<'a>>)> {
    match value {
        DeValue::Table(table) => table.get_key_value(part).map(|(key, value)| (key.span(), value)),
        DeValue::Array(array) => array.get(part.parse::<usize>().ok()?).map(|value| (value.span(), value)),
        _ => None,
    }
}

/// The path of the innermost key whose name or value lies around a span.
fn inner_path(value: &DeValue<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    let around = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end && outer.end > 0;
    match value {
        DeValue::Table(table) => table.iter().find_map(|(key, value)| {
            let deeper = inner_path(value.get_ref(), span);
            let here = around(key.span()) || around(value.span());
            (here || deeper.is_some()).then(|| {
                let name = key.get_ref().to_string();
                std::iter::once(name).chain(deeper.unwrap_or_default()).collect()
            })
        }),
        DeValue::Array(array) => array.iter().enumerate().find_map(|(at, value)| {
            let deeper = inner_path(value.get_ref(), span);
            let here = around(value.span());
            (here || deeper.is_some())
                .then(|| std::iter::once(at.to_string()).chain(deeper.unwrap_or_default()).collect())
        }),
        _ => None,
    }
}

fn remove(value: &mut Spanned<DeValue<'_>>, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    match value.get_mut() {
        DeValue::Table(table) if rest.is_empty() => table.remove(first.as_str()).is_some(),
        DeValue::Table(table) => match table.get_mut(first.as_str()) {
            Some(inner) => remove(inner, rest) || table.remove(first.as_str()).is_some(),
            None => false,
        },
        // A list with a wrong entry goes as a whole; the caller takes out the key that holds it.
        _ => false,
    }
}

/// The library's words in ours, with a hint where a name is near.
fn reworded(message: &str) -> (String, String) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (message.split('`').next(), quoted.split_first()) {
        (Some("unknown field "), Some((wrong, known))) => {
            let hint = did_you_mean(wrong, known.iter().copied());
            ("unknown key".to_owned(), hint.unwrap_or_else(|| format!("known here: {}", known.join(", "))))
        }
        (Some("unknown variant "), Some((wrong, known))) => {
            let hint = did_you_mean(wrong, known.iter().copied());
            (format!("unknown value {wrong:?}"), hint.unwrap_or_else(|| format!("known here: {}", known.join(", "))))
        }
        (Some("missing field "), Some((name, _))) => (format!("{name} is missing"), format!("write {name} = …")),
        _ => (message.to_owned(), String::new()),
    }
}

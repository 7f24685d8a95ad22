//! Parameters that nobody has given, read off a mail: the tag in `[rt.infn.example #4711]` beside its number, or what the
//! system tells in a place of its own.

use std::collections::BTreeMap;

use regex::Captures;

use super::file::ToldBy;
use super::reader::{MATCHES, Reader, View, is_value};
use super::{Dialect, Parameters};
use crate::desk::tag::Tags;
use crate::mail::Mail;

impl Dialect {
    /// The parameters that the system tells in places of its own. The desk's tags, `own`, are nobody's; a value that holds
    /// anyway is not told.
    pub fn parameters_told(&self, mail: &Mail, own: &Tags) -> Parameters {
        let (reader, nothing) = (&self.reader, Parameters::new());
        let view = View::new(mail, &mail.text, false, &nothing);
        let told = reader.file.parameters.iter().filter_map(|(name, spec)| {
            let value = spec.told_by.iter().find_map(|told_by| told(reader, &view, told_by, name, own))?;
            let held = spec.default.as_ref().and_then(|default| default.split(',').next());
            (held != Some(value.as_str())).then(|| (name.clone(), value))
        });
        told.collect()
    }

    /// The parameters that are known, with those that the mail shows where its id can't be found, or not be told from
    /// another's, without them. `own` are the desk's tags: they are nobody else's.
    pub fn parameters_seen(&self, mail: &Mail, newest: &str, known: &Parameters, own: &Tags) -> Parameters {
        let id = self.read(mail, newest, known).foreign_id;
        seen(&self.reader, mail, id.as_deref(), known, own).unwrap_or_else(|| known.clone())
    }
}

fn told(reader: &Reader, view: &View<'_>, told_by: &ToldBy, name: &str, own: &Tags) -> Option<String> {
    if !reader.holds(&told_by.when, view, &mut BTreeMap::new()) {
        return None;
    }
    let pattern = reader.patterns.get(told_by.place.pattern())?;
    view.texts_of(&told_by.place).into_iter().find_map(|text| {
        let found = pattern.captures(text).filter(|found| own.read_tolerant(&found[0]).is_empty())?;
        // A blank behind a hook belongs to it; a comma divides values.
        let value = found.name(name)?.as_str().trim_start();
        (!value.trim_end().is_empty() && !value.contains(',')).then(|| value.to_owned())
    })
}

fn seen(reader: &Reader, mail: &Mail, id: Option<&str>, known: &Parameters, own: &Tags) -> Option<Parameters> {
    let open = |name: &str| reader.file.parameters.contains_key(name) && !known.contains_key(name);
    let view = View::new(mail, &mail.text, false, known);
    reader.file.id.iter().find_map(|place| {
        let pattern = reader.patterns.get(place.pattern())?;
        let named: Vec<&str> = pattern.capture_names().flatten().filter(|name| open(name)).collect();
        if named.is_empty() {
            return None;
        }
        view.texts_of(place).into_iter().find_map(|text| {
            let fits = |found: &Captures<'_>| {
                let caught = |name: &str| found.name(name).map(|part| part.as_str().trim());
                id.is_none_or(|id| caught("id") == Some(id))
                    && known.iter().all(|(name, allowed)| caught(name).is_none_or(|value| is_value(allowed, value)))
                    && own.read_tolerant(&found[0]).is_empty()
            };
            let found = pattern.captures_iter(text).take(MATCHES).find(fits)?;
            let mut parameters = known.clone();
            for name in &named {
                parameters.insert((*name).to_owned(), found.name(name)?.as_str().trim().to_owned());
            }
            Some(parameters)
        })
    })
}

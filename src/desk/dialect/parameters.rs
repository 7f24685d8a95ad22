//! Parameters that nobody has given, read off a mail: the tag in `[rt.infn.example #4711]` beside its number, or what a
//! header of the system's own tells.

use regex::Captures;

use super::reader::{MATCHES, Reader, View, is_value, line};
use super::{Dialect, Parameters};
use crate::desk::tag::Tags;
use crate::mail::Mail;

impl Dialect {
    /// The parameters that the system tells in headers of its own; what a user may have written is not looked at.
    pub fn parameters_told(&self, mail: &Mail) -> Parameters {
        let reader = &self.reader;
        let told = reader.file.parameters.iter().filter_map(|(name, spec)| {
            let told_by = spec.told_by.as_ref()?;
            let pattern = reader.patterns.get(&told_by.pattern)?;
            let mut values = mail.headers_named(&told_by.header).take(MATCHES);
            let value =
                values.find_map(|value| Some(pattern.captures(line(value))?.name(name)?.as_str().trim().to_owned()))?;
            // A comma divides values.
            (!value.is_empty() && !value.contains(',')).then(|| (name.clone(), value))
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

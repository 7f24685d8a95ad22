//! What a dialect file's form alone can't forbid: patterns that are not bounded or say nothing, groups and places of
//! templates that nobody fills, and rules that rest on an automatic mark alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use regex::Regex;

use super::Kind;
use super::file::{File, Patterns, Place, Rule, When};
use super::source::{Source, numbered};
use super::{pattern, template};

/// Patterns by their source. Each is compiled when it is first needed: a desk uses few of all that are built in.
#[derive(Clone, Debug, Default)]
pub struct Compiled(BTreeMap<String, OnceLock<Option<Regex>>>);

impl Compiled {
    /// `None` for what is no pattern of the file.
    pub fn get(&self, source: &str) -> Option<&Regex> {
        self.0.get(source)?.get_or_init(|| pattern::compile(source).ok()).as_ref()
    }
}

/// Headers that only say "a program wrote this"; they never decide alone what a mail means or where it comes from.
pub const AUTOMATIC_MARKS: [&str; 14] = [
    "auto-submitted",
    "delivered-to",
    "precedence",
    "return-path",
    "x-auto-reply",
    "x-auto-response-suppress",
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-loop",
    "x-mail-autoreply",
    "x-mailer-autoreply",
    "x-no-loop",
    "x-precedence",
];
/// Groups of a pattern that are not parameters.
const GROUPS: [&str; 3] = ["id", "reason", "unit"];

/// Finds what is wrong. The patterns of a file that `is_sound` are not looked at, and compiled only when they are needed.
pub fn check(file: &File, source: &mut Source<'_>, is_sound: bool) -> Compiled {
    let mut checker = Checker { file, source, is_sound, compiled: Compiled::default() };
    for (at, sign) in file.recognise.iter().enumerate() {
        let key = numbered("recognise", at);
        checker.conditions(&key, &sign.when);
        if sign.certainty > 100 {
            checker.source.problem(&key, "certainty", "a certainty is 0 to 100", "write 95 for a header of its own");
        }
    }
    for (at, place) in file.id.iter().enumerate() {
        checker.place(&numbered("id", at), place);
    }
    checker.parameters();
    checker.rules();
    checker.texts();
    checker.templates();
    checker.compiled
}

struct Checker<'a, 'b, 'c> {
    file: &'a File,
    source: &'b mut Source<'c>,
    is_sound: bool,
    compiled: Compiled,
}

impl Checker<'_, '_, '_> {
    fn parameters(&mut self) {
        let parameters = &self.file.parameters;
        for (name, told_by) in parameters.iter().flat_map(|(name, spec)| spec.told_by.iter().map(move |by| (name, by)))
        {
            let (key, source) = (format!("parameters.{name}"), told_by.place.pattern());
            let pattern = self.pattern(&key, source);
            if pattern.is_some_and(|pattern| pattern.capture_names().flatten().all(|group| group != name)) {
                let hint = format!("put its own part in (?P<{name}>…)");
                self.source.problem(&key, source, "it is not said which part is the parameter", hint);
            }
            self.patterns_of(&key, &told_by.when);
            if !matches!(told_by.place, Place::Header { .. } | Place::MessageId(_)) && !names_the_system(&told_by.when)
            {
                let message = "a user's words may stand there too";
                let hint = "add when = { header = … } or { message_id = … } by which the system is known";
                self.source.problem(&key, source, message, hint);
            }
        }
    }

    fn rules(&mut self) {
        let mut names = BTreeSet::new();
        for rule in &self.file.mail {
            let key = format!("mail.{}", rule.name);
            if !names.insert(&rule.name) {
                self.source.problem(&key, "", "two rules have this name", "explain names rules: give each its own");
            }
            self.rule(&key, rule);
        }
    }

    fn rule(&mut self, key: &str, rule: &Rule) {
        self.conditions(&format!("{key}.when"), &rule.when);
        if let Some(unless) = &rule.unless {
            self.patterns_of(&format!("{key}.unless"), unless);
        }
        if rule.internal && rule.kind != Kind::Comment {
            let hint = "write kind = \"comment\", or leave internal out";
            self.source.problem(key, "internal", "only a comment is internal", hint);
        }
        for (name, bound) in [("solution_after", &rule.solution_after), ("solution_until", &rule.solution_until)] {
            for source in bound.iter().flat_map(Patterns::iter) {
                self.pattern(&format!("{key}.{name}"), source);
            }
        }
    }

    /// Patterns of a condition, and that it says something by itself.
    fn conditions(&mut self, key: &str, when: &When) {
        self.patterns_of(key, when);
        if !says_something(when) {
            let message = "an automatic mark alone, or what is missing, says nothing about a mail";
            let hint = "add a subject, a text or a header of the system itself";
            self.source.problem(key, "when", message, hint);
        }
    }

    fn patterns_of(&mut self, key: &str, when: &When) {
        for (name, patterns) in &when.header {
            self.condition(&format!("{key}.header.{name}"), patterns);
        }
        let parts = [
            ("subject", &when.subject),
            ("text", &when.text),
            ("whole", &when.whole),
            ("message_id", &when.message_id),
        ];
        for (name, patterns) in parts {
            if let Some(patterns) = patterns {
                self.condition(&format!("{key}.{name}"), patterns);
            }
        }
        when.any.iter().for_each(|one| self.patterns_of(&format!("{key}.any"), one));
    }

    fn condition(&mut self, key: &str, patterns: &Patterns) {
        for source in patterns.iter() {
            if self.pattern(key, source).is_some_and(|pattern| pattern.is_match("")) {
                self.source.problem(key, source, "this matches every mail", "name something that must be there");
            }
        }
    }

    fn place(&mut self, key: &str, place: &Place) {
        let source = place.pattern();
        if self.pattern(key, source).is_some_and(|pattern| pattern.capture_names().flatten().all(|name| name != "id")) {
            let hint = "put the id's own part in (?P<id>…)";
            self.source.problem(key, source, "it is not said which part is the id", hint);
        }
    }

    fn texts(&mut self) {
        let File { text, write, .. } = self.file;
        let lists = [
            ("text.cut", text.cut.as_slice()),
            ("text.cut_to", &text.cut_to),
            ("text.cut_above", &text.cut_above),
            ("text.cut_below", &text.cut_below),
            ("write.reads_as_id", &write.reads_as_id),
            ("write.reads_in_text", &write.reads_in_text),
            ("write.watermark", write.watermark.as_slice()),
        ];
        for (key, list) in lists {
            for source in list {
                if self.pattern(key, source).is_some_and(|pattern| pattern.is_match("")) {
                    self.source.problem(key, source, "this matches everywhere", "name something that must be there");
                }
            }
        }
    }

    fn pattern(&mut self, key: &str, source: &str) -> Option<Regex> {
        if self.is_sound {
            self.compiled.0.entry(source.to_owned()).or_default();
            return None;
        }
        let pattern = match pattern::compile(source) {
            Ok(pattern) => pattern,
            Err(message) => {
                self.source.problem(key, source, message, "patterns are those of the Rust regex crate");
                return None;
            }
        };
        let known = |name: &&str| GROUPS.contains(name) || self.file.parameters.contains_key(*name);
        for name in pattern.capture_names().flatten().filter(|name| !known(name)) {
            let hint = format!("it is {}, or add [parameters.{name}]", GROUPS.join(", "));
            self.source.problem(key, source, format!("nobody knows the group {name}"), hint);
        }
        self.compiled.0.insert(source.to_owned(), OnceLock::from(Some(pattern.clone())));
        Some(pattern)
    }

    fn templates(&mut self) {
        let write = &self.file.write;
        let mut forms = vec![
            ("write.own_tag".to_owned(), write.own_tag.as_ref(), ["id"].as_slice()),
            ("write.in_reply_to".to_owned(), write.in_reply_to.as_ref(), &["dispatch", "host", "id", "ticket"]),
            ("write.to".to_owned(), write.to.as_ref(), &["host", "id", "ticket"]),
            ("write.begin".to_owned(), write.begin.as_ref(), &["host", "ticket"]),
        ];
        for form in &write.link {
            forms.push(("write.link".to_owned(), Some(form), &["host", "id", "ticket"]));
        }
        for (key, headers) in [("headers", &write.headers), ("end_headers", &write.end_headers)] {
            for (name, form) in headers {
                forms.push((format!("write.{key}.{name}"), Some(form), &["host", "id", "ticket"]));
            }
        }
        for (key, form, known) in forms {
            let Some(form) = form else { continue };
            let is_known = |name: &str| known.contains(&name) || self.file.parameters.contains_key(name);
            for name in template::places(form).filter(|name| !is_known(name)) {
                let hint = format!("known here: {}, and the parameters", known.join(", "));
                self.source.problem(&key, form, format!("nobody fills {{{name}}}"), hint);
            }
        }
    }
}

/// Whether a condition asks for a header or a Message-ID such as only the system itself makes.
fn names_the_system(when: &When) -> bool {
    let alternatives = !when.any.is_empty() && when.any.iter().all(names_the_system);
    alternatives || when.message_id.is_some() || when.header.keys().any(|name| !is_mark(name))
}

/// Whether a condition would still ask for something if all automatic marks were taken away.
fn says_something(when: &When) -> bool {
    let alternatives = !when.any.is_empty() && when.any.iter().all(says_something);
    let words = when.subject.is_some() || when.text.is_some() || when.whole.is_some() || when.message_id.is_some();
    words || when.returned || alternatives || when.header.keys().any(|name| !is_mark(name))
}

fn is_mark(name: &str) -> bool {
    let name = name.to_lowercase();
    AUTOMATIC_MARKS.contains(&name.as_str()) || name.starts_with("list-")
}

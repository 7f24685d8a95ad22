//! `[[rule]]`: where a ticket goes that names no site.

use jiff::civil::Time;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::{OneOrMore, Reader};
use crate::desk::policy::Sites;
use crate::desk::route::{Condition, Rule};

/// Memory that one compiled pattern of a rule may take, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// `[[rule]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    unit: String,
    site: Option<OneOrMore<String>>,
    vo: Option<OneOrMore<String>>,
    type_of_problem: Option<OneOrMore<String>>,
    sender: Option<OneOrMore<String>>,
    recipient: Option<OneOrMore<String>>,
    subject: Option<String>,
    body: Option<String>,
    header: Option<HeaderFile>,
    time: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderFile {
    name: String,
    value: String,
}

impl Reader<'_> {
    pub fn rules(&mut self, sites: &Sites) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut always: Option<String> = None;
        for at in 0..self.document.entries(&["rule"]) {
            let index = at.to_string();
            let path = ["rule", index.as_str()];
            let Some(file) = self.document.section::<RuleFile>(&path, self.report) else { continue };
            if let Some(earlier) = &always {
                let message = format!("rule {} is never asked", file.name);
                let hint = format!("rule {earlier} before it holds for every mail; move it to the end");
                self.document.warning(self.report, &path, message, hint);
            }
            if rules.iter().any(|rule| rule.name == file.name) {
                self.document.error(
                    self.report,
                    &path,
                    format!("two rules are called {:?}", file.name),
                    "give each its own name",
                );
            }
            let unit = self.unit_named(&["rule", &index, "unit"], &file.unit);
            let name = file.name.clone();
            let conditions = self.conditions(&index, file, sites);
            if let (Some(unit), Some(conditions)) = (unit, conditions) {
                if conditions.is_empty() {
                    always = Some(name.clone());
                }
                rules.push(Rule { name, conditions, unit });
            }
        }
        rules
    }

    fn conditions(&mut self, index: &str, file: RuleFile, sites: &Sites) -> Option<Vec<Condition>> {
        let mut all: Vec<Option<Condition>> = Vec::new();
        all.extend(file.site.map(|names| self.rule_sites(index, names.into_vec(), sites)));
        all.extend(file.vo.map(|names| Some(Condition::Vo(names.into_vec()))));
        all.extend(file.type_of_problem.map(|names| Some(Condition::TypeOfProblem(names.into_vec()))));
        all.extend(
            file.sender.map(|list| self.each(&["rule", index, "sender"], list.into_vec()).map(Condition::Sender)),
        );
        all.extend(
            file.recipient
                .map(|list| self.each(&["rule", index, "recipient"], list.into_vec()).map(Condition::Recipient)),
        );
        all.extend(file.subject.map(|source| self.regex(index, "subject", &source).map(Condition::Subject)));
        all.extend(file.body.map(|source| self.regex(index, "body", &source).map(Condition::Body)));
        all.extend(file.header.map(|header| {
            let value = self.regex(index, "header", &header.value)?;
            Some(Condition::Header { name: header.name, value })
        }));
        all.extend(file.time.map(|text| self.time_of_day(index, &text)));
        all.into_iter().collect()
    }

    fn rule_sites(&mut self, index: &str, names: Vec<String>, sites: &Sites) -> Option<Condition> {
        self.site_names(&["rule", index, "site"], names, sites).map(Condition::Site)
    }

    fn regex(&mut self, index: &str, key: &str, source: &str) -> Option<Regex> {
        match RegexBuilder::new(source).case_insensitive(true).multi_line(true).size_limit(PATTERN_BYTES).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let hint = "a pattern of the Rust regex syntax, without look-around; a literal dot is \\.";
                self.document.error(self.report, &["rule", index, key], format!("{source:?}: {error}"), hint);
                None
            }
        }
    }

    fn time_of_day(&mut self, index: &str, text: &str) -> Option<Condition> {
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let parsed = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
        if parsed.is_none() {
            let hint = "write \"18:00-08:00\", in the desk's time zone";
            self.document.error(self.report, &["rule", index, "time"], format!("{text:?} is no span of the day"), hint);
        }
        parsed.map(|(from, to)| Condition::TimeOfDay { from, to })
    }
}

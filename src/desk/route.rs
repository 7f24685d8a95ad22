//! Routing: which unit a new ticket goes to, and why the earlier rules did not hold.

use jiff::civil::Time;
use regex::Regex;

use super::policy::{AddressPattern, Policy, UnitName};
use crate::mail::Mail;

/// One rule of `routing.toml`: all of its conditions must hold.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique; shown by `explain`.
    pub name: String,
    pub conditions: Vec<Condition>,
    pub unit: UnitName,
}

/// One condition. A list holds when any of its members does.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Text of the mail.
    Body(Regex),
    /// A header field's value; the name without case.
    Header {
        name: String,
        value: Regex,
    },
    /// To, Cc, or the address that it was delivered to.
    Recipient(Vec<AddressPattern>),
    Sender(Vec<AddressPattern>),
    /// Canonical site names; an empty list: no site at all.
    Site(Vec<String>),
    Subject(Regex),
    /// Local time of the desk, `from` included, `to` not; may run over midnight.
    TimeOfDay {
        from: Time,
        to: Time,
    },
    TypeOfProblem(Vec<String>),
    Vo(Vec<String>),
}

/// What routing looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub mail: &'a Mail,
    pub site: Option<&'a str>,
    pub vo: Option<&'a str>,
    pub type_of_problem: Option<&'a str>,
    /// Local time of the desk.
    pub time: Time,
}

/// How one rule answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub rule: String,
    pub holds: bool,
    /// The condition that decided, in words.
    pub because: String,
}

/// Where the ticket goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    pub unit: UnitName,
    /// Name of the rule, `site INFN-T1`, or `default unit`.
    pub by: String,
    /// Every rule that was asked, in order.
    pub answers: Vec<Answer>,
}

/// Asks the rules in order; then the site's unit; then the default unit.
pub fn route(policy: &Policy, facts: Facts<'_>) -> Routed {
    let mut answers = Vec::new();
    for rule in policy.rules.iter() {
        let answer = ask(rule, facts);
        let holds = answer.holds;
        answers.push(answer);
        if holds {
            return Routed { unit: rule.unit.clone(), by: format!("rule {}", rule.name), answers };
        }
    }
    match facts.site.and_then(|name| policy.sites.find(name)) {
        Some(site) => Routed { unit: site.unit.clone(), by: format!("site {}", site.name), answers },
        None => Routed { unit: policy.default_unit.clone(), by: "the default unit".to_owned(), answers },
    }
}

fn ask(rule: &Rule, facts: Facts<'_>) -> Answer {
    let mut held = Vec::new();
    for condition in &rule.conditions {
        let (holds, because) = test(condition, facts);
        if !holds {
            return Answer { rule: rule.name.clone(), holds: false, because };
        }
        held.push(because);
    }
    let because = if held.is_empty() { "it has no condition".to_owned() } else { held.join(", ") };
    Answer { rule: rule.name.clone(), holds: true, because }
}

/// Whether a condition holds, and the fact in words.
fn test(condition: &Condition, facts: Facts<'_>) -> (bool, String) {
    let mail = facts.mail;
    match condition {
        Condition::Body(pattern) => matched("body", pattern, &mail.text),
        Condition::Subject(pattern) => matched("subject", pattern, &mail.subject),
        Condition::Header { name, value } => match mail.headers_named(name).find(|text| value.is_match(text)) {
            Some(_) => (true, format!("header {name} matches {value}")),
            None => (false, format!("no header {name} matches {value}")),
        },
        Condition::Sender(patterns) => match mail.sender() {
            Some(sender) => (patterns.iter().any(|pattern| pattern.matches(sender)), format!("sender is {sender}")),
            None => (false, "there is no sender".to_owned()),
        },
        Condition::Recipient(patterns) => {
            let hit = mail.recipients.iter().find(|address| patterns.iter().any(|pattern| pattern.matches(address)));
            match hit {
                Some(address) => (true, format!("recipient is {address}")),
                None => (false, "no recipient is listed".to_owned()),
            }
        }
        Condition::Site(names) => listed("site", names, facts.site),
        Condition::Vo(names) => listed("VO", names, facts.vo),
        Condition::TypeOfProblem(names) => listed("type of problem", names, facts.type_of_problem),
        Condition::TimeOfDay { from, to } => {
            let within = if from <= to {
                *from <= facts.time && facts.time < *to
            } else {
                facts.time >= *from || facts.time < *to
            };
            (within, format!("it is {}", facts.time.strftime("%H:%M")))
        }
    }
}

fn matched(what: &str, pattern: &Regex, text: &str) -> (bool, String) {
    match pattern.is_match(text) {
        true => (true, format!("{what} matches {pattern}")),
        false => (false, format!("{what} does not match {pattern}")),
    }
}

fn listed(what: &str, names: &[String], value: Option<&str>) -> (bool, String) {
    match value {
        Some(value) => {
            (names.iter().any(|name| name.to_lowercase() == value.to_lowercase()), format!("{what} is {value}"))
        }
        None => (names.is_empty(), format!("there is no {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::parse::{ReadLimits, parse};

    fn holds(condition: Condition, mail: &str, site: Option<&str>, time: &str) -> bool {
        let mail = parse(mail.replace('\n', "\r\n").as_bytes(), &ReadLimits::default());
        let facts = Facts { mail: &mail, site, vo: Some("Atlas"), type_of_problem: None, time: time.parse().unwrap() };
        test(&condition, facts).0
    }

    const MAIL: &str = "From: anna@uni.example\nTo: grid-it@ggus.example\nX-Priority: 1 (high)\nSubject: CRL expired\n\nThe disk is full.\n";

    #[test]
    fn each_condition_looks_at_its_own_thing() {
        let pattern = |text: &str| Regex::new(text).unwrap();
        let address = |text: &str| vec![AddressPattern::parse(text).unwrap()];
        let header = |value: &str| Condition::Header { name: "x-priority".to_owned(), value: pattern(value) };
        let night = || Condition::TimeOfDay { from: "18:00".parse().unwrap(), to: "08:00".parse().unwrap() };
        let names = |name: &str| vec![name.to_owned()];
        let yes = [
            (Condition::Body(pattern("disk")), "12:00"),
            (Condition::Subject(pattern("CRL")), "12:00"),
            (Condition::Sender(address("@uni.example")), "12:00"),
            (Condition::Recipient(address("grid-it@ggus.example")), "12:00"),
            (Condition::Site(names("infn-t1")), "12:00"),
            (Condition::Vo(names("atlas")), "12:00"),
            (Condition::TypeOfProblem(Vec::new()), "12:00"),
            (header("^1"), "12:00"),
            (night(), "23:59"),
            (night(), "07:59"),
        ];
        for (condition, time) in yes {
            assert!(holds(condition.clone(), MAIL, Some("INFN-T1"), time), "{condition:?}");
        }
        let no = [
            (Condition::Body(pattern("CRL")), "12:00"),
            (Condition::Subject(pattern("disk")), "12:00"),
            (Condition::Sender(address("@other.example")), "12:00"),
            (Condition::Site(Vec::new()), "12:00"),
            (Condition::Vo(names("cms")), "12:00"),
            (Condition::TypeOfProblem(names("Network")), "12:00"),
            (header("^2"), "12:00"),
            (night(), "08:00"),
            (night(), "17:59"),
        ];
        for (condition, time) in no {
            assert!(!holds(condition.clone(), MAIL, Some("INFN-T1"), time), "{condition:?}");
        }
    }
}

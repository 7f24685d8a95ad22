//! What is different between two configurations, in words for a person, and what of it a running gateway can't take over.
//! It compares and decides nothing else; no password and no content of a file is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Loaded;
use super::written::{Entry, Written};

/// Longest value that is shown, in characters.
const LONGEST: usize = 80;

/// One thing that is configured and is not what it was: a unit, a rule, a source, a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `unit ROC_Italy`, `limits`.
    pub subject: String,
    pub what: What,
}

/// How it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was not there.
    New,
    /// It is there no more.
    Gone,
    /// Each key that changed, in words: `trust "dkim" is now "token"`.
    Keys(Vec<String>),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::New => write!(f, "{}: new", self.subject),
            What::Gone => write!(f, "{}: gone", self.subject),
            What::Keys(keys) => write!(f, "{}: {}", self.subject, keys.join("; ")),
        }
    }
}

/// Everything that is different, in the order of the alphabet.
pub fn between(old: &Loaded, new: &Loaded) -> Vec<Change> {
    let (old, new) = (by_subject(&old.written), by_subject(&new.written));
    let subjects: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let none = BTreeMap::new();
    let change = |subject: &String| {
        let what = match (old.get(subject), new.get(subject)) {
            (None, _) if is_a_thing(subject) => What::New,
            (_, None) if is_a_thing(subject) => What::Gone,
            (before, after) => What::Keys(keys(before.unwrap_or(&none), after.unwrap_or(&none))),
        };
        let is_none = matches!(&what, What::Keys(keys) if keys.is_empty());
        (!is_none).then(|| Change { subject: subject.clone(), what })
    };
    subjects.into_iter().filter_map(change).collect()
}

/// What a gateway that runs can't take over; each says what to do. Nothing of a configuration with one is taken over.
pub fn refusals(old: &Loaded, new: &Loaded) -> Vec<String> {
    let (old, new) = (&old.plant, &new.plant);
    let differ = [
        ("store.path", old.store != new.store),
        ("log.format", old.log.format != new.log.format),
        ("log.mask_addresses", old.log.mask_addresses != new.log.mask_addresses),
        ("metrics", old.metrics != new.metrics),
    ];
    let refused = differ.into_iter().filter(|(_, differs)| *differs);
    refused
        .map(|(key, _)| format!("{key} can't be changed while the gateway runs; put it back, or restart it"))
        .collect()
}

/// The things that have a name of their own in the files; the rest are sections.
const NAMED: [&str; 9] = ["alarmer", "dialect", "file", "monitor", "rule", "site", "source", "template", "unit"];

type Keys<'a> = BTreeMap<String, &'a Entry>;

fn by_subject(written: &Written) -> BTreeMap<String, Keys<'_>> {
    let mut subjects: BTreeMap<String, Keys<'_>> = BTreeMap::new();
    for (path, entry) in &written.entries {
        let (subject, key) = match &path[..] {
            [kind, order] if order == "order" && NAMED.contains(&kind.as_str()) => (format!("{kind}s"), order.clone()),
            [kind, name, key @ ..] if NAMED.contains(&kind.as_str()) => (format!("{kind} {name}"), key.join(".")),
            [section, key @ ..] => (section.clone(), key.join(".")),
            [] => continue,
        };
        subjects.entry(subject).or_default().insert(key, entry);
    }
    subjects
}

fn is_a_thing(subject: &str) -> bool {
    subject.split_once(' ').is_some()
}

fn keys(old: &Keys<'_>, new: &Keys<'_>) -> Vec<String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            difference(old.get(name).copied(), new.get(name).copied())
                .map(|words| if name.is_empty() { words } else { format!("{name} {words}") })
        })
        .collect()
}

/// `None` where nothing is different.
fn difference(old: Option<&Entry>, new: Option<&Entry>) -> Option<String> {
    match (old, new) {
        (old, new) if old == new => None,
        (Some(Entry::List(old)), Some(Entry::List(new))) => Some(members(old, new)),
        (Some(Entry::Hidden(_)), _) | (_, Some(Entry::Hidden(_))) => Some("changed".to_owned()),
        (Some(old), Some(new)) => Some(format!("{} is now {}", shown(old), shown(new))),
        (None, Some(new)) => Some(format!("is now {}", shown(new))),
        (Some(old), None) => Some(format!("{} is taken out", shown(old))),
        (None, None) => None,
    }
}

fn members(old: &[String], new: &[String]) -> String {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|one| !those.contains(one)).cloned().collect()
    };
    let (more, fewer) = (only(new, old), only(old, new));
    let mut words = Vec::new();
    if !more.is_empty() {
        words.push(format!("with {}", cut(&more.join(", "))));
    }
    if !fewer.is_empty() {
        words.push(format!("without {}", cut(&fewer.join(", "))));
    }
    if words.is_empty() { format!("is now {}", cut(&new.join(", "))) } else { words.join(", ") }
}

fn shown(entry: &Entry) -> String {
    match entry {
        Entry::Hidden(_) => "…".to_owned(),
        Entry::List(all) => cut(&format!("[{}]", all.join(", "))),
        Entry::One(one) => cut(one),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_texts;

    const GATEWAY: &str = "[desk]\naddress = \"support@ggus.example\"\n[store]\npath = \"desk.sqlite\"\n\
        [source.support.maildir]\npath = \"in\"\n[relay.smtp]\nhost = \"smtp.ggus.example\"\nuser = \"u\"\npassword = \"hunter2\"\n\
        [limits]\ncopies = 20\n";
    const ROUTING: &str = "default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@ggus.example\"\n\
        [unit.ROC_Italy]\naddress = \"roc@infn.example\"\nsites = [\"INFN-T1\", \"INFN-BARI\"]\n\
        [[rule]]\nname = \"a\"\nunit = \"TPM\"\nvo = \"atlas\"\n[[rule]]\nname = \"b\"\nunit = \"TPM\"\nvo = \"cms\"\n";

    fn loaded(gateway: &str, routing: &str) -> Loaded {
        from_texts(gateway, routing, &[7; 32]).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn told(gateway: &str, routing: &str) -> Vec<String> {
        let changes = between(&loaded(GATEWAY, ROUTING), &loaded(gateway, routing));
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_has_changed_where_only_comments_and_order_of_keys_did() {
        assert_eq!(told(&format!("# hello\n{GATEWAY}"), ROUTING), [""; 0]);
        assert_eq!(
            told(
                &GATEWAY.replace("user = \"u\"\npassword = \"hunter2\"", "password = \"hunter2\"\nuser = \"u\""),
                ROUTING
            ),
            [""; 0]
        );
    }

    #[test]
    fn each_unit_rule_source_and_section_is_told_with_its_keys() {
        let routing = ROUTING
            .replace("\"INFN-T1\", \"INFN-BARI\"", "\"INFN-T1\", \"INFN-PISA\"")
            .replace("address = \"roc@infn.example\"", "address = \"desk@infn.example\"\ntrust = \"token\"")
            .replace(
                "[[rule]]\nname = \"b\"\nunit = \"TPM\"\nvo = \"cms\"\n",
                "[unit.ROC_CE]\naddress = \"ce@x.example\"\n",
            );
        let gateway = GATEWAY.replace("copies = 20", "copies = 5").replace("[source.support", "[source.other");
        assert_eq!(
            told(&gateway, &routing),
            [
                "limits: copies 20 is now 5",
                "rule b: gone",
                "rules: order without b",
                "source other: new",
                "source support: gone",
                "unit ROC_CE: new",
                "unit ROC_Italy: address \"roc@infn.example\" is now \"desk@infn.example\"; \
                 sites with \"INFN-PISA\", without \"INFN-BARI\"; trust is now \"token\"",
            ]
        );
    }

    #[test]
    fn the_order_of_rules_counts() {
        let routing = ROUTING.replace("\"a\"", "\"c\"").replace("\"b\"", "\"a\"").replace("\"c\"", "\"b\"");
        assert!(told(GATEWAY, &routing).contains(&"rules: order is now b, a".to_owned()));
    }

    #[test]
    fn a_password_is_never_shown() {
        let told = told(&GATEWAY.replace("hunter2", "hunter3"), ROUTING);
        assert_eq!(told, ["relay: smtp.password changed"]);
    }

    #[test]
    fn what_a_running_gateway_can_not_take_over_is_refused_by_what_it_means() {
        let refused = |gateway: &str| refusals(&loaded(GATEWAY, ROUTING), &loaded(gateway, ROUTING));
        assert_eq!(refused(&format!("{GATEWAY}[log]\nformat = \"text\"\n")), [""; 0]);
        let both = refused(&format!("{}[log]\nformat = \"json\"\n", GATEWAY.replace("desk.sqlite", "other.sqlite")));
        assert!(
            both.len() == 2 && both[0].starts_with("store.path can't be changed") && both[1].starts_with("log.format"),
            "{both:?}"
        );
    }
}

//! Monitoring systems: which of a monitor's mails are alarms, about what, and which say that an alarm is cleared. It reads;
//! what becomes of an alarm is said in [`ops`](super::ops).

use jiff::Timestamp;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::person::Person;
use super::policy::{AddressPattern, Policy, Trust};
use crate::mail::Mail;

/// Memory that one compiled form may take, in bytes.
const FORM_BYTES: usize = 1 << 20;
/// The placeholders of a form, and what each may stand for.
const PLACEHOLDERS: [(&str, &str); 4] = [
    ("{any}", r".{0,500}?"),
    ("{check}", r"(?P<check>\S.{0,119}?)"),
    ("{node}", r"(?P<node>[^\s,;]{1,120})"),
    ("{site}", r"(?P<site>[^\s,;]{1,120})"),
];

/// A monitoring system whose mails open operational tickets.
#[derive(Clone, Debug)]
pub struct Monitor {
    pub name: String,
    pub senders: Vec<AddressPattern>,
    /// What proves that a mail is the monitor's.
    pub trust: Trust,
    /// Whose S/MIME signatures count; empty: of whoever owns the author's address.
    pub signers: Vec<Person>,
    /// Subjects of mails that raise an alarm.
    pub raised: Vec<Form>,
    /// Subjects of mails that say that it is cleared.
    pub cleared: Vec<Form>,
}

/// A subject with placeholders: `{check} failed on {node} at {site}`.
#[derive(Clone, Debug)]
pub struct Form {
    pattern: Regex,
}

impl Form {
    /// Reads a form; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut source = String::from(r"^\s*");
        let mut rest = text.trim();
        while !rest.is_empty() {
            let known = PLACEHOLDERS.iter().find_map(|(name, form)| Some((*form, rest.strip_prefix(name)?)));
            let (piece, behind) = match known {
                Some((form, behind)) => (form.to_owned(), behind),
                None if rest.starts_with('{') => return Err(format!("{text:?} holds a placeholder that there is not")),
                None => {
                    let end = rest.find('{').unwrap_or(rest.len());
                    (literal(&rest[..end]), &rest[end..])
                }
            };
            source.push_str(&piece);
            rest = behind;
        }
        source.push_str(r"\s*$");
        let built = RegexBuilder::new(&source).case_insensitive(true).size_limit(FORM_BYTES).build();
        let pattern = built.map_err(|error| format!("{text:?}: {error}"))?;
        let names = |name: &str| pattern.capture_names().flatten().any(|known| known == name);
        if !names("node") && !names("site") {
            return Err(format!("{text:?} tells neither {{node}} nor {{site}}"));
        }
        Ok(Self { pattern })
    }

    /// Whether it tells this of an alarm: `check`, `node` or `site`.
    pub fn tells(&self, name: &str) -> bool {
        self.pattern.capture_names().flatten().any(|known| known == name)
    }

    fn read(&self, subject: &str) -> Option<Watched> {
        let found = self.pattern.captures(subject)?;
        let value = |name: &str| found.name(name).map(|value| value.as_str().trim().to_owned());
        Some(Watched { check: value("check"), node: value("node"), site: value("site"), cleared: None })
    }
}

/// Words as they stand, any white space between them.
fn literal(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(regex::escape).collect();
    let gap = |there: bool| if there { r"\s+" } else { "" };
    let inner = words.join(r"\s+");
    if inner.is_empty() {
        return r"\s+".to_owned();
    }
    let (before, after) = (text.starts_with(char::is_whitespace), text.ends_with(char::is_whitespace));
    format!("{}{inner}{}", gap(before), gap(after))
}

/// What an operational ticket is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    pub check: Option<String>,
    pub node: Option<String>,
    /// As the monitor writes it.
    pub site: Option<String>,
    /// When the alarm was said to be over.
    pub cleared: Option<Timestamp>,
}

impl Watched {
    /// Two alarms with the same key are about the same.
    pub fn key(&self) -> String {
        let place = self.node.as_ref().or(self.site.as_ref());
        let plain = |text: Option<&String>| {
            let text = text.map(|text| text.to_lowercase()).unwrap_or_default();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        format!("{}\n{}", plain(self.check.as_ref()), plain(place))
    }

    /// `CRL check on ce01.infn.example (INFN-T1)`.
    pub fn words(&self) -> String {
        let check = self.check.clone().unwrap_or_else(|| "a check".to_owned());
        match (&self.node, &self.site) {
            (Some(node), Some(site)) => format!("{check} on {node} ({site})"),
            (Some(place), None) | (None, Some(place)) => format!("{check} on {place}"),
            (None, None) => check,
        }
    }
}

/// A mail in the form of a monitor that lists its sender. Whether it is the monitor's is another matter.
#[derive(Clone, Debug)]
pub struct Sighting<'a> {
    pub monitor: &'a Monitor,
    pub watched: Watched,
    /// It says that the alarm is over.
    pub cleared: bool,
}

/// Reads a mail; the forms of what is cleared are tried first, for an alarm's may be wide.
pub fn read<'a>(policy: &'a Policy, mail: &Mail) -> Option<Sighting<'a>> {
    let sender = mail.sender()?;
    let lists = |monitor: &&Monitor| monitor.senders.iter().any(|pattern| pattern.matches(sender));
    policy.monitors.iter().filter(lists).find_map(|monitor| {
        let read = |forms: &[Form], cleared| {
            let watched = forms.iter().find_map(|form| form.read(&mail.subject))?;
            Some(Sighting { monitor, watched, cleared })
        };
        read(&monitor.cleared, true).or_else(|| read(&monitor.raised, false))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Form {
        Form::parse(text).unwrap()
    }

    #[test]
    fn a_form_reads_what_it_names() {
        let read = form("{check} failed on {node} at {site}").read("CRL  check failed on ce01.infn.example at INFN-T1");
        let read = read.unwrap();
        assert_eq!(read.words(), "CRL check on ce01.infn.example (INFN-T1)".replace("CRL ", "CRL  "));
        assert_eq!(read.key(), "crl check\nce01.infn.example");
        assert_eq!(form("ÄRGER über {node}").read("ärger über ce01").unwrap().key(), "\nce01");
        assert_eq!(
            form("[SAM] {any} {node}: {check} ÄRGER").read("[sam] x y ce01: disk  ärger").unwrap().key(),
            "disk\nce01"
        );
    }

    #[test]
    fn a_form_reads_whole_subjects_only() {
        let form = form("{check} failed on {node} at {site}");
        assert!(form.read("CRL failed on ce01 at INFN-T1 and more").is_none());
        assert!(form.read("failed on ce01 at INFN-T1").is_none());
    }

    #[test]
    fn a_wrong_form_says_so() {
        for wrong in ["{check} failed", "", "{nodes} fails", "{node", "{any}"] {
            assert!(Form::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_place_of_a_check_is_its_node_or_its_site() {
        let at = |node: Option<&str>, site: Option<&str>| Watched {
            check: Some("X".to_owned()),
            node: node.map(str::to_owned),
            site: site.map(str::to_owned),
            cleared: None,
        };
        assert_eq!(at(Some("N"), Some("S")).key(), at(Some("n"), None).key());
        assert_ne!(at(Some("N"), Some("S")).key(), at(None, Some("S")).key());
    }
}

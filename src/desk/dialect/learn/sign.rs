//! By what the system is known: header fields that no ordinary mail has, a program's name, the form of its Message-IDs. What
//! belongs to the site and not to the system is taken only where there is nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::super::check::AUTOMATIC_MARKS;
use super::pattern_text::{is_sound, literal};
use super::sight::{Run, runs};
use super::{Refusal, Seen};

/// One sign: the inside of `when = { … }`.
#[derive(Clone, Debug)]
pub struct Sign {
    pub certainty: u8,
    /// Key and value, as TOML.
    pub when: String,
    /// Samples that have it, of all.
    pub mails: usize,
    pub doubt: Option<String>,
}

/// Fields that ordinary mail has, or that a mail server adds on its way; in lower case.
const ORDINARY: [&str; 44] = [
    "authentication-results",
    "bcc",
    "cc",
    "comments",
    "date",
    "dkim-signature",
    "disposition-notification-to",
    "domainkey-signature",
    "errors-to",
    "envelope-to",
    "feedback-id",
    "from",
    "importance",
    "in-reply-to",
    "keywords",
    "message-id",
    "mime-version",
    "organization",
    "priority",
    "received",
    "received-spf",
    "references",
    "reply-to",
    "resent-date",
    "resent-from",
    "resent-to",
    "sender",
    "sensitivity",
    "status",
    "subject",
    "thread-index",
    "thread-topic",
    "to",
    "user-agent",
    "x-envelope-from",
    "x-mailer",
    "x-mimeole",
    "x-originating-ip",
    "x-original-to",
    "x-originalarrivaltime",
    "x-priority",
    "x-sender",
    "x-status",
    "x-uidl",
];
/// And their families.
const ORDINARY_FAMILIES: [&str; 18] = [
    "arc-",
    "content-",
    "list-",
    "x-antivirus",
    "x-barracuda",
    "x-clamav",
    "x-exchange",
    "x-forefront",
    "x-gm-",
    "x-google-",
    "x-ironport",
    "x-mozilla-",
    "x-ms-",
    "x-microsoft-",
    "x-proofpoint",
    "x-ses-",
    "x-spam",
    "x-virus",
];
/// Fields in which a program names itself.
const PROGRAM_FIELDS: [&str; 4] = ["X-Mailer", "User-Agent", "X-Powered-By", "X-Generator"];
/// Programs of people, and libraries that many programs mail with.
const PEOPLES_PROGRAMS: [&str; 24] = [
    "alpine",
    "apple",
    "claws",
    "evolution",
    "exim",
    "geary",
    "git-send-email",
    "gnus",
    "horde",
    "iphone",
    "ipad",
    "k-9",
    "kmail",
    "lotus",
    "mail",
    "microsoft",
    "mozilla",
    "mutt",
    "neomutt",
    "nodemailer",
    "php",
    "roundcube",
    "squirrelmail",
    "thunderbird",
];
/// A sign must stand in this part of the samples.
const LEAST_PART: usize = 3;
/// So many times as many mails must hang together for a few others to be strays.
const STRAYS: usize = 10;
/// Fields that are named for one system.
const MOST_FIELDS: usize = 3;

/// The samples of the one system, and the names of those few that share nothing with them.
pub fn one_system<'a>(all: &'a [Seen<'a>]) -> Result<(Vec<&'a Seen<'a>>, Vec<String>), Refusal> {
    let mut groups: Vec<(BTreeSet<String>, Vec<&Seen<'_>>)> = Vec::new();
    for seen in all {
        let mut traits = traits(seen);
        let mut members = vec![seen];
        let (joined, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(known, _)| !known.is_disjoint(&traits));
        groups = apart;
        for (known, of_group) in joined {
            traits.extend(known);
            members.extend(of_group);
        }
        groups.push((traits, members));
    }
    groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    let largest = groups.first().map_or(0, |(_, members)| members.len());
    let is_stray = |members: &Vec<&Seen<'_>>| members.len() * STRAYS <= largest || (members.len() == 1 && largest > 2);
    if groups.iter().filter(|(_, members)| !is_stray(members)).count() > 1 {
        let told = groups.iter().map(|(traits, members)| (told(traits), names(members)));
        return Err(Refusal::Mixed(told.collect()));
    }
    let strays = groups.iter().skip(1).flat_map(|(_, members)| names(members)).collect();
    let kept: BTreeSet<&str> =
        groups.first().into_iter().flat_map(|(_, members)| members).map(|seen| name(seen)).collect();
    Ok((all.iter().filter(|seen| kept.contains(name(seen))).collect(), strays))
}

fn name<'a>(seen: &Seen<'a>) -> &'a str {
    &seen.specimen.name
}

fn names(members: &[&Seen<'_>]) -> Vec<String> {
    let mut names: Vec<String> = members.iter().map(|seen| name(seen).to_owned()).collect();
    names.sort();
    names
}

/// Of a group, for people.
fn told(traits: &BTreeSet<String>) -> String {
    traits.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
}

/// By what mails of one system hang together: fields of its own, its program, its sender's domain.
fn traits(seen: &Seen<'_>) -> BTreeSet<String> {
    let mail = seen.mail();
    let fields = own_fields(seen).into_keys().map(|field| format!("header {field}"));
    let program = programs(seen).into_iter().map(|(field, name)| format!("{field} {name}"));
    let sender = mail.sender().map(|sender| format!("mail from {}", sender.domain()));
    fields.chain(program).chain(sender).collect()
}

/// Header fields that no ordinary mail has, with their values.
pub fn own_fields<'a>(seen: &Seen<'a>) -> BTreeMap<&'a str, &'a str> {
    let is_own = |name: &str| {
        let name = name.to_lowercase();
        let family = ORDINARY_FAMILIES.iter().any(|family| name.starts_with(family));
        let program = PROGRAM_FIELDS.iter().any(|field| field.eq_ignore_ascii_case(&name));
        !family && !program && !ORDINARY.contains(&name.as_str()) && !AUTOMATIC_MARKS.contains(&name.as_str())
    };
    let headers = seen.mail().headers.iter().filter(|header| is_own(&header.name) && is_name(&header.name));
    headers.map(|header| (header.name.as_str(), header.value.as_str())).collect()
}

/// A field's name can stand bare in the file.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 60
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Programs that are no person's: the field, and the words of the name in front of its version.
fn programs(seen: &Seen<'_>) -> Vec<(&'static str, String)> {
    let named = PROGRAM_FIELDS.iter().filter_map(|field| Some((*field, seen.mail().header(field)?)));
    let words = |value: &str| {
        let is_word = |word: &&str| word.chars().all(char::is_alphabetic);
        value.split([' ', '/', '-']).take_while(is_word).take(3).collect::<Vec<_>>().join(" ")
    };
    let own = named.map(|(field, value)| (field, words(value)));
    own.filter(|(_, name)| {
        let first = name.split(' ').next().unwrap_or_default().to_lowercase();
        name.len() > 1 && !PEOPLES_PROGRAMS.contains(&first.as_str())
    })
    .collect()
}

/// The signs of the system, the most certain first.
pub fn signs(system: &[&Seen<'_>]) -> Vec<Sign> {
    let mut signs: Vec<Sign> = fields(system).into_iter().chain(program(system)).chain(message_ids(system)).collect();
    if signs.is_empty() {
        signs.extend(sender(system));
    }
    signs
}

fn frequent<K: Ord>(system: &[&Seen<'_>], found: impl IntoIterator<Item = K>) -> Vec<(K, usize)> {
    let mut counts: BTreeMap<K, usize> = BTreeMap::new();
    found.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    let mut frequent: Vec<_> = counts.into_iter().filter(|(_, count)| count * LEAST_PART >= system.len()).collect();
    frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    frequent
}

fn fields(system: &[&Seen<'_>]) -> Option<Sign> {
    let all = system.iter().flat_map(|seen| own_fields(seen).into_keys());
    let chosen: Vec<&str> = frequent(system, all).into_iter().take(MOST_FIELDS).map(|(name, _)| name).collect();
    let has = |seen: &&&Seen<'_>| chosen.iter().any(|name| seen.mail().header(name).is_some());
    let mails = system.iter().filter(has).count();
    let single = |name: &&str| {
        let values: Vec<&str> = system.iter().filter_map(|seen| seen.mail().header(name)).collect();
        let is_number = |value: &&str| value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let numbers = values.iter().all(is_number);
        format!("header = {{ {name} = '{}' }}", if numbers { r"^\d" } else { r"\S" })
    };
    let when = match &chosen[..] {
        [] => return None,
        [only] => single(only),
        several => {
            let each: Vec<String> = several.iter().map(|name| format!("{{ {} }}", single(name))).collect();
            format!("any = [{}]", each.join(", "))
        }
    };
    Some(Sign { certainty: 95, when, mails, doubt: None })
}

fn program(system: &[&Seen<'_>]) -> Option<Sign> {
    let all = system.iter().flat_map(|seen| programs(seen));
    let ((field, name), mails) = frequent(system, all).into_iter().next()?;
    let when = format!("header = {{ {field} = '(?i)^{}\\b' }}", literal(&name));
    let sound = is_sound(&format!("(?i)^{}\\b", literal(&name))) && !name.contains('\'');
    sound.then_some(Sign { certainty: 90, when, mails, doubt: None })
}

/// Its Message-IDs begin with a word, or end in a domain of the system's maker.
fn message_ids(system: &[&Seen<'_>]) -> Vec<Sign> {
    let ids =
        || system.iter().filter_map(|seen| Some((seen, seen.mail().message_id.as_ref()?.as_str().split_once('@')?)));
    let beginnings = ids().filter_map(|(_, (left, _))| beginning(left));
    let mut signs: Vec<Sign> = Vec::new();
    for ((pattern, word), mails) in frequent(system, beginnings).into_iter().take(2) {
        let certainty = if word > 3 { 75 } else { 60 };
        signs.push(Sign { certainty, when: format!("message_id = '{pattern}'"), mails, doubt: None });
    }
    let foreign = ids().filter_map(|(seen, (_, domain))| {
        let theirs = seen.mail().sender().map(|sender| sender.domain().to_lowercase())?;
        let labels: Vec<&str> = domain.rsplitn(3, '.').take(2).collect();
        let base = labels.into_iter().rev().collect::<Vec<_>>().join(".");
        (!theirs.contains(&base.to_lowercase()) && base.contains('.')).then_some(base)
    });
    for (domain, mails) in frequent(system, foreign).into_iter().take(1) {
        let when = format!("message_id = '[@.]{}$'", literal(&domain));
        let doubt =
            format!("is {domain} the system's own name? If other programs mail from there too, delete this sign");
        signs.push(Sign { certainty: 60, when, mails, doubt: Some(doubt) });
    }
    signs.retain(|sign| !sign.when.contains("''"));
    signs
}

/// The beginning of a Message-ID up to its first word, with the length of the word.
fn beginning(left: &str) -> Option<(String, usize)> {
    let mut pattern = "^".to_owned();
    for run in runs(left) {
        pattern.push_str(&run.pattern());
        match run {
            Run::Word(word) if word.len() > 1 => {
                let next = left.find(word).and_then(|at| left[at + word.len()..].chars().next());
                let end = next.filter(|c| !c.is_alphanumeric()).map(|c| literal(&c.to_string())).unwrap_or_default();
                return Some((pattern + &end, word.len()));
            }
            Run::Any(_) | Run::Word(_) => return None,
            Run::Digits(_) | Run::Between(_) => {}
        }
    }
    None
}

fn sender(system: &[&Seen<'_>]) -> Option<Sign> {
    let all = system.iter().filter_map(|seen| seen.mail().sender().map(|sender| sender.as_str().to_lowercase()));
    let (address, mails) = frequent(system, all).into_iter().next()?;
    let when = format!("header = {{ From = '(?i){}' }}", literal(&address));
    let doubt = "nothing in these mails is the system's own, so it is known by your site's address alone; look at the \
                 headers of a mail for something better, and set the unit's dialect in routing.toml"
        .to_owned();
    (!address.contains('\'')).then_some(Sign { certainty: 60, when, mails, doubt: Some(doubt) })
}

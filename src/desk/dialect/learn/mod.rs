//! A dialect file proposed from sample mails of a helpdesk that the desk does not know.
//!
//! It finds by what the mails share and what they do not: the signs of the system, the places of the helpdesk's id, what the
//! mails mean, what is boilerplate. What it is not sure of stands in the file, as a comment that begins with [`UNSURE`] and
//! says what to check. It guesses no pace and no command, and it is no judge: an administrator reads the file.

mod boilerplate;
mod id;
mod kind;
mod page;
mod pattern_text;
mod place;
mod said;
mod sight;
mod sign;
mod subject;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::sample::Expectation;
use super::{Dialect, DialectProblem, Kind, claims};
use crate::desk::tag::{Tags, ticket_by_form};
use crate::mail::{Mail, reply};
use page::Page;

/// How each comment begins that asks for a look.
pub const UNSURE: &str = "UNSURE: ";
/// Mails that are looked at.
pub const SPECIMENS: usize = 1_000;
/// A dialect that claims a mail with less does not really know it.
const KNOWN: u8 = 50;

/// One sample mail, with what is told about it.
#[derive(Clone, Debug)]
pub struct Specimen {
    /// As the administrator knows it: its file.
    pub name: String,
    pub mail: Mail,
    /// What it must mean, where somebody has said so.
    pub told: Option<Told>,
}

/// What somebody says that a sample means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `None`: a plain reply, or nothing.
    pub kind: Option<Kind>,
    pub internal: bool,
    /// `None`: nothing is said about the id.
    pub id: Option<String>,
}

/// A dialect file with its dialect.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub toml: String,
    pub dialect: Dialect,
    /// What it is not sure of, in the order of the file.
    pub doubts: Vec<String>,
}

/// Why nothing is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Empty,
    /// A dialect knows them: so many of all.
    Known {
        dialect: String,
        mails: usize,
        all: usize,
    },
    /// They come from several systems: what each is, and its mails.
    Mixed(Vec<(String, Vec<String>)>),
    /// What was found makes no sound file.
    Unsound(Vec<DialectProblem>),
}

impl Told {
    /// What an `x.toml` says.
    pub fn by(expectation: &Expectation) -> Self {
        Self { kind: expectation.kind, internal: expectation.internal, id: expectation.foreign_id.clone() }
    }

    /// What the name of a file says that begins with a kind, such as `solved-2.eml`.
    pub fn by_name(stem: &str) -> Option<Self> {
        let named = |kind: &Kind| {
            let rest = stem.to_lowercase();
            let rest = rest.strip_prefix(kind.word()).map(str::to_owned);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
        };
        let kind = Kind::ALL.into_iter().find(named)?;
        Some(Self { kind: Some(kind), ..Self::default() })
    }
}

/// A sample as the finders look at it.
struct Seen<'a> {
    specimen: &'a Specimen,
    newest: String,
    /// Of the desk's ticket, where the mail names one.
    thread: Option<u64>,
}

/// Proposes a dialect. `known` are those that there are, `tags` the desk's own.
pub fn learn(
    name: &str,
    specimens: &[Specimen],
    known: &BTreeMap<String, Arc<Dialect>>,
    tags: &Tags,
) -> Result<Proposal, Refusal> {
    let specimens = &specimens[..specimens.len().min(SPECIMENS)];
    refuse_known(specimens, known)?;
    let all: Vec<Seen<'_>> = specimens.iter().map(|specimen| Seen::of(specimen, tags)).collect();
    let (system, strangers) = sign::one_system(&all)?;
    let signs = sign::signs(&system);
    let ids = id::ids(&system, tags);
    let rules = kind::rules(&system, &signs, &ids, tags);
    let cuts = boilerplate::cuts(&system, tags);
    let mut page = Page::default();
    page.about(name, &system, &strangers);
    page.signs(&signs);
    page.ids(&ids);
    page.rules(&rules);
    page.texts(&cuts);
    page.writing(&ids);
    let (toml, doubts) = page.done();
    let dialect = Dialect::parse(name, &toml).map_err(Refusal::Unsound)?;
    Ok(Proposal { toml, dialect, doubts })
}

impl<'a> Seen<'a> {
    fn of(specimen: &'a Specimen, tags: &Tags) -> Self {
        let mail = &specimen.mail;
        let tagged = tags.read(&mail.subject).first().copied();
        let answered = || mail.in_reply_to.iter().chain(&mail.references).find_map(|id| ticket_by_form(id, None));
        let in_text = || tags.read(&mail.text).first().copied();
        let thread = tagged.or_else(answered).or_else(in_text);
        Self { specimen, newest: reply::cut(&mail.text).newest, thread: thread.map(|ticket| ticket.0) }
    }

    fn mail(&self) -> &'a Mail {
        &self.specimen.mail
    }

    /// The name of the person that the mail is from, as texts name it: without `(Jira)` and `via RT`.
    fn person(&self) -> Option<String> {
        let name = self.mail().author.mailbox.as_ref()?.name.as_ref()?;
        let words: Vec<&str> = name.split(' ').take_while(|word| !word.starts_with('(') && *word != "via").collect();
        Some(words.join(" ")).filter(|name| name.len() > 4)
    }
}

/// Mails that a dialect knows are no unknown helpdesk's; with others between them they are of several.
fn refuse_known(specimens: &[Specimen], known: &BTreeMap<String, Arc<Dialect>>) -> Result<(), Refusal> {
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for specimen in specimens {
        let claims = claims(known, &specimen.mail);
        let sure = claims.first().filter(|claim| claim.certainty >= KNOWN);
        if let Some(claim) = sure {
            owners.entry(claim.dialect.name.clone()).or_default().push(specimen.name.clone());
        }
    }
    let claimed: usize = owners.values().map(Vec::len).sum();
    let all = specimens.len();
    match owners.iter().max_by_key(|(_, mails)| mails.len()) {
        _ if all == 0 => Err(Refusal::Empty),
        Some((dialect, mails)) if mails.len() * 2 > all => {
            Err(Refusal::Known { dialect: dialect.clone(), mails: mails.len(), all })
        }
        // One of many may be forwarded, or a user's words.
        Some(_) if claimed * 5 >= all => {
            let named: BTreeSet<&String> = owners.values().flatten().collect();
            let rest = specimens.iter().map(|specimen| &specimen.name).filter(|name| !named.contains(name));
            let rest: Vec<String> = rest.cloned().collect();
            let mut groups: Vec<_> = owners.into_iter().map(|(name, mails)| (format!("`{name}`"), mails)).collect();
            groups.push(("no dialect that is known".to_owned(), rest));
            Err(Refusal::Mixed(groups))
        }
        _ => Ok(()),
    }
}

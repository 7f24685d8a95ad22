//! A dialect file applied to a mail: who wrote it, what it means, which id it carries. Every input is bounded in length, and
//! so is the number of matches that are looked at.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex::{Captures, Regex};

use super::check::Compiled;
use super::escaped::unescaped;
use super::file::{File, Patterns, Place, Rule, SolutionText, When};
use super::{Parameters, Reading};
use crate::desk::tag::{self, normalise};
use crate::mail::parse::{ReadLimits, parse};
use crate::mail::{Mail, reply};

/// Characters of a subject or header that are looked at.
const LINE_CHARS: usize = 1_000;
/// Bytes of a text that are looked at.
const TEXT_BYTES: usize = 64 << 10;
/// Matches of one pattern that are looked at for one that fits the parameters; also header fields of one name, attachments.
pub const MATCHES: usize = 50;
/// Characters of an id.
const ID_CHARS: usize = 100;

/// How an attached form begins, and how many of them are looked at.
const FORM: &[u8] = b"<Ticket>";
const FORMS: usize = 2;

/// What groups of patterns caught, by name.
type Caught = BTreeMap<String, String>;

/// A mail as far as a dialect looks at it.
pub struct View<'a> {
    mail: &'a Mail,
    subject: String,
    /// The newest text, and forms that are attached: they are words of this mail too.
    newest: Cow<'a, str>,
    whole: Cow<'a, str>,
    /// Nothing is left of the newest text without boilerplate.
    wordless: bool,
    parameters: &'a Parameters,
}

impl<'a> View<'a> {
    pub fn new(mail: &'a Mail, newest: &'a str, wordless: bool, parameters: &'a Parameters) -> Self {
        let forms = attached_forms(mail);
        let with_forms = |text| match forms.is_empty() {
            true => Cow::Borrowed(bounded(text)),
            false => Cow::Owned(format!("{}\n{forms}", bounded(text))),
        };
        let subject = normalise(line(&mail.subject));
        Self { mail, subject, newest: with_forms(newest), whole: with_forms(&mail.text), wordless, parameters }
    }

    /// What stands in a place, in the order in which it is looked at.
    pub fn texts_of<'p>(&'p self, place: &'p Place) -> Vec<&'p str> {
        let mail = self.mail;
        match place {
            Place::Header { name, .. } => mail.headers_named(name).take(MATCHES).map(line).collect(),
            Place::MessageId(_) => mail.message_id.iter().map(|id| line(id.as_str())).collect(),
            Place::Reference(_) => {
                let named = mail.in_reply_to.iter().chain(mail.references.iter().rev());
                named.take(MATCHES).map(|id| line(id.as_str())).collect()
            }
            Place::ReplyTo(_) => mail.reply_to.iter().take(MATCHES).map(|one| line(one.address.as_str())).collect(),
            Place::Subject(_) => vec![&self.subject],
            Place::Text(_) => vec![&self.whole],
        }
    }
}

/// A dialect's file with its compiled patterns.
#[derive(Clone, Debug)]
pub struct Reader {
    pub file: File,
    pub patterns: Compiled,
}

impl Reader {
    /// The highest certainty of a sign that holds.
    pub fn recognise(&self, mail: &Mail) -> u8 {
        let nothing = Parameters::new();
        let wordless = self.without_boilerplate(&mail.text).is_empty();
        let view = View::new(mail, &mail.text, wordless, &nothing);
        let holding = self.file.recognise.iter().filter(|sign| self.holds(&sign.when, &view, &mut Caught::new()));
        holding.map(|sign| sign.certainty).max().unwrap_or_default()
    }

    /// Reads one mail.
    pub fn read(&self, mail: &Mail, newest: &str, parameters: &Parameters) -> Reading {
        let newest = if self.file.text.uncut { &mail.text } else { newest };
        let text = self.without_boilerplate(newest);
        let view = View::new(mail, newest, text.is_empty(), parameters);
        let undecided = Reading {
            foreign_id: self.foreign_id(&view),
            text: self.as_written(text),
            watermark: self.watermark(&view),
            tag_in_body: self.file.text.tag_in_body,
            ..Reading::default()
        };
        let decided = self.file.mail.iter().find_map(|rule| Some((rule, self.caught_by(rule, &view)?)));
        let Some((rule, mut values)) = decided else { return undecided };
        let caught = values.remove("id").filter(|id| is_id(id));
        Reading {
            kind: Some(rule.kind),
            rule: rule.name.clone(),
            foreign_id: caught.or(undecided.foreign_id),
            internal: rule.internal,
            solution: self.solution(rule, &view).map(|text| self.as_written(text)),
            solution_attached: rule.solution == SolutionText::Attached,
            last_public: rule.solution == SolutionText::LastPublic,
            tag_in_body: rule.tag_in_body || undecided.tag_in_body,
            values,
            ..undecided
        }
    }

    /// A text for people, as its author wrote it.
    fn as_written(&self, text: String) -> String {
        if self.file.text.escaped { unescaped(&text).into_owned() } else { text }
    }

    /// What the rule's patterns caught, where it holds.
    fn caught_by(&self, rule: &Rule, view: &View<'_>) -> Option<Caught> {
        let mut caught = Caught::new();
        let holds = self.holds(&rule.when, view, &mut caught)
            && !rule.unless.as_ref().is_some_and(|when| self.holds(when, view, &mut Caught::new()));
        holds.then_some(caught)
    }

    /// Whether conditions hold; what their groups caught is added.
    pub fn holds(&self, when: &When, view: &View<'_>, caught: &mut Caught) -> bool {
        let mail = view.mail;
        let mut matches = |patterns: &Option<Patterns>, text: &str| {
            patterns.as_ref().is_none_or(|patterns| self.one_matches(patterns, text, view.parameters, caught))
        };
        matches(&when.subject, &view.subject)
            && matches(&when.message_id, mail.message_id.as_ref().map_or("", |id| line(id.as_str())))
            && matches(&when.text, &view.newest)
            && matches(&when.whole, &view.whole)
            && (!when.wordless || view.wordless)
            && (!when.returned || mail.message_id.iter().any(tag::is_of_a_desk))
            && (!when.answers_desk || mail.in_reply_to.iter().any(tag::is_of_a_desk))
            && when.no_header.iter().all(|name| mail.header(name).is_none())
            && when.header.iter().all(|(name, patterns)| {
                let mut values = mail.headers_named(name).take(MATCHES);
                values.any(|value| self.one_matches(patterns, line(value), view.parameters, caught))
            })
            && (when.any.is_empty() || when.any.iter().any(|one| self.holds(one, view, caught)))
    }

    fn one_matches(&self, patterns: &Patterns, text: &str, parameters: &Parameters, caught: &mut Caught) -> bool {
        let compiled = patterns.iter().filter_map(|source| self.patterns.get(source));
        let mut found = compiled.filter_map(|pattern| Some((pattern, self.first(pattern, text, parameters)?)));
        let Some((pattern, found)) = found.next() else { return false };
        let named = pattern.capture_names().flatten().filter(|name| !self.file.parameters.contains_key(*name));
        let values = named.filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().trim().to_owned())));
        caught.extend(values);
        true
    }

    /// The first match whose groups have the unit's values.
    fn first<'t>(&self, pattern: &Regex, text: &'t str, parameters: &Parameters) -> Option<Captures<'t>> {
        pattern.captures_iter(text).take(MATCHES).find(|found| self.agrees(pattern, found, parameters, false))
    }

    /// Whether every group that is named like a parameter has one of its values. Where there is no value, `open` says
    /// whether anything may stand there: what belongs to this helpdesk is not known then.
    pub fn agrees(&self, pattern: &Regex, found: &Captures<'_>, parameters: &Parameters, open: bool) -> bool {
        let mut named = pattern.capture_names().flatten().filter_map(|name| Some((name, found.name(name)?.as_str())));
        named.all(|(name, value)| match self.value(name, parameters) {
            Some(allowed) => is_value(allowed, value),
            None => open || !self.file.parameters.contains_key(name),
        })
    }

    /// The unit's value of a parameter, or its default.
    pub fn value<'a>(&'a self, name: &str, parameters: &'a Parameters) -> Option<&'a str> {
        let spec = self.file.parameters.get(name)?;
        parameters.get(name).or(spec.default.as_ref()).map(String::as_str)
    }

    fn foreign_id(&self, view: &View<'_>) -> Option<String> {
        self.file.id.iter().find_map(|place| self.id_at(place, view))
    }

    fn id_at(&self, place: &Place, view: &View<'_>) -> Option<String> {
        let pattern = self.patterns.get(place.pattern())?;
        let id_in = |text: &str| {
            let found = self.first(pattern, text, view.parameters)?;
            Some(found.name("id")?.as_str().trim().to_owned()).filter(|id| is_id(id))
        };
        view.texts_of(place).into_iter().find_map(id_in)
    }

    fn solution(&self, rule: &Rule, view: &View<'_>) -> Option<String> {
        if rule.solution == SolutionText::Attached {
            return attached_text(view.mail);
        }
        let hits =
            |patterns: &Patterns, text: &str| self.compiled(patterns.iter()).any(|pattern| pattern.is_match(text));
        let after = rule.solution_after.as_ref()?;
        let ends = |text: &str| rule.solution_until.as_ref().is_some_and(|until| hits(until, text));
        let lines = view.whole.lines().skip_while(|text| !hits(after, line(text))).skip(1);
        let kept: Vec<&str> = lines.take_while(|text| !ends(line(text))).collect();
        Some(kept.join("\n").trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The last one counts, as it does there.
    fn watermark(&self, view: &View<'_>) -> Option<String> {
        let pattern = self.patterns.get(self.file.write.watermark.as_ref()?)?;
        Some(pattern.find_iter(&view.whole).last()?.as_str().trim().to_owned())
    }

    /// The text without what the system wraps around it.
    fn without_boilerplate(&self, newest: &str) -> String {
        let cuts = &self.file.text;
        let bare = self.compiled(cuts.cut.iter()).fold(newest.to_owned(), |text, pattern| {
            if pattern.is_match(&text) { pattern.replace_all(&text, "").into_owned() } else { text }
        });
        let to = self.compiled(cuts.cut_to.iter()).find_map(|pattern| Some(pattern.find(&bare)?.end()));
        let bare = &bare[to.unwrap_or_default()..];
        let behind = |at: usize| bare[at..].find('\n').map_or(bare.len(), |end| at + end + 1);
        let above = self.compiled(cuts.cut_above.iter()).filter_map(|pattern| pattern.find_iter(bare).last());
        let rest = &bare[above.map(|found| behind(found.end())).max().unwrap_or_default()..];
        let below = self.compiled(cuts.cut_below.iter()).filter_map(|pattern| pattern.find(rest));
        let end = below.map(|found| found.start()).min().unwrap_or(rest.len());
        let kept = if end < rest.len() { &rest[..rest[..end].rfind('\n').unwrap_or_default()] } else { rest };
        kept.trim().to_owned()
    }

    fn compiled<'a>(&'a self, sources: impl Iterator<Item = &'a String>) -> impl Iterator<Item = &'a Regex> {
        sources.filter_map(|source| self.patterns.get(source))
    }
}

/// Whether a value is one of a parameter's, of which there may be several with commas between.
pub fn is_value(allowed: &str, value: &str) -> bool {
    allowed.split(',').any(|one| comparable(one) == comparable(value))
}

/// Hooks are compared without case and without what divides them from the number.
fn comparable(value: &str) -> String {
    value.trim().trim_end_matches(':').trim_end().to_lowercase()
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= ID_CHARS && !id.contains(char::is_control)
}

/// What a person wrote in the first attached mail that is not the desk's own.
fn attached_text(mail: &Mail) -> Option<String> {
    let attached = mail.attachments.iter().filter(|attachment| attachment.media_type == "message/rfc822");
    let mails = attached.take(MATCHES).map(|attachment| parse(&attachment.bytes, &ReadLimits::default()));
    let theirs = |mail: &Mail| !mail.message_id.iter().any(tag::is_of_a_desk);
    let text = reply::cut(&mails.into_iter().find(theirs)?.text).newest.trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// Texts of attached `<Ticket>` forms.
fn attached_forms(mail: &Mail) -> String {
    let is_form = |bytes: &&[u8]| bytes.len() <= TEXT_BYTES && bytes.windows(FORM.len()).any(|part| part == FORM);
    let contents = mail.attachments.iter().take(MATCHES).map(|attachment| attachment.bytes.as_slice());
    let forms = contents.filter(is_form).take(FORMS);
    forms.map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
}

/// The beginning of a header or subject.
pub fn line(text: &str) -> &str {
    text.char_indices().nth(LINE_CHARS).map_or(text, |(at, _)| &text[..at])
}

/// The beginning of a text.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

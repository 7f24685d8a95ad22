//! Checks a template before anybody gets a mail of it, and says what is wrong so that it can be put right.
//!
//! Beside the syntax and the names of fields it holds a template to what the desk relies on: the tag near the top, the
//! words of the other side in it, the machine block last.

use std::fmt;
use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind};
use regex::Regex;

use super::template::{File, body, engine_name};
use crate::desk::decision::{Template, Words};

/// The tag stands in one of the first lines of a mail: some helpdesks give back no more (OTRS six lines).
const TAG_WITHIN: usize = 5;

/// Something wrong with a template file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// Path of the file or folder.
    pub file: String,
    /// Line, from 1, where one can be named.
    pub line: Option<usize>,
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!("{line}:")).unwrap_or_default();
        write!(f, "{}:{line} {}; {}", self.file, self.message, self.hint)
    }
}

impl std::error::Error for TemplateProblem {}

/// Everything that is wrong with a file. Its syntax is right: the engine has taken it.
pub(super) fn check(engine: &Environment<'_>, file: &File) -> Vec<TemplateProblem> {
    let Ok(template) = engine.get_template(&engine_name(file.template, file.language)) else { return Vec::new() };
    let mut problems: Vec<_> = template
        .undeclared_variables(true)
        .into_iter()
        .filter(|name| !fields().contains(name))
        .map(|name| unknown_field(file, &name))
        .collect();
    problems.extend(unknown_words(engine, file));
    problems.extend(subject_line(file));
    if problems.is_empty() {
        let renders = [full(), Words::default()].map(|words| template.render(Serde(&words)));
        let failed = renders.iter().find_map(|rendered| rendered.as_ref().err());
        problems.extend(failed.map(|error| problem_of(file, error)));
        if let [Ok(rendered), Ok(_)] = &renders {
            problems.extend(lacks(file, &body(rendered)));
        }
    }
    problems.sort_by(|one, two| (one.line, &one.message).cmp(&(two.line, &two.message)));
    problems
}

/// What the engine says about a file.
pub(super) fn problem_of(file: &File, error: &Error) -> TemplateProblem {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let hint = match error.kind() {
        ErrorKind::SyntaxError => "every `{{` needs its `}}`, every `{% if … %}` its `{% endif %}`",
        ErrorKind::UnknownFilter => "use a filter of the Jinja language, such as `upper` or `trim`, or `name`",
        ErrorKind::UnknownTest => "use a test of the Jinja language, such as `startingwith(\"x\")`",
        ErrorKind::OutOfFuel => "make it do less, a mail needs no long loops",
        _ => "mail-templates/README.md shows what a template can do",
    };
    TemplateProblem { file: file.path.clone(), line: error.line(), message, hint: hint.to_owned() }
}

/// The names that a template can use, in the order of the alphabet.
pub(super) fn fields() -> Vec<String> {
    let words = serde_json::to_value(Words::default()).unwrap_or_default();
    words.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

fn unknown_field(file: &File, name: &str) -> TemplateProblem {
    let fields = fields();
    let (field, part) = name.split_once('.').unwrap_or((name, ""));
    let (message, hint) = if fields.iter().any(|known| known == field) {
        let hint = format!("write `{{{{ {field} }}}}`, or a filter such as `{{{{ {field}|upper }}}}`");
        (format!("`{field}` is plain text and has no part `{part}`"), hint)
    } else {
        let known = fields.join(", ");
        let hint = match nearest(field, fields.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? The fields are {known}"),
            None => format!("the fields are {known}"),
        };
        (format!("there is no field `{field}`"), hint)
    };
    TemplateProblem { file: file.path.clone(), line: line_of(&file.text, field), message, hint }
}

/// Filters and tests that the engine does not know. It would tell only when it comes to them, which may be in a branch
/// that no sample takes.
fn unknown_words(engine: &Environment<'_>, file: &File) -> Vec<TemplateProblem> {
    static TAG: Pattern = LazyLock::new(|| Regex::new(r"(?s)\{[{%].*?[%}]\}").ok());
    static LITERAL: Pattern = LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"#).ok());
    static USE: Pattern = LazyLock::new(|| Regex::new(r"\|\s*([A-Za-z_][\w.]*)|\bis\s+(?:not\s+)?([A-Za-z_]\w*)").ok());
    let (Some(tag), Some(literal), Some(used)) = (TAG.as_ref(), LITERAL.as_ref(), USE.as_ref()) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for found in tag.find_iter(&file.text) {
        let line = file.text[..found.start()].matches('\n').count() + 1;
        for used in used.captures_iter(&literal.replace_all(found.as_str(), "0")) {
            let probe = match (used.get(1), used.get(2)) {
                (Some(filter), _) => format!("{{{{ ''|{} }}}}", filter.as_str()),
                (_, Some(test)) => format!("{{{{ '' is {} }}}}", test.as_str()),
                _ => continue,
            };
            let error = engine.render_str(&probe, ()).err();
            let unknown = |error: &Error| matches!(error.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest);
            let problem = error.filter(unknown).map(|error| problem_of(file, &error));
            problems.extend(problem.map(|problem| TemplateProblem { line: Some(line), ..problem }));
        }
    }
    problems
}

type Pattern = LazyLock<Option<Regex>>;

/// The first line that has a word, tags before prose.
fn line_of(text: &str, word: &str) -> Option<usize> {
    let has = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word);
    let in_tag = text.lines().position(|line| has(line) && (line.contains("{{") || line.contains("{%")));
    in_tag.or_else(|| text.lines().position(has)).map(|at| at + 1)
}

/// The known word that a wrong one is nearest to, where one is near.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(&word.to_lowercase(), known);
    let best = known.map(|known| (distance(known), known)).min()?;
    (best.0 <= 1 + word.chars().count() / 4).then_some(best.1)
}

/// A mail-shaped file, with headers on top, comes from another program, or from a wrong idea.
fn subject_line(file: &File) -> Option<TemplateProblem> {
    let at = file.text.lines().take(3).position(|line| line.to_lowercase().starts_with("subject:"))?;
    Some(TemplateProblem {
        file: file.path.clone(),
        line: Some(at + 1),
        message: "a template has no subject line".to_owned(),
        hint: "take the line out: the desk makes the subject, one form for the life of a ticket".to_owned(),
    })
}

/// What every mail of this kind must have, looked for in one that was filled with sample words.
fn lacks(file: &File, mail: &str) -> Vec<TemplateProblem> {
    let sample = full();
    let mut lacking = Vec::new();
    let tag_on_top = mail.lines().take(TAG_WITHIN).any(|line| line.contains(&sample.tag));
    if !tag_on_top
        && !matches!(
            file.template,
            Template::Announcement | Template::Digest | Template::OperatorNotice | Template::TriageDigest
        )
    {
        lacking.push((
            format!("`{{{{ tag }}}}` is not in the first {TAG_WITHIN} lines"),
            "put it there: helpdesks that change the subject find their way back by it".to_owned(),
        ));
    }
    if needs_text(file.template) && !mail.contains(&sample.text) {
        let hint = "put it in: without it the mail says nothing";
        lacking.push(("`{{ text }}` is missing".to_owned(), hint.to_owned()));
    }
    if file.template == Template::Dispatch && !mail.ends_with(&format!("\n\n{}\n", sample.block)) {
        let hint = "put it there, after a blank line and with nothing behind it: machines look for it at the end";
        lacking.push(("`{{ block }}` is not the last thing".to_owned(), hint.to_owned()));
    }
    let problem = |(message, hint)| TemplateProblem { file: file.path.clone(), line: None, message, hint };
    lacking.into_iter().map(problem).collect()
}

fn needs_text(template: Template) -> bool {
    matches!(
        template,
        Template::Announcement
            | Template::Alarm
            | Template::Comment
            | Template::CommentUnit
            | Template::Digest
            | Template::Dispatch
            | Template::LineNotUnderstood
            | Template::OperatorNotice
            | Template::Question
            | Template::ReopenedUnit
            | Template::SiteCopy
            | Template::Solution
            | Template::TpmNotice
            | Template::TriageDigest
            | Template::Unsolved
    )
}

/// Words with a value in every field, none of which occurs in another.
fn full() -> Words {
    let pairs = fields().into_iter().map(|name| {
        let value = match name.as_str() {
            "block" => "TICKET: 57890\nNOTIFIED SITE: INFN-T1".to_owned(),
            "reopen_days" => "10".to_owned(),
            "tag" => "[GGUS:57890]".to_owned(),
            _ => format!("sample-{name}-value"),
        };
        (name, serde_json::Value::String(value))
    });
    serde_json::from_value(serde_json::Value::Object(pairs.collect())).unwrap_or_default()
}

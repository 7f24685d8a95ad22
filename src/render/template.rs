//! The texts of mails: templates per language, checked when they are loaded, filled without fail.
//!
//! A template is the body of a mail and nothing else, with a comment `{# … #}` in its first line if it likes. The subject
//! is not in it: a ticket has one subject for its whole life, and the desk makes it. A template can name the fields of
//! [`Words`] and no others. Values are data: nothing in them is ever read as a template.

use std::path::Path;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::check::{self, TemplateProblem};
use super::{built_in, folder, words};
use crate::desk::decision::{Template, Words};
use crate::mail::language::Language;

/// What one mail may cost: instructions, and one for each 64 octets of text. A description of a million letters in
/// Cyrillic is some 30,000.
const FUEL: u64 = 1_000_000;

/// All templates in all languages. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Templates {
    engine: Arc<Environment<'static>>,
}

/// One template file.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub template: Template,
    pub language: Language,
    pub text: String,
    /// As it is named to an operator.
    pub path: String,
}

impl Templates {
    /// The templates that come with the program.
    pub fn built_in() -> Self {
        Self::of(&built_in_files()).0
    }

    /// The same, with those replaced for which `overrides` has a file `<language>/<name>.txt`.
    ///
    /// Every template is checked and filled with sample words once, so that none can fail later. The error lists all
    /// problems of all files.
    pub fn load(overrides: Option<&Path>) -> Result<Self, Vec<TemplateProblem>> {
        let (own, mut problems) = overrides.map(folder::read).unwrap_or_default();
        let mut files = built_in_files();
        files.retain(|file| !own.iter().any(|own| (own.template, own.language) == (file.template, file.language)));
        files.extend(own);
        let (templates, broken) = Self::of(&files);
        problems.extend(broken);
        problems.extend(files.iter().flat_map(|file| check::check(&templates.engine, file)));
        if problems.is_empty() { Ok(templates) } else { Err(problems) }
    }

    /// The body of a mail, line ends `\n`, one at its end. A language without this template gets the English one.
    ///
    /// Never fails: where a template can't be filled after all, the mail is its tag and its text.
    pub fn fill(&self, template: Template, language: Language, words: &Words) -> String {
        let words = words::harmless(template, words);
        let tried = [language, Language::En].into_iter().find_map(|language| self.render(template, language, &words));
        tried.unwrap_or_else(|| bare(&words))
    }

    fn render(&self, template: Template, language: Language, words: &Words) -> Option<String> {
        let found = self.engine.get_template(&engine_name(template, language)).ok()?;
        found.render(Serde(words)).ok().map(|text| body(&text))
    }

    /// Templates of these files, without those whose syntax is wrong.
    fn of(files: &[File]) -> (Self, Vec<TemplateProblem>) {
        let mut engine = engine();
        let mut problems = Vec::new();
        for file in files {
            let name = engine_name(file.template, file.language);
            if let Err(error) = engine.add_template_owned(name, file.text.clone()) {
                problems.push(check::problem_of(file, &error));
            }
        }
        (Self { engine: Arc::new(engine) }, problems)
    }
}

/// The name under which the engine knows a template; it is also its path in a folder of templates.
pub(super) fn engine_name(template: Template, language: Language) -> String {
    format!("{}/{}.txt", language.code(), template.name())
}

fn built_in_files() -> Vec<File> {
    let files = built_in::FILES.iter().map(|&(template, language, text)| File {
        template,
        language,
        text: text.to_owned(),
        path: format!("mail-templates/{} (built in)", engine_name(template, language)),
    });
    files.collect()
}

/// An engine in which only known fields can be named, tags on lines of their own leave no blank line, and nothing is
/// escaped: a mail is plain text.
pub(super) fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    if let Ok(syntax) = syntax {
        engine.set_syntax(syntax);
    }
    engine.add_filter("name", |person: &str| words::name_in(person));
    engine
}

/// A filled template without blank lines at its ends.
pub(super) fn body(text: &str) -> String {
    format!("{}\n", text.trim_start_matches('\n').trim_end())
}

/// What is left to say when there is no template.
fn bare(words: &Words) -> String {
    let parts = [&words.tag, &words.title, &words.text, &words.cut, &words.desk, &words.block];
    let filled: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
    body(&filled.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine_with(text: &str) -> Templates {
        let file = File {
            template: Template::Comment,
            language: Language::En,
            text: text.to_owned(),
            path: "en/comment.txt".to_owned(),
        };
        Templates::of(&[file]).0
    }

    fn words(text: &str) -> Words {
        Words { tag: "[GGUS:1]".into(), text: text.into(), author: "Anna".into(), ..Words::default() }
    }

    #[test]
    fn the_templates_that_come_with_the_program_are_without_fault() {
        let problems = Templates::load(None).err().unwrap_or_default();
        assert!(problems.is_empty(), "{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn values_are_data_and_never_templates() {
        let body = engine_with("{{ tag }} {{ text }}").fill(
            Template::Comment,
            Language::En,
            &words("{{ desk_address }} {% for x in range(9) %}{# gone #}{% endfor %} <b>&amp;</b>"),
        );
        assert_eq!(body, "[GGUS:1] {{ desk_address }} {% for x in range(9) %}{# gone #}{% endfor %} <b>&amp;</b>\n");
    }

    #[test]
    fn a_language_without_the_template_gets_english() {
        let templates = Templates::built_in();
        for language in Language::ALL {
            let dispatch = templates.fill(Template::Dispatch, language, &words("x"));
            assert_eq!(dispatch, templates.fill(Template::Dispatch, Language::En, &words("x")));
        }
    }

    #[test]
    fn a_template_that_fails_after_all_leaves_tag_and_text() {
        for broken in ["{{ nothing }}", "{% for x in text %}", "{% for a in range(999999) %}{{ text }}{% endfor %}"] {
            let body = engine_with(broken).fill(Template::Comment, Language::Fr, &words("My words"));
            assert_eq!(body, "[GGUS:1]\n\nMy words\n", "{broken}");
        }
    }

    #[test]
    fn an_absent_value_leaves_no_gap() {
        let body = engine_with("{# comment #}\na\n{% if vo %}\n{{ vo }}\n{% endif %}\nb{{ \" \" ~ vo if vo }}.\n\n")
            .fill(Template::Comment, Language::En, &words(""));
        assert_eq!(body, "a\nb.\n");
    }

    #[test]
    fn a_long_text_does_not_run_out_of_fuel() {
        let long = "ж".repeat(1_000_000);
        let body = Templates::built_in().fill(Template::Comment, Language::Ru, &words(&long));
        assert!(body.contains(&long) && body.contains("С уважением"));
    }
}

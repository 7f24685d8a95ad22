//! Reads a folder of templates that an operator has made: `<language>/<name>.txt`. The one file here that does I/O.
//!
//! Nothing in the folder is passed over in silence but what could not be meant as a template: a README beside the
//! languages, hidden files, and the copies that editors leave (`~`).

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::check::{TemplateProblem, nearest};
use super::template::File;
use crate::desk::decision::Template;
use crate::mail::language::Language;

/// Largest template file, in octets.
const LARGEST: u64 = 64 << 10;

/// All templates of a folder, and all that is wrong with what lies there.
pub(super) fn read(folder: &Path) -> (Vec<File>, Vec<TemplateProblem>) {
    let mut found = Found::default();
    for path in found.entries(folder) {
        let name = name_of(&path);
        if path.is_dir() {
            match Language::ALL.into_iter().find(|language| language.code() == name) {
                Some(language) => found.language(&path, language),
                None => found.unknown_language(&path),
            }
        } else if !name.to_lowercase().starts_with("readme") {
            let hint = "put it into the folder of its language, such as en, or take it away";
            found.wrong(&path, "is not in the folder of a language", hint);
        }
    }
    (found.files, found.problems)
}

#[derive(Default)]
struct Found {
    files: Vec<File>,
    problems: Vec<TemplateProblem>,
}

impl Found {
    fn language(&mut self, folder: &Path, language: Language) {
        for path in self.entries(folder) {
            let name = name_of(&path);
            let stem = name.strip_suffix(".txt").unwrap_or_default();
            match Template::ALL.into_iter().find(|template| template.name() == stem) {
                None => self.unknown_template(&path, &name),
                Some(template) => match text_of(&path) {
                    Ok(text) => self.files.push(File { template, language, text, path: shown(&path) }),
                    Err((message, hint)) => self.wrong(&path, &message, hint),
                },
            }
        }
    }

    /// What lies in a folder, by name.
    fn entries(&mut self, folder: &Path) -> Vec<PathBuf> {
        let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut paths: Vec<PathBuf> = listed.unwrap_or_else(|error: std::io::Error| {
            let hint = "make it readable, or take the setting out to use the templates that are built in";
            self.wrong(folder, &format!("can't be read: {error}"), hint);
            Vec::new()
        });
        paths.retain(|path| !name_of(path).starts_with('.') && !name_of(path).ends_with('~'));
        paths.sort();
        paths
    }

    fn unknown_language(&mut self, path: &Path) {
        let known = Language::ALL.map(Language::code);
        let hint = format!("the desk writes {}; rename the folder or take it away", known.join(", "));
        self.wrong(path, "is no language of the desk", &hint);
    }

    fn unknown_template(&mut self, path: &Path, name: &str) {
        let known = Template::ALL.map(Template::name);
        let stem = name.split('.').next().unwrap_or_default();
        let hint = match nearest(stem, known.into_iter()) {
            Some(near) => format!("did you mean {near}.txt? The templates are {}", known.join(", ")),
            None => format!("rename it or take it away; the templates are {}", known.join(", ")),
        };
        self.wrong(path, "is no template", &hint);
    }

    fn wrong(&mut self, path: &Path, message: &str, hint: &str) {
        let (message, hint) = (message.to_owned(), hint.to_owned());
        self.problems.push(TemplateProblem { file: shown(path), line: None, message, hint });
    }
}

/// The text of a file, or a message and a hint.
fn text_of(path: &Path) -> Result<String, (String, &'static str)> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| (format!("can't be read: {error}"), "make it readable for the user that runs the gateway"))?;
    if bytes.len() as u64 > LARGEST {
        return Err((format!("is larger than {} KiB", LARGEST >> 10), "a mail to a person is short, shorten it"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        (format!("is not UTF-8 (line {line})"), "save it as UTF-8")
    })?;
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.display().to_string()).unwrap_or_default()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::template::Templates;
    use super::*;
    use crate::desk::decision::Words;

    /// A folder with these files; their problems, with the folder's own path cut off.
    fn problems(files: &[(&str, &[u8])]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let found = Templates::load(Some(folder.path())).err().unwrap_or_default();
        let root = format!("{}/", folder.path().display());
        found.iter().map(|problem| problem.to_string().replace(&root, "")).collect()
    }

    #[test]
    fn a_file_replaces_the_built_in_template_of_its_language() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("it")).unwrap();
        fs::write(folder.path().join("it/comment.txt"), "{# mine #}\r\n{{ tag }}: {{ text|upper }} {{ text }}\r\n")
            .unwrap();
        let templates = Templates::load(Some(folder.path())).unwrap();
        let words = Words { tag: "[GGUS:1]".into(), text: "ciao".into(), ..Words::default() };
        assert_eq!(templates.fill(Template::Comment, Language::It, &words), "[GGUS:1]: CIAO ciao\n");
        let built_in = Templates::built_in();
        for (template, language) in [(Template::Comment, Language::De), (Template::Receipt, Language::It)] {
            assert_eq!(templates.fill(template, language, &words), built_in.fill(template, language, &words));
        }
    }

    #[test]
    fn the_folder_of_the_project_can_itself_be_used() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mail-templates");
        assert!(Templates::load(Some(&folder)).is_ok());
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_place() {
        let found = problems(&[
            ("en/receipt.txt", b"{{ tag }}\n\nHello,\n{{ tiket }} and {{ flavour }}\n"),
            ("en/comment.txt", b"{{ tag }}\n{% if text %}\n{{ text }}\n"),
            ("en/dispatch.txt", b"{{ tag }} {{ text }}\n{{ block }}\nRegards\n"),
            ("de/solution.txt", b"Hallo\n\n\n\n\n{{ tag }}\n"),
            ("it/question.txt", b"Subject: {{ tag }}\n\n{{ text }}\n"),
            ("fr/recipt.txt", b"x"),
            ("ru/comment.txt", b"{{ tag }}\n\xff"),
            (
                "ru/unsolved.txt",
                b"{{ tag }} {{ text.html }}\n{{ \"|none\" }}\n{% if vo is shiny %}{{ text | sparkle }}{% endif %}",
            ),
        ]);
        let known = "author, block, created, cut, desk, desk_address, foreign_id, hints, kind, known, other_unit, \
                     priority, quoted, refusal, reopen_days, site, status, submitter, tag, text, ticket, title, type_of_problem, unit, vo";
        let templates = Template::ALL.map(Template::name).join(", ");
        let wanted = [
            format!("fr/recipt.txt: is no template; did you mean receipt.txt? The templates are {templates}"),
            "ru/comment.txt: is not UTF-8 (line 2); save it as UTF-8".to_owned(),
            "en/comment.txt:3: unexpected end of input, expected end of block; every `{{` needs its `}}`, every \
             `{% if … %}` its `{% endif %}`"
                .to_owned(),
            "de/solution.txt: `{{ tag }}` is not in the first 5 lines; put it there: helpdesks that change the subject \
             find their way back by it"
                .to_owned(),
            "de/solution.txt: `{{ text }}` is missing; put it in: without it the mail says nothing".to_owned(),
            "en/dispatch.txt: `{{ block }}` is not the last thing; put it there, after a blank line and with nothing \
             behind it: machines look for it at the end"
                .to_owned(),
            format!("en/receipt.txt:4: there is no field `flavour`; the fields are {known}"),
            format!("en/receipt.txt:4: there is no field `tiket`; did you mean `ticket`? The fields are {known}"),
            "it/question.txt:1: a template has no subject line; take the line out: the desk makes the subject, one form \
             for the life of a ticket"
                .to_owned(),
            "ru/unsolved.txt:1: `text` is plain text and has no part `html`; write `{{ text }}`, or a filter such as `{{ text|upper }}`".to_owned(),
            "ru/unsolved.txt:3: filter sparkle is unknown; use a filter of the Jinja language, such as `upper` or `trim`, or `name`".to_owned(),
            "ru/unsolved.txt:3: test shiny is unknown; use a test of the Jinja language, such as `startingwith(\"x\")`".to_owned(),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_field_has_no_parts() {
        let found = problems(&[("en/comment.txt", b"{{ tag }}\n{{ text.html }} {{ text }}")]);
        let wanted = "en/comment.txt:2: `text` is plain text and has no part `html`; write `{{ text }}`, or a filter such \
                      as `{{ text|upper }}`";
        assert_eq!(found, [wanted]);
    }

    #[test]
    fn what_is_no_template_is_passed_over_or_told() {
        assert_eq!(
            problems(&[("README.md", b"x"), (".git/x", b"x"), ("en/.swp", b"x"), ("en/comment.txt~", b"x")]),
            [""; 0]
        );
        let found = problems(&[("notes.txt", b"x"), ("pl/comment.txt", b"x")]);
        let languages = "the desk writes de, en, es, fr, it, ru; rename the folder or take it away";
        assert_eq!(found, [
            "notes.txt: is not in the folder of a language; put it into the folder of its language, such as en, or take \
             it away"
                .to_owned(),
            format!("pl: is no language of the desk; {languages}"),
        ]);
        let large = problems(&[("en/comment.txt", &[b'x'; 70_000])]);
        assert_eq!(large, ["en/comment.txt: is larger than 64 KiB; a mail to a person is short, shorten it"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_problem() {
        let found = Templates::load(Some(Path::new("no/such/folder"))).unwrap_err();
        assert_eq!((found.len(), found[0].file.as_str()), (1, "no/such/folder"));
        assert!(found[0].message.starts_with("can't be read: "), "{}", found[0]);
    }
}

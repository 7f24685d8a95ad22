//! The text of an announcement: a file with a line `Subject: …`, a blank line, and the body. Both are templates like those
//! of other mails; they can name the unit and the desk. The file is an operator's, and what is wrong in it is said.

use minijinja::Environment;
use minijinja::value::Serde;

use super::template::{body, engine};
use crate::desk::decision::Words;

/// A text whose syntax is right.
#[derive(Debug)]
pub struct Announcement {
    engine: Environment<'static>,
}

impl Announcement {
    /// Reads a file's text; the error says what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, text) = text.split_once('\n').unwrap_or((text, ""));
        let subject = head.strip_prefix("Subject:").map(str::trim).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or("its first line is no subject; begin it with \"Subject: …\" and a blank line")?;
        if text.trim().is_empty() {
            return Err("it has no text; write it below the subject and a blank line".to_owned());
        }
        let mut engine = engine();
        for (name, text) in [("subject", subject), ("body", text)] {
            engine.add_template_owned(name, text.to_owned()).map_err(|error| of_engine(name, &error))?;
        }
        Ok(Self { engine })
    }

    /// Subject and body with words.
    pub fn fill(&self, words: &Words) -> Result<(String, String), String> {
        let filled = |name: &str| {
            let template = self.engine.get_template(name).map_err(|error| of_engine(name, &error))?;
            template.render(Serde(words)).map_err(|error| of_engine(name, &error))
        };
        let subject = filled("subject")?.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok((subject, body(&filled("body")?)))
    }
}

fn of_engine(part: &str, error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(", line {line}")).unwrap_or_default();
    format!("its {part}{line}: {error}; it can name {{{{ unit }}}}, {{{{ desk }}}} and {{{{ desk_address }}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<(String, String), String> {
        let words = Words { unit: "ROC_Italy".into(), desk: "GGUS Support".into(), ..Words::default() };
        Announcement::parse(text).and_then(|announcement| announcement.fill(&words))
    }

    #[test]
    fn subject_and_body_are_filled() {
        let text = "Subject: {{ desk }} and {{ unit }}\n\nDear {{ unit }},\n\nwe begin.\n";
        let wanted = ("GGUS Support and ROC_Italy".to_owned(), "Dear ROC_Italy,\n\nwe begin.\n".to_owned());
        assert_eq!(filled(text), Ok(wanted));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("Dear all,\n\nhello", "no subject"),
            ("Subject: x\n\n", "no text"),
            ("Subject: x\n\n{{ unit", "its body, line"),
            ("Subject: {{ helpdesk }}\n\nx", "its subject"),
        ] {
            let error = filled(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}

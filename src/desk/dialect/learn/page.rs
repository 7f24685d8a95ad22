//! The text of the proposed file. What is not sure stands right above what it is about.

use super::boilerplate::Cuts;
use super::kind::{Rule, Rules};
use super::place::{IdPlace, Ids};
use super::sight::{Frame, Local};
use super::sign::Sign;
use super::{Seen, UNSURE};

/// Characters of a line of a comment.
const WIDTH: usize = 118;

/// Lines, and the doubts in them.
#[derive(Default)]
pub struct Page {
    lines: Vec<String>,
    doubts: Vec<String>,
}

/// A text as TOML: as it stands, where it can.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(patterns: &[String]) -> String {
    let quoted: Vec<String> = patterns.iter().map(|pattern| quoted(pattern)).collect();
    match &quoted[..] {
        [only] => format!("[{only}]"),
        several => format!("[\n    {},\n]", several.join(",\n    ")),
    }
}

fn mails(count: usize) -> String {
    if count == 1 { "1 mail".to_owned() } else { format!("{count} mails") }
}

impl Page {
    pub fn done(self) -> (String, Vec<String>) {
        (self.lines.join("\n") + "\n", self.doubts)
    }

    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// A comment, wrapped.
    fn comment(&mut self, text: &str) {
        let mut line = "#".to_owned();
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        for word in text.split_whitespace() {
            if line.chars().count() + word.chars().count() >= WIDTH && line.len() > 1 {
                self.lines.push(std::mem::replace(&mut line, "#  ".to_owned()));
            }
            line.push(' ');
            line.push_str(word);
        }
        self.lines.push(line);
    }

    fn doubt(&mut self, text: &str) {
        self.comment(&format!("{UNSURE}{text}"));
        self.doubts.push(text.to_owned());
    }

    pub fn about(&mut self, name: &str, system: &[&Seen<'_>], strangers: &[String]) {
        self.comment(&format!(
            "Proposed from {} by `dialect learn`. Look at each line that begins with UNSURE, change what is wrong, and \
             delete the comment.",
            mails(system.len())
        ));
        for stranger in strangers {
            self.doubt(&format!("{stranger} shares nothing with the other mails and was left out"));
        }
        if system.len() == 1 {
            self.doubt(
                "this is one mail: whatever is in it looks like the system's own; learn from mails of several tickets",
            );
        }
        self.line("");
        self.doubt("what is it, and which versions?");
        self.line(format!("about = {}", quoted(name)));
        self.doubt("what should its administrator set so that the desk hears of new, answered and closed tickets?");
        self.line("advice = \"Leave the mails to the desk's address switched on.\"");
    }

    pub fn signs(&mut self, signs: &[Sign]) {
        for Sign { certainty, when, mails: count, doubt } in signs {
            self.line("");
            self.comment(&format!("In {}.", mails(*count)));
            doubt.iter().for_each(|doubt| self.doubt(doubt));
            self.line("[[recognise]]");
            self.line(format!("certainty = {certainty}"));
            self.line(format!("when = {{ {when} }}"));
        }
        if signs.is_empty() {
            self.line("");
            self.doubt("nothing was found by which it could be known; set the unit's dialect in routing.toml");
        }
    }

    pub fn ids(&mut self, ids: &Ids) {
        self.line("");
        ids.doubts.iter().for_each(|doubt| self.doubt(doubt));
        if let Some(first) = ids.tags.first() {
            self.doubt(
                "what stands in front of the number seems to be your site's own, a name of the installation or a queue: it is \
                 a parameter that a unit sets; the default is what these mails have",
            );
            self.line("[parameters.tag]");
            self.line("about = \"what stands in front of the number in the subject; several with commas\"");
            self.line(format!("example = {}", quoted(first)));
            self.line(format!("default = {}", quoted(&ids.tags.join(", "))));
            self.line("");
        }
        for IdPlace { frame, pattern, mails: count, agreeing, doubts } in &ids.places {
            self.comment(&format!("In {}; in {agreeing} of them another place has the same.", mails(*count)));
            doubts.iter().for_each(|doubt| self.doubt(doubt));
            self.line("[[id]]");
            let pattern = quoted(pattern);
            self.line(match frame {
                Frame::Field { name, .. } => format!("header = {{ name = {}, pattern = {pattern} }}", quoted(name)),
                Frame::Bracket { .. } | Frame::Behind { .. } => format!("subject = {pattern}"),
                Frame::Local { place: Local::MessageId, .. } => format!("message_id = {pattern}"),
                Frame::Local { place: Local::Reference, .. } => format!("reference = {pattern}"),
                Frame::Local { place: Local::ReplyTo, .. } => format!("reply_to = {pattern}"),
                Frame::Text { .. } => format!("text = {pattern}"),
            });
            self.line("");
        }
    }

    pub fn rules(&mut self, rules: &Rules) {
        for Rule { name, kind, internal, when, unless, last_public, samples, doubts } in &rules.rules {
            let more = if samples.len() > 4 { format!(" and {} more", samples.len() - 4) } else { String::new() };
            let named: Vec<&str> = samples.iter().take(4).map(String::as_str).collect();
            self.comment(&format!("Shown by {}{more}.", named.join(", ")));
            doubts.iter().for_each(|doubt| self.doubt(doubt));
            self.line("[[mail]]");
            self.line(format!("name = {}", quoted(name)));
            self.line(format!("kind = \"{}\"", kind.word()));
            if *internal {
                self.line("internal = true");
            }
            self.line(format!("when = {{ {when} }}"));
            unless.iter().for_each(|unless| self.line(format!("unless = {{ {unless} }}")));
            if *last_public {
                self.line("solution = \"last-public\"");
            }
            self.line("");
        }
        rules.doubts.iter().for_each(|doubt| self.doubt(doubt));
        if !rules.doubts.is_empty() {
            self.line("");
        }
    }

    pub fn texts(&mut self, cuts: &Cuts) {
        let lists = [
            (
                "cut_to",
                &cuts.to,
                "what stands in front of the solution goes, with its label; does it for other mails, too?",
            ),
            (
                "cut_above",
                &cuts.above,
                "lines down to here are the same in several mails; does a person ever write above them?",
            ),
            (
                "cut_below",
                &cuts.below,
                "lines from here on are the same in several mails; does a person ever write below them?",
            ),
        ];
        if lists.iter().all(|(_, patterns, _)| patterns.is_empty()) {
            return;
        }
        self.line("[text]");
        for (key, patterns, doubt) in lists.into_iter().filter(|(_, patterns, _)| !patterns.is_empty()) {
            self.doubt(doubt);
            let sources: Vec<String> = patterns.iter().map(|(pattern, _)| pattern.clone()).collect();
            self.line(format!("{key} = {}", list(&sources)));
        }
        self.line("");
    }

    pub fn writing(&mut self, ids: &Ids) {
        self.line("[write]");
        if let Some(tag) = &ids.own_tag {
            self.doubt("does it find its ticket by this in the subject of an answer? Answer one of its mails and see");
            self.line(format!("own_tag = {}", quoted(tag)));
        }
        let read: Vec<String> =
            ids.places.iter().filter(|place| place.is_in_subject()).map(|place| place.without_id()).collect();
        if !read.is_empty() {
            self.doubt("what else in a subject would it take for a number of its own?");
            self.line(format!("reads_as_id = {}", list(&read)));
        }
        self.doubt("mails do not show how many of them it answers: where its administrator knows a limit, set pace = { mails = …, window = \"…\" }");
        self.doubt("mails do not show whether any answer opens a closed ticket again: if so, set mail_reopens = true");
    }
}

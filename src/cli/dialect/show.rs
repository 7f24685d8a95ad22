//! `dialect show`: one dialect in words, in the order in which its file is worked through.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::super::{Failure, print};
use super::{named, origin};
use crate::config::dialects::DialectFile;
use crate::desk::dialect::file::{File, ParameterSpec, Patterns, Place, Rule, SolutionText, Text, When, Write};
use crate::desk::dialect::{BlockForm, Pace, TagForm};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the file itself, a start for one of your own
    #[arg(long)]
    toml: bool,
    /// Name of the dialect
    name: String,
}

pub fn run(all: &BTreeMap<String, DialectFile>, args: &Args) -> Result<ExitCode, Failure> {
    let file = named(all, &args.name)?;
    let text = if args.toml { file.text.clone() } else { describe(&args.name, file) };
    print(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Headings with lines below.
#[derive(Default)]
struct Page(Vec<String>);

impl Page {
    fn section(&mut self, heading: &str, lines: Vec<String>) {
        if lines.is_empty() {
            return;
        }
        self.0.extend([String::new(), heading.to_owned()]);
        self.0.extend(lines.into_iter().map(|line| if line.is_empty() { line } else { format!("  {line}") }));
    }
}

fn describe(name: &str, source: &DialectFile) -> String {
    let File { about, advice, parameters, recognise, id, mail, text, write } = source.dialect.file();
    let mut page = Page(vec![format!("{name}: {about} ({})", origin(source))]);
    page.section("Parameters of a unit", parameters.iter().flat_map(|(name, spec)| parameter(name, spec)).collect());
    let signs = recognise.iter().flat_map(|sign| under(&format!("{:3}", sign.certainty), conditions(&sign.when)));
    page.section("Known by, with the certainty of 100", signs.collect());
    page.section("Its own id, the first that is found", id.iter().map(place).collect());
    page.section("What its mails mean, the first rule that holds", meanings(mail));
    page.section("Taken out of its texts", texts(text));
    page.section("Mail to it", writing(write));
    page.section("Its limits", limits(write));
    page.section("For its administrator", advice.trim().lines().map(str::to_owned).collect());
    page.0.join("\n")
}

fn parameter(name: &str, spec: &ParameterSpec) -> Vec<String> {
    let ParameterSpec { about, example, default, wanted, told_by } = spec;
    let mut lines = vec![format!("{name}: {about}")];
    lines.push(match (default, wanted) {
        (Some(default), _) => format!("    {default:?} where a unit gives none"),
        (None, true) => format!("    such as {example:?}; `check` asks for it"),
        (None, false) => format!("    such as {example:?}; may be left out"),
    });
    lines.extend(
        told_by
            .iter()
            .map(|told| format!("    told by the {}, where the unit is recognised", where_it_is(&told.place))),
    );
    lines
}

/// Lines behind a mark that stands before the first.
fn under(mark: &str, lines: Vec<String>) -> Vec<String> {
    let indent = " ".repeat(mark.chars().count());
    let marks = std::iter::once(mark).chain(std::iter::repeat(indent.as_str()));
    marks.zip(lines).map(|(mark, line)| format!("{mark}  {line}")).collect()
}

/// A line for each thing that must hold.
fn conditions(when: &When) -> Vec<String> {
    let When { header, no_header, subject, text, whole, message_id, wordless, returned, answers_desk, any } = when;
    let mut lines = Vec::new();
    for (name, given) in header {
        lines.extend(matching(&format!("header {name}"), given));
    }
    lines.extend(no_header.iter().map(|name| format!("no header {name}")));
    let parts = [("subject", subject), ("newest text", text), ("whole text", whole), ("Message-ID", message_id)];
    for (part, given) in parts {
        lines.extend(given.iter().flat_map(|given| matching(part, given)));
    }
    lines.extend(wordless.then(|| "nothing is left of the newest text without boilerplate".to_owned()));
    lines.extend(returned.then(|| "Message-ID  one of a desk's: its own mail comes back".to_owned()));
    lines.extend(answers_desk.then(|| "In-Reply-To  a mail of a desk".to_owned()));
    let marks = std::iter::once("either").chain(std::iter::repeat("or    "));
    lines.extend(any.iter().zip(marks).flat_map(|(one, mark)| under(mark, conditions(one))));
    lines
}

fn matching(what: &str, given: &Patterns) -> Vec<String> {
    let patterns: Vec<String> = given.iter().cloned().collect();
    if let [only] = &patterns[..] {
        return vec![format!("{what}  {only}")];
    }
    std::iter::once(format!("{what}, one of"))
        .chain(patterns.into_iter().map(|pattern| format!("    {pattern}")))
        .collect()
}

fn place(place: &Place) -> String {
    format!("{}  {}", where_it_is(place), place.pattern())
}

fn where_it_is(place: &Place) -> String {
    match place {
        Place::Header { name, .. } => format!("header {name}"),
        Place::MessageId(_) => "Message-ID".to_owned(),
        Place::Reference(_) => "In-Reply-To and References".to_owned(),
        Place::ReplyTo(_) => "Reply-To".to_owned(),
        Place::Subject(_) => "subject".to_owned(),
        Place::Text(_) => "whole text".to_owned(),
    }
}

fn meanings(rules: &[Rule]) -> Vec<String> {
    let mut lines: Vec<String> = rules.iter().enumerate().flat_map(|(at, rule)| meaning(at + 1, rule)).collect();
    lines.push("else   a plain reply, or nothing where it is marked as automatic".to_owned());
    lines
}

fn meaning(number: usize, rule: &Rule) -> Vec<String> {
    let Rule { name, kind, when, unless, internal, solution, solution_after, solution_until, tag_in_body } = rule;
    let internal = if *internal { ", internal: sent on to nobody" } else { "" };
    let mut lines = vec![format!("{number:2}. {name}: {}{internal}", kind.word())];
    lines.extend(under("      ", conditions(when)));
    lines.extend(unless.iter().flat_map(|unless| under("      unless", conditions(unless))));
    if *solution == SolutionText::LastPublic {
        lines.push("        the solution is what it last wrote to the user".to_owned());
    }
    if *solution == SolutionText::Attached {
        lines.push("        the solution is the text of the attached mail".to_owned());
    }
    let bounds = [("behind", solution_after), ("before", solution_until)];
    for (where_, bound) in bounds {
        let bounds = bound.iter().flat_map(Patterns::iter);
        lines.extend(bounds.map(|bound| format!("        the solution stands {where_} the line  {bound}")));
    }
    lines.extend(tag_in_body.then(|| "        the desk's tag in its text counts".to_owned()));
    lines.push(String::new());
    lines
}

fn texts(text: &Text) -> Vec<String> {
    let Text { cut, cut_to, cut_above, cut_below, uncut, escaped, tag_in_body } = text;
    let mut lines = Vec::new();
    for (what, patterns) in [
        ("", cut),
        ("all up to and with  ", cut_to),
        ("all down to the line  ", cut_above),
        ("all from the line  ", cut_below),
    ] {
        lines.extend(patterns.iter().map(|pattern| format!("{what}{pattern}")));
    }
    lines.extend(uncut.then(|| "(nothing is taken for a quote or a signature)".to_owned()));
    lines.extend(escaped.then(|| "(a text that is escaped as if it were HTML is decoded)".to_owned()));
    lines.extend(tag_in_body.then(|| "(it strips subjects, so the desk's tag in a text counts)".to_owned()));
    lines
}

fn writing(write: &Write) -> Vec<String> {
    let Write {
        tag,
        own_tag,
        own_tag_first,
        re,
        block,
        in_reply_to,
        watermark,
        headers,
        end_headers,
        mail_reopens: _,
        leave_out,
        to,
        pace: _,
        begin,
        link,
        reads_as_id,
        reads_in_text,
    } = write;
    let tag = match tag {
        TagForm::Historic => "GGUS-Ticket-ID: #57890",
        TagForm::Short => "[GGUS:57890]",
    };
    let re = if *re { ", with Re: in front once its id is known" } else { "" };
    let mut lines = vec![format!("the subject has the desk's tag  {tag}{re}")];
    let place = if *own_tag_first { "in front of that its own" } else { "and its own" };
    lines.extend(own_tag.iter().map(|form| format!("{place}, once its id is known  {form}")));
    lines.push(match block {
        BlockForm::Lines => "the ticket's fields stand at the end, as KEY: value lines".to_owned(),
        BlockForm::None => "the ticket's fields are left out".to_owned(),
        BlockForm::Xml => "the ticket's fields stand at the end and in an attached <Ticket>".to_owned(),
    });
    lines.extend(to.iter().map(|form| format!("once its id is known it goes to  {form}")));
    lines.extend(in_reply_to.iter().map(|form| format!("In-Reply-To  {form}")));
    lines.extend(headers.iter().map(|(name, form)| format!("header {name}  {form}")));
    let at_end = end_headers.iter();
    lines
        .extend(at_end.map(|(name, form)| format!("header {name}, where the end of its part is acknowledged  {form}")));
    lines.extend(begin.iter().map(|form| format!("a dispatch begins with  {form}")));
    lines.extend(link.iter().map(|form| format!("below the text, once all in it is known  {form}")));
    lines.extend(leave_out.iter().map(|name| format!("no header {name}")));
    lines
        .extend(watermark.iter().map(|pattern| format!("the last of these that came is quoted at the end  {pattern}")));
    lines.extend(
        reads_as_id.iter().map(|pattern| format!("in titles this gets a blank, or it is taken for an id  {pattern}")),
    );
    let in_texts = reads_in_text.iter();
    lines.extend(in_texts.map(|pattern| format!("in texts this gets a blank, or it is obeyed  {pattern}")));
    lines
}

fn limits(write: &Write) -> Vec<String> {
    let told = |pace: Pace| {
        format!("it acknowledges {} new tickets in {:#}; more wait in the outbox", pace.mails, pace.window)
    };
    let reopens = "any mail opens its closed tickets again, so the end of its part is not acknowledged";
    let reopens = write.mail_reopens.then(|| reopens.to_owned());
    write.pace.map(told).into_iter().chain(reopens).collect()
}

//! `trace`: the way of one mail, from where it lay to the last attempt to send what was written for it.

use std::path::Path;
use std::process::ExitCode;

use super::table::{harmless, time};
use super::{Failure, open_reader, print, print_json};
use crate::mail::MessageId;
use crate::store::{LetterPath, MailNumber, MailPath, Reader};

/// Mails under one Message-ID that are shown.
const MOST: usize = 20;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A Message-ID of a mail that came in, or of one that went out; or the number of a mail, as the log has it (mail=12).\n\
    Every line of the log about the mail, and about what was written for it, bears that number."
)]
pub struct Args {
    /// `<1@uni.example>`, with or without the brackets; or a number
    what: String,
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (_, reader) = open_reader(config)?;
    let (mails, letters) = found(&reader, args.what.trim())?;
    if mails.is_empty() && letters.is_empty() {
        return Err(Failure::Refused(format!(
            "{}: no mail of that name was taken in or written; look for it at its mail server",
            harmless(&args.what, 200)
        )));
    }
    if args.json {
        print_json(&serde_json::json!({"mails": mails, "letters": letters}))?;
        return Ok(ExitCode::SUCCESS);
    }
    for mail in &mails {
        mail_in_words(mail).iter().try_for_each(|line| print(line))?;
    }
    for letter in &letters {
        print("written by the desk itself (a timer, or a command):")?;
        letter_in_words(letter).iter().try_for_each(|line| print(line))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The mails of that name; and letters of that name that were written for no mail.
fn found(reader: &Reader, what: &str) -> Result<(Vec<MailPath>, Vec<LetterPath>), Failure> {
    let mut numbers: Vec<MailNumber> = Vec::new();
    let mut letters = Vec::new();
    if let Ok(number) = what.parse() {
        numbers.push(MailNumber(number));
    } else if let Some(id) = MessageId::parse(what).or_else(|| MessageId::parse(&format!("<{what}>"))) {
        numbers.extend(reader.mails_called(&id, MOST)?);
        for line in reader.letters_called(&id, MOST)? {
            match line.mail {
                Some(mail) => numbers.push(mail),
                None => letters.push(reader.letter_path(line)?),
            }
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    let mut mails = Vec::new();
    for number in numbers {
        mails.extend(reader.path(number)?);
    }
    Ok((mails, letters))
}

fn mail_in_words(mail: &MailPath) -> Vec<String> {
    let line = &mail.line;
    let from = line.sender.as_deref().unwrap_or("nobody");
    let mut told =
        vec![format!("mail {}: \"{}\" from {}", line.number, harmless(&line.subject, 200), harmless(from, 200))];
    let id = line.message_id.as_ref().map_or("it had no Message-ID", MessageId::as_str);
    told.push(format!(
        "  {}  taken from source {}, {} bytes, {}",
        time(line.received),
        line.source,
        line.size,
        harmless(id, 200)
    ));
    for seen in &mail.sightings {
        let times = if seen.times > 1 {
            format!(", seen {} times, last {}", seen.times, time(seen.last))
        } else {
            String::new()
        };
        told.push(format!("  {:18}as {}{times}", "", harmless(&seen.identity, 200)));
    }
    told.extend(mail.reasons.iter().map(|reason| format!("  {:18}{}", "", harmless(&reason.to_string(), 500))));
    let ticket = line.ticket.map_or(String::new(), |ticket| format!(", ticket {ticket}"));
    told.push(format!("  {:18}verdict: {}{ticket}", "", line.verdict.word()));
    if mail.letters.is_empty() {
        told.push(format!("  {:18}no mail was written for it", ""));
    }
    told.extend(mail.letters.iter().flat_map(letter_in_words));
    told
}

fn letter_in_words(letter: &LetterPath) -> Vec<String> {
    let line = &letter.line;
    let to = harmless(line.to.as_str(), 200);
    let head = format!("  {}  {} to {to}: {}", time(line.created), line.template.name(), line.state.word());
    let mut told = vec![format!("{head} (outbox {}, {})", line.id, harmless(line.message_id.as_str(), 200))];
    told.extend(letter.tried.iter().map(|tried| {
        let outcome = match tried.outcome.as_str() {
            "again" => "not taken",
            "unknown" => "no answer, may have arrived",
            "dead" => "given up",
            other => other,
        };
        format!("    {}  {outcome}: {}", time(tried.at), harmless(&tried.answer, 500))
    }));
    if let Some(why) = &line.held {
        told.push(format!("    waits: {}", harmless(why, 200)));
    } else if let Some(due) = line.due {
        told.push(format!("    next attempt: {}", time(due)));
    }
    told
}

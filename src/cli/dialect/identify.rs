//! `dialect identify`: from which helpdesk a mail is, what it means, and which tickets it names. It looks at the mail
//! alone: nobody is proven to be anybody by it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::super::table::table;
use super::super::{Failure, print};
use crate::config::dialects::DialectFile;
use crate::desk::dialect::{self, Dialect, Parameters, Reading};
use crate::desk::tag::{Tags, ticket_by_form};
use crate::desk::ticket::TicketId;
use crate::mail::form::{self, Field};
use crate::mail::parse::{ReadLimits, parse};
use crate::mail::{Mail, reply};
use crate::source::files::{self, Found};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON object per mail
    #[arg(long)]
    json: bool,
    /// Name in the desk's subject tags, as in [GGUS:57890]
    #[arg(long, value_name = "NAME", default_value = "GGUS", value_parser = Tags::new)]
    tag: Tags,
    /// Domain of the desk's Message-IDs
    ///
    /// Without it they are known by their form alone: ticket, number and hash. The hash can't be checked without the
    /// desk's secret, so anybody could have written them; with this option it is not looked at, and the domain is.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// What a unit would give for its dialect, such as tag=rt.infn.example; without it any value stands
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// A mail, an mbox, a Maildir, a folder of mails, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as tag=rt.infn.example")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// What one mail is.
struct Identity {
    dialect: Option<(String, u8)>,
    reading: Reading,
    ticket: Option<TicketId>,
}

pub fn run(all: &BTreeMap<String, DialectFile>, args: &Args) -> Result<ExitCode, Failure> {
    let dialects = all.iter().map(|(name, file)| (name.clone(), Arc::clone(&file.dialect))).collect();
    let mut rows = Vec::new();
    let (mut mails, mut unreadable) = (0u64, 0u64);
    for found in args.paths.iter().flat_map(|path| files::mails(path)) {
        match found {
            Ok(found) => {
                mails += 1;
                let identity = identify(&dialects, args, &parse(&found.raw, &ReadLimits::default()));
                if args.json {
                    print(&as_json(&found, &identity))?;
                } else {
                    rows.push(row(&found, &identity));
                }
            }
            Err(error) => {
                unreadable += 1;
                eprintln!("{error}; name a file that can be read");
            }
        }
    }
    if !rows.is_empty() {
        print(&table(["mail", "dialect", "certainty", "meaning", "its ticket", "the desk's"], &rows))?;
    }
    match (unreadable, mails) {
        (0, 0) => Err(Failure::Data("there was no mail in it; name a mail, an mbox or a Maildir".to_owned())),
        (0, _) => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::from(65)),
    }
}

fn identify(dialects: &BTreeMap<String, Arc<Dialect>>, args: &Args, mail: &Mail) -> Identity {
    let newest = reply::cut(&mail.text).newest;
    let claim = dialect::recognise(dialects, mail);
    let reading = claim.map(|claim| read(claim.dialect, args, mail, &newest)).unwrap_or_default();
    let ticket = ticket(args, mail, &newest, &reading);
    Identity { dialect: claim.map(|claim| (claim.dialect.name.clone(), claim.certainty)), reading, ticket }
}

fn read(dialect: &Dialect, args: &Args, mail: &Mail, newest: &str) -> Reading {
    let known: Parameters = args.parameters.iter().cloned().collect();
    dialect.read(mail, newest, &dialect.parameters_seen(mail, newest, &known, &args.tag))
}

/// The desk's ticket: the mail of ours that this one answers, a tag in the subject, one in the body where the helpdesk
/// leaves nothing else, the request number of a form. Where several are named it is not known which is meant.
fn ticket(args: &Args, mail: &Mail, newest: &str, reading: &Reading) -> Option<TicketId> {
    let answered = mail.in_reply_to.iter().chain(mail.references.iter().rev());
    let by_reference = || answered.clone().find_map(|id| ticket_by_form(id, args.domain.as_deref()));
    let by_tag = || only(args.tag.read_tolerant(&mail.subject));
    let by_body = || only(args.tag.read_tolerant(&mail.text)).filter(|_| reading.tag_in_body);
    let by_form = || {
        let number = form::forms(mail, newest).fields.get(&Field::RequestId)?.trim().parse().ok()?;
        (number > 0).then_some(TicketId(number))
    };
    by_reference().or_else(by_tag).or_else(by_body).or_else(by_form)
}

fn only(tickets: BTreeSet<TicketId>) -> Option<TicketId> {
    tickets.first().copied().filter(|_| tickets.len() == 1)
}

/// The public interface: these names don't change.
fn as_json(found: &Found, identity: &Identity) -> String {
    let (dialect, certainty) = identity.dialect.clone().unzip();
    json!({
        "path": found.path, "index": found.index, "dialect": dialect, "certainty": certainty,
        "kind": identity.reading.kind.map(|kind| kind.word()), "foreign_id": identity.reading.foreign_id,
        "hub_id": identity.ticket,
    })
    .to_string()
}

fn row(found: &Found, identity: &Identity) -> [String; 6] {
    let mail = if found.index == 0 { found.path.clone() } else { format!("{}[{}]", found.path, found.index) };
    let none = || "-".to_owned();
    let (dialect, certainty) = identity.dialect.clone().unzip();
    [
        mail,
        dialect.unwrap_or_else(none),
        certainty.map_or_else(none, |certainty: u8| certainty.to_string()),
        identity.reading.kind.map_or_else(none, |kind| kind.word().to_owned()),
        identity.reading.foreign_id.clone().unwrap_or_else(none),
        identity.ticket.map_or_else(none, |ticket| ticket.to_string()),
    ]
}

//! `explain`: what would happen to a mail, and why. Nothing is changed, nothing is sent.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::signatures::Signatures;
use super::table::harmless;
use super::{Failure, load, print, print_json};
use crate::daemon::clock;
use crate::desk::decision::{Decision, Verdict};
use crate::desk::event::Actor;
use crate::desk::policy::Policy;
use crate::desk::trail::Proof;
use crate::engine::intake::{self, Rules};
use crate::mail::signals::{Signals, signals};
use crate::mail::{Mail, Mailbox, reply};
use crate::source::Incoming;
use crate::store::Store;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Why did a mail go where it went? Print it and explain it, here mail 12 of the quarantine:\n\n    \
    ggus-gateway quarantine show 12 | ggus-gateway explain -"
)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// A file with one mail, or - for standard input
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (loaded, templates) = load(config)?;
    let raw = read(&args.path)?;
    // A desk that has never run knows no ticket; nothing need be made for that.
    let mut store = match loaded.plant.store.exists() {
        true => Store::open(&loaded.plant.store)?,
        false => Store::in_memory()?,
    };
    let mut incoming = [Incoming::new("explain", args.path.display().to_string(), raw)];
    Signatures::new(&loaded)?.check(&mut incoming);
    let [Incoming { raw, checked, .. }] = incoming;
    let mail = intake::read_bytes(&loaded.policy, &raw, &checked);
    let rules = Rules { policy: &loaded.policy, templates: &templates };
    let decision = intake::rehearse(rules, &mut store, &mail, clock::now())?;
    let marks = signals(&mail, &loaded.policy.desk.loop_header());
    if args.json {
        print_json(&as_json(&mail, &marks, &decision))?;
    } else {
        print(&as_text(&loaded.policy, &mail, &decision))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut raw = Vec::new();
    let read =
        if path == Path::new("-") { std::io::stdin().read_to_end(&mut raw).map(|_| raw) } else { std::fs::read(path) };
    read.map_err(|error| {
        Failure::Data(format!("{} can't be read ({error}); name a file with one mail", path.display()))
    })
}

/// The public interface: these names don't change.
fn as_json(mail: &Mail, marks: &Signals, decision: &Decision) -> Value {
    let understood = &decision.understood;
    let addresses = |list: &[Mailbox]| list.iter().map(|mailbox| mailbox.address.to_string()).collect::<Vec<_>>();
    let attachments: Vec<Value> = mail
        .attachments
        .iter()
        .map(|file| json!({"name": file.name, "type": file.media_type, "bytes": file.bytes.len()}))
        .collect();
    let reasons: Vec<String> = decision.trail.iter().map(ToString::to_string).collect();
    let outbound: Vec<Value> = decision
        .outbound
        .iter()
        .map(|mail| json!({"to": mail.to.to_string(), "subject": mail.subject, "template": mail.template.name()}))
        .collect();
    let dialect = understood.dialect.as_ref().map(|name| {
        json!({"name": name, "kind": understood.kind.map(|kind| kind.word()), "foreign_id": understood.foreign_id})
    });
    json!({
        "mail": {
            "message_id": mail.message_id.as_ref().map(|id| id.as_str()),
            "from": mail.sender().map(ToString::to_string),
            "to": addresses(&mail.to),
            "subject": mail.subject,
            "text": reply::cut(&mail.text).newest,
            "attachments": attachments,
        },
        "signals": {"automatic": marks.automatic(), "bounce": marks.bounce, "loop": marks.own_loop.is_some()},
        "sender": sender(decision),
        "dialect": dialect,
        "ticket": if decision.verdict == Verdict::Open { None } else { understood.ticket },
        "matched_by": understood.matched_by,
        "fields": fields(decision),
        "verdict": decision.verdict.word(),
        "reasons": reasons,
        "outbound": outbound,
    })
}

fn sender(decision: &Decision) -> Value {
    let understood = &decision.understood;
    let (actor, proof) = understood.speaker.clone().unzip();
    let proof = proof.unwrap_or(Proof::None);
    let party = match (&actor, &understood.unit) {
        (Some(Actor::Unit(_)), _) | (Some(Actor::Stranger(_)) | None, Some(_)) => "unit",
        (Some(Actor::User(_)), _) => "user",
        (Some(Actor::Monitor(_)), _) => "monitor",
        (Some(Actor::Site(_)), _) => "site",
        _ => "unknown",
    };
    json!({
        "party": party,
        "unit": understood.unit.as_ref().filter(|_| party == "unit"),
        "verified": proof != Proof::None,
        "by": proof,
    })
}

fn fields(decision: &Decision) -> Option<Value> {
    let ticket = decision.ticket.as_ref().filter(|_| decision.verdict == Verdict::Open)?;
    Some(json!({
        "title": ticket.subject,
        "site": ticket.site,
        "vo": ticket.vo,
        "unit": ticket.unit,
        "priority": ticket.priority.words(),
        "type": ticket.kind.words(),
        "type_of_problem": ticket.type_of_problem,
    }))
}

fn as_text(policy: &Policy, mail: &Mail, decision: &Decision) -> String {
    let from = mail.sender().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let mut lines = vec![format!("Mail from {from}: {}", harmless(&mail.subject, 200)), String::new()];
    let steps = decision.trail.iter().enumerate();
    lines.extend(steps.map(|(at, reason)| format!("{:3}. {}", at + 1, harmless(&reason.to_string(), 300))));
    lines.push(String::new());
    let ticket = decision.understood.ticket;
    lines.push(match (decision.verdict, ticket) {
        (Verdict::Absorb, _) => "So it is kept, and nothing follows.".to_owned(),
        (Verdict::Append, Some(id)) => format!("So it is added to ticket {id}."),
        (Verdict::Open, Some(id)) => format!("So it opens a ticket, which would be {id}."),
        (Verdict::Report, Some(id)) => format!("So what it reports is noted in ticket {id}."),
        (Verdict::Quarantine, _) => "So it goes to quarantine, for a person to decide.".to_owned(),
        (verdict, None) => format!("So the verdict is: {}.", verdict.word()),
    });
    if decision.outbound.is_empty() {
        lines.push(format!("{} mails nobody.", policy.desk.display_name));
    }
    let mails = decision.outbound.iter();
    lines.extend(mails.map(|mail| {
        let (desk, subject) = (&policy.desk.display_name, harmless(&mail.subject, 200));
        let parked = mail.parked.as_ref().map(|why| format!(", held back: {why}")).unwrap_or_default();
        format!("{desk} mails {}: {subject} ({}{parked})", mail.to, mail.template.name())
    }));
    lines.join("\n")
}

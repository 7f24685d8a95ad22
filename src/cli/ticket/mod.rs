//! `ticket`: listings, one ticket whole, and what a person does to one.

mod order;
mod show;

pub(super) use show::list;

use std::path::Path;
use std::process::ExitCode;

use self::order::order;
use super::{Failure, open_reader};
use crate::desk::decision::Act;
use crate::desk::ops::Opening;
use crate::desk::policy::UnitName;
use crate::desk::ticket::{Status, TicketId};
use crate::desk::timer::Timer;
use crate::store::{MailNumber, TicketFilter};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Action {
    /// List tickets, newest change first
    List {
        #[arg(long)]
        json: bool,
        /// Only those that work is expected on
        #[arg(long)]
        open: bool,
        /// new, assigned, "in progress", "waiting for reply", "on hold", reopened, solved, unsolved, verified, closed
        #[arg(long, value_parser = status)]
        status: Option<Status>,
        #[arg(long)]
        unit: Option<String>,
        #[arg(long)]
        site: Option<String>,
        #[arg(long)]
        vo: Option<String>,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        most: usize,
    },
    /// Show a ticket with its legs, messages and history
    Show {
        number: u64,
        #[arg(long)]
        json: bool,
    },
    /// Show what happened to a ticket
    History {
        number: u64,
        #[arg(long)]
        json: bool,
    },
    /// Print a mail as it came; `ticket show` names its number
    Mail { number: u64 },
    /// Open an operational ticket (OPS) at the unit behind a site
    Open {
        /// An operational ticket: its steps E1 to E4 follow by themselves while it is open
        #[arg(long, required = true)]
        ops: bool,
        /// The site that it is about; its unit gets the ticket
        #[arg(long)]
        site: Option<String>,
        /// Another unit, by its name as `unit list` shows it
        #[arg(long, required_unless_present = "site")]
        unit: Option<String>,
        /// Its title
        #[arg(long)]
        subject: String,
        /// What is wrong
        #[arg(long)]
        text: String,
        /// The check that failed, as the monitoring system names it, so that its mails find the ticket
        #[arg(long)]
        check: Option<String>,
        /// The node on which it failed
        #[arg(long)]
        node: Option<String>,
    },
    /// End an operational ticket whose alarm is over
    Clear {
        /// The ticket
        number: u64,
        /// What the unit and the operators hear
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Ask the unit to hurry, as the user could; above the first level others hear too
    Hurry {
        /// The ticket
        number: u64,
        /// Why, for the unit
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Let a ticket wait for another one, whose solution will be its own too
    Master {
        /// The ticket that waits
        number: u64,
        /// Its master
        #[arg(required_unless_present = "free")]
        master: Option<u64>,
        /// It waits no more
        #[arg(long, conflicts_with = "master")]
        free: bool,
    },
    /// Merge a duplicate into the ticket that goes on; its user is told
    Merge {
        /// The duplicate; it ends
        number: u64,
        /// The ticket that goes on
        into: u64,
    },
    /// Note that a ticket is a part of another one
    Parent {
        /// The part
        number: u64,
        /// The whole
        #[arg(required_unless_present = "none")]
        parent: Option<u64>,
        /// It is a part of none any more
        #[arg(long, conflicts_with = "parent")]
        none: bool,
    },
    /// Note that two tickets are about the same
    Relate {
        /// The ticket
        number: u64,
        /// The other one
        to: u64,
    },
    /// Give a ticket to a unit
    Assign {
        /// The ticket
        number: u64,
        /// Its name as `unit list` shows it
        unit: String,
        /// A word to the unit, kept in the history
        #[arg(long)]
        text: Option<String>,
    },
    /// Add a comment; the user and the unit hear it only with --public
    Comment {
        /// The ticket
        number: u64,
        text: String,
        /// Mail it to the user and to the unit
        #[arg(long)]
        public: bool,
    },
    /// Solve a ticket; the text goes to the user
    Solve {
        /// The ticket
        number: u64,
        /// What helped, or why it can't be solved
        #[arg(long)]
        text: String,
        /// It will not be solved; the text is the reason
        #[arg(long)]
        unsolved: bool,
    },
    /// Open a ticket again
    Reopen {
        /// The ticket
        number: u64,
        /// Why, for the user and the unit
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Stop a timer of a ticket, or let it run again
    Timer {
        /// The ticket
        number: u64,
        /// acknowledgement, closing, operations, reply, response, triage, wake
        #[arg(value_parser = timer)]
        timer: Timer,
        /// Nothing more falls due by it
        #[arg(long, conflicts_with = "start", required_unless_present = "start")]
        stop: bool,
        /// It runs again, as if it had not been stopped
        #[arg(long)]
        start: bool,
    },
    /// Close a ticket for good
    Close {
        /// The ticket; it must be solved or unsolved
        number: u64,
    },
    /// Take texts, addresses and names out of a ticket that is over, for ever
    Redact {
        /// The ticket; it must be closed, or past the days for reopening
        number: u64,
        /// Why, for the history; name nobody
        #[arg(long, default_value = "a person asked for it")]
        reason: String,
        /// Change nothing: say what would go
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) fn status(text: &str) -> Result<Status, String> {
    let known: Vec<&str> = Status::ALL.iter().map(|status| status.words()).collect();
    Status::from_words(text).ok_or_else(|| format!("write one of: {}", known.join(", ")))
}

fn timer(text: &str) -> Result<Timer, String> {
    let known: Vec<&str> = Timer::ALL.iter().map(|timer| timer.word()).collect();
    Timer::from_word(text).ok_or_else(|| format!("write one of: {}", known.join(", ")))
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    match action {
        Action::List { json, open, status, unit, site, vo, most } => {
            let (_, reader) = open_reader(config)?;
            let filter = TicketFilter {
                status: *status,
                open: *open,
                unit: unit.clone().map(UnitName),
                site: site.clone(),
                vo: vo.clone(),
                submitter: None,
            };
            show::list(&reader.tickets(&filter, *most)?, *json)?;
        }
        Action::Show { number, json } => show::show(config, TicketId(*number), *json)?,
        Action::History { number, json } => show::history(config, TicketId(*number), *json)?,
        Action::Mail { number } => super::quarantine::print_mail(config, MailNumber(*number))?,
        Action::Open { ops: _, site, unit, subject, text, check, node } => {
            let unit = unit.clone().map(UnitName);
            let (subject, text) = (subject.clone(), text.clone());
            let (site, check, node) = (site.clone(), check.clone(), node.clone());
            order::open(config, &Opening { site, unit, subject, text, check, node })?;
        }
        Action::Hurry { number, text } => order(config, *number, Act::Hurry { text: text.clone() })?,
        Action::Master { number, master, .. } => {
            order(config, *number, Act::Master { master: master.map(TicketId) })?;
        }
        Action::Merge { number, into } => order(config, *number, Act::Merge { into: TicketId(*into) })?,
        Action::Parent { number, parent, .. } => {
            order(config, *number, Act::Parent { parent: parent.map(TicketId) })?;
        }
        Action::Relate { number, to } => {
            order(config, *number, Act::Relate { to: TicketId(*to) })?;
        }
        Action::Clear { number, text } => order(config, *number, Act::Clear { text: text.clone() })?,
        Action::Assign { number, unit, text } => {
            let act = Act::Assign { unit: UnitName(unit.clone()), text: text.clone() };
            order(config, *number, act)?;
        }
        Action::Comment { number, text, public } => {
            order(config, *number, Act::Comment { text: text.clone(), public: *public })?;
        }
        Action::Solve { number, text, unsolved: false } => order(config, *number, Act::Solve { text: text.clone() })?,
        Action::Solve { number, text, unsolved: true } => order(config, *number, Act::Unsolve { text: text.clone() })?,
        Action::Reopen { number, text } => order(config, *number, Act::Reopen { text: text.clone() })?,
        Action::Timer { number, timer, start, .. } => {
            order(config, *number, Act::Timer { timer: *timer, runs: *start })?;
        }
        Action::Close { number } => order(config, *number, Act::Close)?,
        Action::Redact { number, reason, dry_run } => {
            super::retention::redact(config, TicketId(*number), reason, *dry_run)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! `search`: tickets by their words, their number here or at a helpdesk, who has sent them, and what they are.

use std::path::Path;
use std::process::ExitCode;

use super::ticket::{list, status};
use super::{Failure, open_reader, print_json};
use crate::desk::policy::UnitName;
use crate::desk::ticket::Status;
use crate::store::TicketFilter;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
    Found are tickets with all the words in title, first text or solution, whatever case and accents, the newest first; \
    before them the ticket that has the number, and those to which a helpdesk has given that id. An address finds what \
    its owner has sent. Without words all tickets that fit the options are found.")]
pub struct Args {
    /// Words, a ticket's number, a foreign id, or an address
    words: Vec<String>,
    #[arg(long)]
    site: Option<String>,
    /// open, or one of: new, assigned, "in progress", "waiting for reply", "on hold", reopened, solved, unsolved, verified,
    /// closed
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// The responsible unit
    #[arg(long)]
    unit: Option<String>,
    #[arg(long)]
    vo: Option<String>,
    /// Who has sent it
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// How many at the most
    #[arg(long, default_value_t = 50)]
    most: usize,
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Open,
    Is(Status),
}

fn state(text: &str) -> Result<State, String> {
    if text.trim().eq_ignore_ascii_case("open") { Ok(State::Open) } else { status(text).map(State::Is) }
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (_, reader) = open_reader(config)?;
    let (addresses, words): (Vec<&String>, Vec<&String>) = args.words.iter().partition(|word| word.contains('@'));
    let filter = TicketFilter {
        status: args.state.and_then(|state| if let State::Is(status) = state { Some(status) } else { None }),
        open: matches!(args.state, Some(State::Open)),
        unit: args.unit.clone().map(UnitName),
        site: args.site.clone(),
        vo: args.vo.clone(),
        submitter: args.from.as_ref().or(addresses.first().copied()).cloned(),
    };
    let text = words.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let hits = reader.search(&text, &filter, args.most)?;
    if args.json {
        print_json(&hits.tickets)?;
    } else {
        list(&hits.tickets, false)?;
    }
    if let Some(looked_at) = hits.looked_at {
        // Not among the answers: a program reads those.
        eprintln!(
            "only the {looked_at} newest tickets with these words were looked at; add a rarer word to find older ones"
        );
    }
    Ok(ExitCode::SUCCESS)
}

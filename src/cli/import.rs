//! `import gocdb`: sites as GOCDB has them. What would change is told first, and nothing is written without `--write`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::table::{count, harmless, table};
use super::{Failure, load, operator, print, print_json};
use crate::config::{Loaded, imported};
use crate::daemon::clock;
use crate::desk::decision::{Act, Order};
use crate::desk::gocdb::pass::Left;
use crate::desk::gocdb::update::{Update, update};
use crate::desk::gocdb::{Listed, xml};
use crate::desk::ticket::TicketId;
use crate::engine::intake::{self, Rules};
use crate::render::template::Templates;
use crate::store::{Reader, Store, TicketFilter};

/// Open tickets of one site that are looked at.
const MOST: usize = 10_000;

#[derive(Debug, Subcommand)]
pub enum Action {
    /// Take sites from GOCDB's answers to get_site or get_site_list; tells what would change, and changes it with --write
    Gocdb(Gocdb),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Fetch all sites, with no limit to a ROC or a status:\n\n    \
    curl --cert … 'https://GOCDB/gocdbpi/private/?method=get_site' >sites.xml\n    \
    ggus-gateway import gocdb sites.xml\n\n\
    Units stand for ROCs by their names, or by roc = [\"NGI_IT\"] in routing.toml.")]
pub struct Gocdb {
    /// Write the file of sites, and pass on tickets of sites that are no longer certified
    #[arg(long)]
    write: bool,
    /// Believe a file in which more than a tenth of the known sites is missing
    #[arg(long)]
    force: bool,
    #[arg(long)]
    json: bool,
    /// The XML as GOCDB sent it; several files count as one
    #[arg(value_name = "FILE", required = true)]
    paths: Vec<PathBuf>,
}

/// What is done to one open ticket.
struct Passed {
    ticket: TicketId,
    act: Act,
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    let Action::Gocdb(args) = action;
    let (loaded, templates) = load(config)?;
    let known = &loaded.imported.sites;
    let update = update(&loaded.policy, known, &listed(&args.paths)?);
    let passed = passed(&loaded, &update)?;
    if args.json {
        print_json(&as_json(&update, &passed, args.write && believed(&update, args.force).is_ok()))?;
    } else {
        tell(&update, &passed)?;
    }
    believed(&update, args.force)?;
    if args.write {
        write(&loaded, &templates, &update, &passed)?;
    }
    if !args.json {
        print(if args.write {
            "written; the gateway takes it when it is started again"
        } else {
            "nothing is written; --write does it"
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(paths: &[PathBuf]) -> Result<Vec<Listed>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let failed = |why: String| Failure::Data(format!("{}: {why}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| failed(format!("{error}; name a file that can be read")))?;
        all.extend(xml::read(&bytes).map_err(failed)?);
    }
    if all.is_empty() {
        return Err(Failure::Data("there is no site in it; nothing is changed, fetch it again".to_owned()));
    }
    Ok(all)
}

fn believed(update: &Update, force: bool) -> Result<(), Failure> {
    if !update.is_shrunken() || force {
        return Ok(());
    }
    let Update { missing, known, .. } = update;
    Err(Failure::Data(format!(
        "{missing} of {} are missing; nothing is changed, fetch the file again, or say --force where that is right",
        count(*known as u64, "known site")
    )))
}

/// What becomes of the open tickets of sites that are no longer certified.
fn passed(loaded: &Loaded, update: &Update) -> Result<Vec<Passed>, Failure> {
    let left: Vec<&Left> = update.left().collect();
    if left.is_empty() || !loaded.plant.store.exists() {
        return Ok(Vec::new());
    }
    let reader = Reader::open(&loaded.plant.store)?;
    let mut passed = Vec::new();
    for left in left {
        let filter = TicketFilter { open: true, site: Some(left.site.clone()), ..TicketFilter::default() };
        let tickets = reader.tickets(&filter, MOST)?;
        passed.extend(tickets.iter().map(|line| Passed { ticket: line.id, act: left.act(line.unit.as_ref()) }));
    }
    Ok(passed)
}

/// Tickets first: what fails then is tried again by the next import, which finds the same sites changed.
fn write(loaded: &Loaded, templates: &Templates, update: &Update, passed: &[Passed]) -> Result<(), Failure> {
    let file = loaded.imported.file.as_ref().ok_or_else(|| {
        Failure::Config(
            "no file of sites is named; write sites = \"sites.toml\" under [files] in gateway.toml".to_owned(),
        )
    })?;
    if !passed.is_empty() {
        let mut store = Store::open(&loaded.plant.store)?;
        for Passed { ticket, act } in passed {
            let order = Order { ticket: *ticket, by: operator(), act: act.clone() };
            let rules = Rules { policy: &loaded.policy, templates };
            intake::order(rules, &mut store, &order, clock::now())?;
        }
    }
    imported::write(file, &update.sites)
        .map_err(|error| Failure::Later(format!("{}: {error}; make it possible to write there", file.display())))
}

fn tell(update: &Update, passed: &[Passed]) -> Result<(), Failure> {
    if update.changes.is_empty() {
        return print(&format!("{}, and nothing changes", count(update.sites.len() as u64, "site")));
    }
    let rows: Vec<[String; 2]> =
        update.changes.iter().map(|change| [change.word().to_owned(), change.to_string()]).collect();
    print(&table(["change", "site"], &rows))?;
    for Passed { ticket, act } in passed {
        print(&match act {
            Act::Assign { unit, .. } => format!("ticket {ticket} goes to {unit}"),
            _ => format!("ticket {ticket} gets a note and stays where it is"),
        })?;
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    update.changes.iter().for_each(|change| *counts.entry(change.word()).or_default() += 1);
    let counts: Vec<String> = counts.iter().map(|(word, number)| format!("{number} {word}")).collect();
    print(&format!("\n{} known, {} in the file: {}", update.known, update.sites.len(), counts.join(", ")))
}

/// The public interface: these names don't change.
fn as_json(update: &Update, passed: &[Passed], written: bool) -> Value {
    let changes: Vec<Value> = update
        .changes
        .iter()
        .map(|change| json!({"change": change.word(), "text": harmless(&change.to_string(), 1_000)}))
        .collect();
    let tickets: Vec<Value> = passed
        .iter()
        .map(|Passed { ticket, act }| {
            json!({"ticket": ticket, "to": match act { Act::Assign { unit, .. } => Some(unit), _ => None }})
        })
        .collect();
    json!({
        "known": update.known,
        "missing": update.missing,
        "shrunken": update.is_shrunken(),
        "sites": update.sites.len(),
        "changes": changes,
        "tickets": tickets,
        "written": written,
    })
}

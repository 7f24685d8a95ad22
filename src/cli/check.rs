//! `check`: everything that is wrong with the configuration, at once.

use std::path::Path;
use std::process::ExitCode;

use super::backup::contents;
use super::{Failure, load, print, unit};
use crate::config::Loaded;
use crate::daemon::clock;
use crate::desk::recognise;
use crate::proof::smime::Authorities;
use crate::store::Reader;
use crate::{relay, source};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Log in at every source and at the relay
    #[arg(long)]
    online: bool,
    /// Read the whole store and compare every index with its table; the gateway may run meanwhile
    #[arg(long)]
    store: bool,
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (loaded, _) = load(config)?;
    for warning in &loaded.warnings {
        print(&warning.to_string())?;
    }
    let (policy, plant) = (&loaded.policy, &loaded.plant);
    let sites: std::collections::BTreeSet<&str> = policy.sites.iter().map(|(_, site)| site.name.as_str()).collect();
    print(&format!(
        "{} is sound: {} units, {} sites, {} rules, {} sources",
        config.display(),
        policy.units.len(),
        sites.len(),
        policy.rules.len(),
        plant.sources.len()
    ))?;
    units(&loaded)?;
    authorities(&loaded)?;
    if args.store {
        let reader = Reader::open(&plant.store)?;
        reader.check_integrity()?;
        print(&format!("{}: sound, {}", plant.store.display(), contents(&reader)?))?;
    }
    if !args.online {
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut sound = true;
    let mut answers = Vec::new();
    for (name, settings) in &plant.sources {
        answers.push((format!("source {name}"), runtime.block_on(source::probe(settings))));
    }
    answers.push(("relay".to_owned(), runtime.block_on(relay::probe(&plant.relay))));
    for (part, answer) in answers {
        match answer {
            Ok(found) => print(&format!("{part}: well, {found}"))?,
            Err(wrong) => {
                sound = false;
                print(&format!("{part}: error: {wrong}"))?;
            }
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(75) })
}

/// How many certificate authorities are believed, and which of them somebody should see to.
fn authorities(loaded: &Loaded) -> Result<(), Failure> {
    let Some(folder) = &loaded.plant.ca_folder else { return Ok(()) };
    let known = Authorities::read(folder).map_err(Failure::Config)?;
    print(&format!("{}: {} certificate authorities", folder.display(), known.count()))?;
    known.faults(clock::now()).iter().try_for_each(|fault| print(&format!("{}: {fault}", folder.display())))
}

/// Units whose dialect is recognised from their mails, those whose address fails, and what is to be set for them.
fn units(loaded: &Loaded) -> Result<(), Failure> {
    let automatic: Vec<&str> =
        loaded.policy.units.values().filter(|unit| unit.auto).map(|unit| unit.name.0.as_str()).collect();
    if !automatic.is_empty() {
        print(&format!("no dialect is set, so it is recognised from the first mails of: {}", automatic.join(", ")))?;
    }
    // A desk that has never run has no store, and knows nothing more.
    let Ok(reader) = Reader::open(&loaded.plant.store) else { return Ok(()) };
    let known = reader.recognised()?;
    unit::notes(&recognise::in_force(&loaded.policy, &known), &known).iter().try_for_each(|note| print(note))?;
    unit::failures(loaded.policy.units.values(), &reader)?.iter().try_for_each(|note| print(note))
}

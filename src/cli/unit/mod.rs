//! `unit`: who solves what, and how far each unit's helpdesk has come with the desk.

mod dialects;
mod list;
mod probe;
mod status;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::Failure;

pub use dialects::notes;
pub use status::{failures, stage};

#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the units with their dialect and open tickets
    List {
        #[arg(long)]
        json: bool,
    },
    /// Try a unit's helpdesk with a test ticket, and tell how far the answers came
    Probe(probe::Args),
    /// Tell how far each unit's helpdesk has come with the desk
    Status {
        #[arg(long)]
        json: bool,
    },
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    match action {
        Action::List { json } => list::run(config, *json)?,
        Action::Probe(args) => probe::run(config, args)?,
        Action::Status { json } => status::run(config, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

//! `unit`: who solves what, and how far each unit's helpdesk has come with the desk.

mod dialects;
mod list;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::Failure;

pub use dialects::notes;

#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the units with their dialect and open tickets
    List {
        #[arg(long)]
        json: bool,
    },
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    match action {
        Action::List { json } => list::run(config, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

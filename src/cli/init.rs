//! `init`: a configuration that runs as it is.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Failure, print};
use crate::config::sample::{self, Written};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write; nothing that is there is changed
    #[arg(default_value = "config", value_name = "DIR")]
    directory: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let shown = args.directory.display();
    let written = sample::init(&args.directory)
        .map_err(|error| Failure::Refused(format!("{shown} can't be written ({error}); name another directory")))?;
    for file in &written {
        match file {
            Written::Kept(path) => print(&format!("kept   {}", path.display()))?,
            Written::New(path) => print(&format!("wrote  {}", path.display()))?,
        }
    }
    print(&format!(
        "\nNext: set the desk's address and your mailbox in {shown}/gateway.toml and your units in {shown}/routing.toml, then\n\n    \
         ggus-gateway --config {shown}/gateway.toml check --online\n    ggus-gateway --config {shown}/gateway.toml run"
    ))?;
    Ok(ExitCode::SUCCESS)
}

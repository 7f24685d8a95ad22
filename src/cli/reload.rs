//! `reload`: has the gateway that runs read its configuration again, and tells what came of it.

use std::path::Path;
use std::process::ExitCode;

use super::{Failure, print};
use crate::config;
use crate::daemon::control;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "All of it is taken over, or nothing: a file with problems, or with something that only a restart can change, leaves \
    the gateway as it is. SIGHUP does the same; the log tells then what came of it."
)]
pub struct Args {}

pub fn run(config: &Path, Args {}: &Args) -> Result<ExitCode, Failure> {
    let store = config::store(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(control::reload(&store)) {
        Ok(Ok(told)) => print(&told).map(|()| ExitCode::SUCCESS),
        Ok(Err(refused)) => Err(Failure::Config(refused)),
        Err(unreachable) => Err(Failure::Refused(unreachable)),
    }
}

//! `manual`: shell completions and man pages, made from the same words as `--help`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::{Cli, Failure, print};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the completions of a shell
    #[arg(long, value_name = "SHELL", conflicts_with = "man", required_unless_present = "man")]
    completions: Option<Shell>,
    /// Write man pages into a directory
    #[arg(long, value_name = "DIR")]
    man: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut command = Cli::command();
    if let Some(shell) = args.completions {
        // Rendered first, so that a closed pipe is an error and not a panic.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, "ggus-gateway", &mut script);
        debug_assert!(Shell::value_variants().contains(&shell));
        print(&String::from_utf8_lossy(&script))?;
    }
    if let Some(directory) = &args.man {
        std::fs::create_dir_all(directory)?;
        clap_mangen::generate_to(command, directory)?;
        print(&format!("man pages are in {}", directory.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

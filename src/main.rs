//! The program `ggus-gateway`: all of it is in [`ggus_gateway::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ggus_gateway::cli::main()
}

//! `dialect list`: every dialect with its parameters.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;

use super::super::table::table;
use super::super::{Failure, print, print_json};
use super::origin;
use crate::config::dialects::DialectFile;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

pub fn run(all: &BTreeMap<String, DialectFile>, args: &Args) -> Result<ExitCode, Failure> {
    if args.json {
        let rows = all.iter().map(|(name, file)| {
            let parameters = file.dialect.parameters().iter().map(|(name, spec)| {
                json!({
                    "name": name, "about": spec.about, "example": spec.example, "default": spec.default,
                    "wanted": spec.wanted,
                })
            });
            json!({
                "name": name, "about": file.dialect.about(), "parameters": parameters.collect::<Vec<_>>(),
                "file": file.path,
            })
        });
        print_json(&rows.collect::<Vec<_>>())?;
    } else {
        let rows = all.iter().map(|(name, file)| {
            let parameters: Vec<&str> = file.dialect.parameters().keys().map(String::as_str).collect();
            [name.clone(), parameters.join(", "), origin(file), file.dialect.about().to_owned()]
        });
        print(&table(["dialect", "parameters", "from", "what it is"], &rows.collect::<Vec<_>>()))?;
    }
    Ok(ExitCode::SUCCESS)
}

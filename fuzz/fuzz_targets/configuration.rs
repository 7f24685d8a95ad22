//! Any two texts are `gateway.toml` and `routing.toml`: their problems are all told, or what comes out hangs together.
//! Between the two stands a NUL.
#![no_main]

use ggus_gateway::config::{self, Severity};
use libfuzzer_sys::fuzz_target;

const GATEWAY: &str = "[desk]\naddress = \"support@ggus.example\"\n[store]\npath = \"x.sqlite\"\n\
                       [source.a.maildir]\npath = \"in\"\n[relay.maildir]\npath = \"out\"\n";

fuzz_target!(|text: &str| {
    let (gateway, routing) = text.split_once('\0').unwrap_or((GATEWAY, text));
    match config::from_texts(gateway, routing, &[7; 32]) {
        Err(problems) => {
            assert!(problems.0.iter().any(|problem| problem.severity == Severity::Error), "{problems}");
            for problem in &problems.0 {
                assert!(!problem.message.is_empty(), "{problem}");
                let lines = gateway.lines().count().max(routing.lines().count()) + 1;
                assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}");
            }
        }
        Ok(loaded) => {
            assert!(loaded.warnings.iter().all(|problem| problem.severity == Severity::Warning));
            let policy = &loaded.policy;
            assert!(policy.units.contains_key(&policy.default_unit));
            assert!(policy.sites.iter().all(|(_, site)| policy.units.contains_key(&site.unit)));
            assert!(policy.rules.iter().all(|rule| policy.units.contains_key(&rule.unit)), "{:?}", policy.rules);
            assert!(policy.units.values().all(|unit| !policy.desk.is_own(&unit.address)));
            assert!(!loaded.plant.sources.is_empty());
        }
    }
});

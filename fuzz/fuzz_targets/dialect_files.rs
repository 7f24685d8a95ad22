//! A dialect file that somebody else wrote: all its problems are told with their lines, or it reads mail within bounds.
//! The input is the file, and behind a NUL the mail.
#![no_main]

use ggus_gateway::desk::dialect::Dialect;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (file, raw) = text.split_once('\0').unwrap_or((text, "Subject: [x #1] y\n\nSolved: z\n"));
    let lines = file.lines().count().max(1);
    match Dialect::parse("fuzzed", file) {
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.is_sorted_by_key(|problem| problem.line));
            for problem in problems {
                assert!(!problem.message.is_empty() && problem.line.is_none_or(|line| (1..=lines + 1).contains(&line)));
            }
        }
        Ok(dialect) => {
            let mail = parse(raw.as_bytes(), &ReadLimits::default());
            let parameters = dialect.parameters().iter().map(|(name, spec)| (name.clone(), spec.example.clone()));
            let parameters = parameters.collect();
            let reading = dialect.read(&mail, &mail.text, &parameters);
            assert!(reading.foreign_id.is_none_or(|id| (1..=100).contains(&id.chars().count())));
            assert!(dialect.recognise(&mail) <= 100);
            dialect.defuse(&mail.subject, &parameters);
            dialect.defuse_text(&mail.text);
        }
    }
});

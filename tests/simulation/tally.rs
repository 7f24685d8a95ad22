//! What happened in all seeds together, as a table.

use std::fmt;

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub seeds: usize,
    pub steps: usize,
    /// Mails that people, helpdesks and mail servers wrote, and those among them that a program wrote.
    pub mails: usize,
    pub automatic: usize,
    /// Mails that gateways wrote.
    pub letters: usize,
    pub deaths: usize,
    pub deaths_in_commits: usize,
    pub full: usize,
    pub broken: usize,
    pub cuts: usize,
    pub repeats: usize,
    pub renumbered: usize,
    pub unknown: usize,
    pub later: usize,
    pub refused: usize,
    pub stalls: usize,
    pub bounces: usize,
    pub jumps: usize,
    pub timers: usize,
}

impl Tally {
    fn rows(&self) -> [(&'static str, usize); 19] {
        [
            ("seeds", self.seeds),
            ("steps", self.steps),
            ("mails to gateways", self.mails),
            ("  of them written by programs", self.automatic),
            ("mails of gateways", self.letters),
            ("deaths", self.deaths),
            ("  of them within a commit", self.deaths_in_commits),
            ("disk full", self.full),
            ("disk broken", self.broken),
            ("connections lost before a mail was put away", self.cuts),
            ("mails that came twice", self.repeats),
            ("new UIDVALIDITY", self.renumbered),
            ("relay: answer lost", self.unknown),
            ("relay: 4xx", self.later),
            ("relay: 5xx", self.refused),
            ("relay: stalled beyond the lease", self.stalls),
            ("bounces", self.bounces),
            ("jumps of the clock", self.jumps),
            ("tickets in which timers were due", self.timers),
        ]
    }

    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.mails += other.mails;
        self.automatic += other.automatic;
        self.letters += other.letters;
        self.deaths += other.deaths;
        self.deaths_in_commits += other.deaths_in_commits;
        self.full += other.full;
        self.broken += other.broken;
        self.cuts += other.cuts;
        self.repeats += other.repeats;
        self.renumbered += other.renumbered;
        self.unknown += other.unknown;
        self.later += other.later;
        self.refused += other.refused;
        self.stalls += other.stalls;
        self.bounces += other.bounces;
        self.jumps += other.jumps;
        self.timers += other.timers;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows().iter().try_for_each(|(name, count)| writeln!(f, "{count:>10}  {name}"))
    }
}

//! Mails that did not go through, each with a growing wait of its own, so that none of them holds up the others.
//!
//! Kept over reconnects; forgotten when the folder gets a new UIDVALIDITY, because its numbers then mean other mails. It
//! lives in memory only: after a restart every mail is tried anew.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// Whatever the settings say, no wait is longer.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// `first`, doubled with each time after the first, at most `longest`, and spread by a quarter either way by a hash of
/// `salt`, so that several sources do not knock together.
pub fn grown(first: Duration, longest: Duration, times: u32, salt: &str) -> Duration {
    let grown = first.saturating_mul(1 << times.saturating_sub(1).min(16)).min(longest).min(LONGEST);
    let mut hash = DefaultHasher::new();
    (salt, times).hash(&mut hash);
    grown.mul_f64(0.75 + (hash.finish() % 500) as f64 / 1_000.0)
}

/// What a mail waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The server to give it.
    Fetch,
    /// The store to take it.
    Store,
    /// The server to move or flag it: it is durable, and not fetched again.
    PutAway,
}

#[derive(Debug)]
struct Delay {
    times: u32,
    until: Instant,
    stage: Stage,
}

/// The mails of one folder that wait for another try.
#[derive(Debug)]
pub struct Patience {
    first: Duration,
    longest: Duration,
    uid_validity: Option<u32>,
    mails: BTreeMap<u32, Delay>,
}

impl Patience {
    /// Waits from `first` to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, uid_validity: None, mails: BTreeMap::new() }
    }

    /// The folder was opened: under another UIDVALIDITY nothing that is known holds any more.
    pub fn opened(&mut self, uid_validity: u32) {
        if self.uid_validity.replace(uid_validity) != Some(uid_validity) {
            self.mails.clear();
        }
    }

    /// Forgets what no longer lies in the folder; `there` is sorted.
    pub fn retain(&mut self, there: &[u32]) {
        self.mails.retain(|uid, _| there.binary_search(uid).is_ok());
    }

    /// The connection broke while these were asked for. One of several may be the cause: each is taken alone next time.
    /// A single one is the cause, as far as can be seen.
    pub fn blame(&mut self, uids: &[u32], now: Instant) {
        match uids {
            [uid] => self.defer(*uid, Stage::Fetch, now),
            uids => uids.iter().for_each(|uid| {
                self.mails.entry(*uid).or_insert(Delay { times: 0, until: now, stage: Stage::Fetch });
            }),
        }
    }

    /// It did not go through: a longer wait than before.
    pub fn defer(&mut self, uid: u32, stage: Stage, now: Instant) {
        let delay = self.mails.entry(uid).or_insert(Delay { times: 0, until: now, stage });
        delay.stage = stage;
        delay.times = delay.times.saturating_add(1);
        delay.until = now + grown(self.first, self.longest, delay.times, &uid.to_string());
    }

    /// It is durable, and still to be put away.
    pub fn keep(&mut self, uids: &[u32], now: Instant) {
        for uid in uids {
            self.mails.insert(*uid, Delay { times: 0, until: now, stage: Stage::PutAway });
        }
    }

    /// It is done with.
    pub fn settle(&mut self, uids: &[u32]) {
        self.mails.retain(|uid, _| !uids.contains(uid));
    }

    /// Of `there`: mails without a past, which are taken together, and those that are tried again now, each alone. Those
    /// that failed least come first: the worst may take the connection with them.
    pub fn due(&self, there: &[u32], now: Instant) -> (Vec<u32>, Vec<u32>) {
        let (known, fresh): (Vec<u32>, Vec<u32>) = there.iter().partition(|uid| self.mails.contains_key(uid));
        let is_due =
            |uid: &u32| self.mails.get(uid).is_some_and(|delay| delay.stage != Stage::PutAway && delay.until <= now);
        let mut again: Vec<u32> = known.into_iter().filter(is_due).collect();
        again.sort_by_key(|uid| self.mails.get(uid).map(|delay| delay.times));
        (fresh, again)
    }

    /// Mails that are durable and to be put away now.
    pub fn kept(&self, now: Instant) -> Vec<u32> {
        let is_due = |delay: &Delay| delay.stage == Stage::PutAway && delay.until <= now;
        self.mails.iter().filter(|(_, delay)| is_due(delay)).map(|(uid, _)| *uid).collect()
    }

    /// Mails that did not get through a stage: how many, and the first.
    pub fn stuck(&self, stage: Stage) -> Option<(usize, u32)> {
        let is_stuck = |delay: &Delay| delay.stage == stage && delay.times > 0;
        let mut stuck = self.mails.iter().filter(|(_, delay)| is_stuck(delay)).map(|(uid, _)| *uid);
        let first = stuck.next()?;
        Some((stuck.count() + 1, first))
    }

    /// How long until one of them is to be tried again.
    pub fn next(&self, now: Instant) -> Option<Duration> {
        self.mails.values().map(|delay| delay.until.saturating_duration_since(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_to_the_longest_and_differ_by_a_quarter() {
        for times in 0..40 {
            let plain = SECOND * (1 << times.clamp(1, 7) >> 1);
            let wait = grown(SECOND, SECOND * 64, times, "support");
            assert!(wait >= plain.mul_f64(0.74) && wait <= plain.mul_f64(1.26), "{times}: {wait:?} for {plain:?}");
        }
        assert_ne!(grown(SECOND, SECOND, 1, "a"), grown(SECOND, SECOND, 1, "b"));
    }

    #[test]
    fn a_batch_that_broke_the_connection_is_taken_one_by_one_and_only_the_culprit_waits() {
        let (now, mut patience) = (Instant::now(), Patience::new(SECOND, SECOND * 60));
        patience.opened(7);
        patience.blame(&[1, 2, 3], now);
        assert_eq!(patience.due(&[1, 2, 3, 4], now), (vec![4], vec![1, 2, 3]));
        patience.settle(&[1]);
        patience.blame(&[2], now);
        assert_eq!(patience.due(&[2, 3, 4], now), (vec![4], vec![3]));
        assert_eq!(patience.stuck(Stage::Fetch), Some((1, 2)));
        assert_eq!(patience.due(&[2, 3], now + SECOND * 2), (vec![], vec![3, 2]));
    }

    #[test]
    fn a_new_uidvalidity_and_a_mail_that_is_gone_are_forgotten() {
        let (now, mut patience) = (Instant::now(), Patience::new(SECOND, SECOND));
        patience.opened(7);
        patience.defer(1, Stage::Fetch, now);
        patience.opened(7);
        assert_eq!(patience.stuck(Stage::Fetch), Some((1, 1)));
        patience.retain(&[2, 3]);
        assert_eq!(patience.stuck(Stage::Fetch), None);
        patience.defer(1, Stage::Fetch, now);
        patience.opened(8);
        assert_eq!(patience.stuck(Stage::Fetch), None);
    }

    #[test]
    fn a_durable_mail_is_put_away_but_not_fetched_again() {
        let (now, mut patience) = (Instant::now(), Patience::new(SECOND, SECOND));
        patience.keep(&[1, 2], now);
        assert_eq!(patience.due(&[1, 2], now), (vec![], vec![]));
        assert_eq!(patience.kept(now), [1, 2]);
        patience.defer(1, Stage::PutAway, now);
        assert_eq!(patience.kept(now), [2]);
        assert_eq!(patience.stuck(Stage::Fetch), None);
    }
}

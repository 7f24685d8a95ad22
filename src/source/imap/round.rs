//! One look into the folder: mails are taken in bounded batches, handed over, and put away when they are durable.
//!
//! Fresh mails come first, together; those that did not go through before come after them, one at a time. Nothing that one
//! mail does, or the server does with it, keeps the others waiting.

use std::time::Instant;

use tokio::task::JoinHandle;

use super::mailbox::Mailbox;
use super::patience::{Patience, Stage};
use super::session::Trouble;
use super::settings::After;
use crate::source::{Health, Incoming, Mailroom, Receipt};

/// Octets of mails in one batch, of which there are two at a time; one mail may be larger by itself.
const BATCH_OCTETS: u64 = 16 << 20;

/// How a look went.
#[derive(Debug, Default)]
pub struct Round {
    taken: usize,
    /// Why no mail can be kept for now: the next look waits.
    pub refused: Option<String>,
    /// Why kept mails could not be put away in this look.
    lying: Option<String>,
}

impl Round {
    /// What to tell of it.
    pub fn health(&self, folder: &str, after: &After, patience: &Patience) -> Health {
        if let Some(why) = &self.refused {
            return Health::Trouble(format!("mail waits in {folder}: {why}"));
        }
        if let Some(why) = &self.lying {
            let what = match after {
                After::Flag(word) => format!("flagged {word}"),
                After::MoveTo(target) => format!("moved to {target}"),
            };
            return Health::Trouble(format!("mails in {folder} are kept but can't be {what} ({why}); check after"));
        }
        let stages = [
            (Stage::Fetch, "that can't be fetched"),
            (Stage::Store, "that could not be kept"),
            (Stage::PutAway, "that are kept but could not be put away"),
        ];
        let stuck = stages.into_iter().find_map(|(stage, what)| Some((what, patience.stuck(stage)?)));
        match stuck {
            None => Health::Well(format!("mails taken: {}", self.taken)),
            Some((what, (count, uid))) => Health::Trouble(format!(
                "mails in {folder} {what}: {count}, the first has UID {uid}; the others go on, these are tried again"
            )),
        }
    }
}

/// Takes everything that waits. An error is the end of the connection; `patience` then knows what to do otherwise.
pub async fn take_all(
    mailbox: &mut Mailbox<'_>,
    mailroom: &Mailroom,
    patience: &mut Patience,
) -> Result<Round, Trouble> {
    patience.opened(mailbox.uid_validity());
    let there = mailbox.search().await?;
    patience.retain(&there);
    let due = patience.due(&there, Instant::now());
    let mut round = Round::default();
    let mut under_way = None;
    let ended = take_due(mailbox, mailroom, patience, due, &mut round, &mut under_way).await;
    // What was handed over is durable, whatever became of the connection.
    let kept = received(under_way, patience, &mut round).await;
    ended?;
    put_away(mailbox, &kept, patience, &mut round).await?;
    if round.refused.is_none() {
        put_away(mailbox, &patience.kept(Instant::now()), patience, &mut round).await?;
    }
    Ok(round)
}

/// A batch that was handed over.
struct UnderWay {
    uids: Vec<u32>,
    receipts: JoinHandle<Vec<Receipt>>,
}

/// Fetches batch after batch: while one is made durable, the next is fetched, and the one before is put away.
async fn take_due(
    mailbox: &mut Mailbox<'_>,
    mailroom: &Mailroom,
    patience: &mut Patience,
    (fresh, again): (Vec<u32>, Vec<u32>),
    round: &mut Round,
    under_way: &mut Option<UnderWay>,
) -> Result<(), Trouble> {
    for chunk in fresh.chunks(mailbox.settings.batch.max(1)).chain(again.chunks(1)) {
        let sizes = mailbox.sizes(chunk, patience).await?;
        absent(chunk, sizes.iter().map(|(uid, _)| *uid), patience);
        for batch in batches(&sizes) {
            let fetched = mailbox.fetch(&batch, patience).await;
            let kept = received(under_way.take(), patience, round).await;
            let (uids, mails): (Vec<u32>, Vec<Incoming>) = fetched?.into_iter().unzip();
            let asked: Vec<u32> = batch.iter().map(|(uid, _)| *uid).collect();
            absent(&asked, uids.iter().copied(), patience);
            if round.refused.is_none() && !mails.is_empty() {
                let mailroom = mailroom.clone();
                let receipts = tokio::spawn(async move { mailroom.deliver(mails).await });
                *under_way = Some(UnderWay { uids, receipts });
            }
            put_away(mailbox, &kept, patience, round).await?;
            if round.refused.is_some() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Waits until a batch is durable, or is not; gives the mails that are.
async fn received(under_way: Option<UnderWay>, patience: &mut Patience, round: &mut Round) -> Vec<u32> {
    let Some(UnderWay { uids, receipts }) = under_way else { return Vec::new() };
    let receipts = receipts.await.unwrap_or_default();
    let mut kept = Vec::new();
    let mut later = None;
    for (uid, receipt) in uids.into_iter().zip(receipts) {
        match receipt {
            Receipt::Kept => kept.push(uid),
            Receipt::Later(why) => {
                patience.defer(uid, Stage::Store, Instant::now());
                later = Some(why);
            }
        }
    }
    round.taken += kept.len();
    // Known as durable before anything else can go wrong: then it is not fetched again.
    patience.keep(&kept, Instant::now());
    round.refused = later.filter(|_| kept.is_empty());
    kept
}

/// Mails that were asked for and did not come.
fn absent(asked: &[u32], came: impl Iterator<Item = u32> + Clone, patience: &mut Patience) {
    for uid in asked.iter().filter(|uid| !came.clone().any(|one| one == **uid)) {
        patience.defer(*uid, Stage::Fetch, Instant::now());
    }
}

/// A refusal is told and tried again later; the mails are durable, so nothing has to wait for it.
async fn put_away(
    mailbox: &mut Mailbox<'_>,
    uids: &[u32],
    patience: &mut Patience,
    round: &mut Round,
) -> Result<(), Trouble> {
    match mailbox.put_away(uids).await {
        Ok(()) => patience.settle(uids),
        Err(Trouble::Refused(why)) => {
            uids.iter().for_each(|uid| patience.defer(*uid, Stage::PutAway, Instant::now()));
            round.lying = Some(why);
        }
        Err(trouble) => return Err(trouble),
    }
    Ok(())
}

/// Splits mails so that no batch holds more octets than it may.
fn batches(sizes: &[(u32, u32)]) -> Vec<Vec<(u32, u32)>> {
    let mut batches: Vec<Vec<(u32, u32)>> = Vec::new();
    let mut octets = 0;
    for mail in sizes {
        match batches.last_mut() {
            Some(batch) if octets + u64::from(mail.1) <= BATCH_OCTETS => batch.push(*mail),
            _ => {
                batches.push(vec![*mail]);
                octets = 0;
            }
        }
        octets += u64::from(mail.1);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_below_their_octets_and_a_giant_goes_alone() {
        let giant = u32::MAX;
        let split = batches(&[(1, 10), (2, 20), (3, giant), (4, 5)]);
        assert_eq!(split, [vec![(1, 10), (2, 20)], vec![(3, giant)], vec![(4, 5)]]);
    }
}

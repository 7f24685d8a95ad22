//! An open mailbox: what lies there is fetched in bounded batches, handed over, and put away when it is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode};

use super::session::{Session, Trouble};
use super::settings::{After, Settings};
use crate::source::{Health, Incoming, Mailroom, Receipt};

/// Bytes of mails in one batch; one mail may be larger by itself.
const BATCH_BYTES: u64 = 32 << 20;
/// Bytes of text that are fetched of a mail over the limit.
const BEGINNING: u32 = 256 << 10;
/// A difficult mail is left alone for up to 2 to the power of this many rounds.
const MOST_PATIENCE: u32 = 8;

/// A selected folder.
#[derive(Debug)]
pub struct Mailbox<'a> {
    session: Session,
    settings: &'a Settings,
    name: &'a str,
    uid_validity: u32,
    /// Taken in this session, in flag mode: the search may still show them.
    done: BTreeSet<u32>,
    since: Instant,
    round: u32,
}

impl<'a> Mailbox<'a> {
    /// Opens the folder, and makes the one that mails are moved to where it is missing.
    pub async fn select(mut session: Session, name: &'a str, settings: &'a Settings) -> Result<Self, Trouble> {
        if let After::MoveTo(folder) = &settings.after {
            // Where it is there, the server refuses to make it again; whether it can be used shows at the first move.
            match session.exec(&format!("CREATE {}", quoted(folder)), |_| {}).await {
                Ok(_) | Err(Trouble::Refused(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let mut uid_validity = None;
        let note = |response: &Response<'_>| {
            if let Response::Data { outcome, .. } = response
                && let Some(ResponseCode::UidValidity(number)) = outcome.code
            {
                uid_validity = Some(number);
            }
        };
        let folder = &settings.folder;
        session.exec(&format!("SELECT {}", quoted(folder)), note).await.map_err(|trouble| match trouble {
            // A server that asks for time will open the folder later.
            Trouble::Refused(ref said) if trouble.back_off().is_none() => {
                Trouble::Rejected(format!("folder {folder} can't be opened ({said}); check folder"))
            }
            other => other,
        })?;
        let uid_validity =
            uid_validity.ok_or_else(|| Trouble::Lost(format!("the server gives no UIDVALIDITY for {folder}")))?;
        Ok(Self { session, settings, name, uid_validity, done: BTreeSet::new(), since: Instant::now(), round: 0 })
    }

    /// UIDs of the mails that wait, oldest first.
    pub async fn search(&mut self) -> Result<Vec<u32>, Trouble> {
        let command = match &self.settings.after {
            After::Flag(word) => format!("UID SEARCH UNKEYWORD {word} UNDELETED"),
            After::MoveTo(_) => "UID SEARCH UNDELETED".to_owned(),
        };
        let mut found = Vec::new();
        let note = |response: &Response<'_>| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                found.extend(uids.iter().copied());
            }
        };
        self.session.exec(&command, note).await?;
        found.retain(|uid| !self.done.contains(uid));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Takes everything that waits; says how it went. `difficult` counts failures of single mails.
    pub async fn take_all(
        &mut self,
        mailroom: &Mailroom,
        difficult: &mut BTreeMap<u32, u32>,
    ) -> Result<Health, Trouble> {
        self.round += 1;
        let (waiting, round) = (self.search().await?, self.round);
        let patient =
            |uid: &u32| difficult.get(uid).is_none_or(|times| round.is_multiple_of(1 << (*times).min(MOST_PATIENCE)));
        let due: Vec<u32> = waiting.iter().copied().filter(patient).collect();
        let (mut taken, mut later) = (0, None);
        for chunk in due.chunks(self.settings.batch) {
            let sizes = self.sizes(chunk).await?;
            for batch in batches(&sizes) {
                let mails = self.fetch(&batch, difficult).await?;
                let (uids, mails): (Vec<u32>, Vec<Incoming>) = mails.into_iter().unzip();
                let receipts = mailroom.deliver(mails).await;
                let kept: Vec<u32> = uids
                    .iter()
                    .zip(&receipts)
                    .filter(|(_, receipt)| **receipt == Receipt::Kept)
                    .map(|(uid, _)| *uid)
                    .collect();
                later = later.or(receipts.iter().find_map(|receipt| match receipt {
                    Receipt::Later(why) => Some(why.clone()),
                    Receipt::Kept => None,
                }));
                self.put_away(&kept).await?;
                difficult.retain(|uid, _| !kept.contains(uid));
                taken += kept.len();
            }
        }
        Ok(match (later, difficult.len()) {
            (Some(why), _) => Health::Trouble(format!("mail waits in {}: {why}", self.settings.folder)),
            (None, 0) => Health::Well(format!("mails taken: {taken}")),
            (None, stuck) => Health::Trouble(format!(
                "{stuck} mails in {} can't be fetched, the first has UID {}; the others go on",
                self.settings.folder,
                difficult.keys().next().copied().unwrap_or_default()
            )),
        })
    }

    /// Sizes before bodies: nothing is fetched whose size is not known.
    async fn sizes(&mut self, uids: &[u32]) -> Result<Vec<(u32, u32)>, Trouble> {
        let mut sizes = BTreeMap::new();
        let note = |response: &Response<'_>| {
            let Response::Fetch(_, values) = response else { return };
            let uid =
                values.iter().find_map(|value| if let AttributeValue::Uid(uid) = value { Some(*uid) } else { None });
            let size = values
                .iter()
                .find_map(|value| if let AttributeValue::Rfc822Size(size) = value { Some(*size) } else { None });
            sizes.extend(uid.zip(size));
        };
        self.session.exec(&format!("UID FETCH {} (UID RFC822.SIZE)", set(uids)), note).await?;
        // A mail that another program has taken meanwhile has no size and is not asked for.
        Ok(uids.iter().filter_map(|uid| Some((*uid, *sizes.get(uid)?))).collect())
    }

    /// The mails of a batch. One that does not come is counted as difficult.
    async fn fetch(
        &mut self,
        batch: &[(u32, u32)],
        difficult: &mut BTreeMap<u32, u32>,
    ) -> Result<Vec<(u32, Incoming)>, Trouble> {
        let limit = self.settings.largest_mail;
        let large = batch.iter().filter(|(_, size)| *size > limit);
        let mut bodies = BTreeMap::new();
        let uids: Vec<u32> = batch.iter().filter(|(_, size)| *size <= limit).map(|(uid, _)| *uid).collect();
        if !uids.is_empty() {
            match self.bodies(&uids, "BODY.PEEK[]", &mut bodies).await {
                // One mail that the server can't give spoils the answer for all: each is asked for alone.
                Err(Trouble::Refused(_)) if uids.len() > 1 => self.one_by_one(&uids, &mut bodies).await?,
                Err(Trouble::Refused(_)) => {}
                other => other?,
            }
        }
        for (uid, size) in large {
            self.beginning(*uid, *size, &mut bodies).await?;
        }
        for (uid, _) in batch.iter().filter(|(uid, _)| !bodies.contains_key(uid)) {
            *difficult.entry(*uid).or_default() += 1;
        }
        Ok(bodies.into_iter().map(|(uid, raw)| (uid, self.incoming(uid, raw))).collect())
    }

    async fn one_by_one(&mut self, uids: &[u32], bodies: &mut BTreeMap<u32, Vec<u8>>) -> Result<(), Trouble> {
        for uid in uids {
            match self.bodies(&[*uid], "BODY.PEEK[]", bodies).await {
                Ok(()) | Err(Trouble::Refused(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    /// Header and first part of the text of a mail over the limit, with its real size on top.
    async fn beginning(&mut self, uid: u32, size: u32, bodies: &mut BTreeMap<u32, Vec<u8>>) -> Result<(), Trouble> {
        let (mut header, mut text) = (BTreeMap::new(), BTreeMap::new());
        self.bodies(&[uid], "BODY.PEEK[HEADER]", &mut header).await?;
        self.bodies(&[uid], &format!("BODY.PEEK[TEXT]<0.{BEGINNING}>"), &mut text).await?;
        if let (Some(header), Some(text)) = (header.remove(&uid), text.remove(&uid)) {
            let mut raw = format!("X-GGUS-Cut: {size}\r\n").into_bytes();
            raw.extend(header);
            raw.extend(text);
            bodies.insert(uid, raw);
        }
        Ok(())
    }

    async fn bodies(&mut self, uids: &[u32], what: &str, bodies: &mut BTreeMap<u32, Vec<u8>>) -> Result<(), Trouble> {
        let note = |response: &Response<'_>| {
            let Response::Fetch(_, values) = response else { return };
            let uid =
                values.iter().find_map(|value| if let AttributeValue::Uid(uid) = value { Some(*uid) } else { None });
            let body = values.iter().find_map(|value| match value {
                AttributeValue::BodySection { data: Some(data), .. } => Some(data.to_vec()),
                _ => None,
            });
            if let Some((uid, body)) = uid.zip(body).filter(|(uid, _)| uids.contains(uid)) {
                bodies.insert(uid, body);
            }
        };
        self.session.exec(&format!("UID FETCH {} (UID {what})", set(uids)), note).await.map(|_| ())
    }

    fn incoming(&self, uid: u32, raw: Vec<u8>) -> Incoming {
        let Settings { user, host, folder, .. } = self.settings;
        let identity = format!("imap:{user}@{host}/{folder};{};{uid}", self.uid_validity);
        Incoming { source: self.name.to_owned(), identity, recipients: Vec::new(), raw }
    }

    /// Moves or flags mails that are durable, one command for all of them.
    async fn put_away(&mut self, uids: &[u32]) -> Result<(), Trouble> {
        if uids.is_empty() {
            return Ok(());
        }
        let set = set(uids);
        let abilities = self.session.abilities();
        match &self.settings.after {
            After::Flag(word) => {
                self.session.exec(&format!("UID STORE {set} +FLAGS.SILENT ({word})"), |_| {}).await?;
                self.done.extend(uids);
            }
            After::MoveTo(folder) if abilities.moves => {
                self.session.exec(&format!("UID MOVE {set} {}", quoted(folder)), |_| {}).await?;
            }
            After::MoveTo(folder) => {
                self.session.exec(&format!("UID COPY {set} {}", quoted(folder)), |_| {}).await?;
                self.session.exec(&format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"), |_| {}).await?;
                // Without UIDPLUS an expunge would take whatever else is marked: then the mark is all.
                if abilities.uidplus {
                    self.session.exec(&format!("UID EXPUNGE {set}"), |_| {}).await?;
                }
            }
        }
        Ok(())
    }

    /// Until the server announces mail, or it is time to look.
    pub async fn wait_for_mail(&mut self) -> Result<(), Trouble> {
        if self.settings.token_file.is_some() || self.settings.token_command.is_some() {
            let left = self.settings.token_lifetime.saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return Err(Trouble::Lost("the token grows old, a new login is made".to_owned()));
            }
        }
        if self.settings.idle && self.session.abilities().idle {
            // A server may drop a client after 30 minutes of silence (RFC 2177).
            return self.session.idle(self.settings.poll.min(Duration::from_secs(25 * 60))).await;
        }
        tokio::time::sleep(self.settings.poll).await;
        self.session.exec("NOOP", |_| {}).await.map(|_| ())
    }

    /// Logs out.
    pub async fn leave(self) -> Result<(), Trouble> {
        self.session.leave().await
    }
}

/// Splits mails so that no batch holds more bytes than it may.
fn batches(sizes: &[(u32, u32)]) -> Vec<Vec<(u32, u32)>> {
    let mut batches: Vec<Vec<(u32, u32)>> = Vec::new();
    let mut bytes = 0;
    for mail in sizes {
        match batches.last_mut() {
            Some(batch) if bytes + u64::from(mail.1) <= BATCH_BYTES => batch.push(*mail),
            _ => {
                batches.push(vec![*mail]);
                bytes = 0;
            }
        }
        bytes += u64::from(mail.1);
    }
    batches
}

/// `1:3,7`: runs are written short, so that a command stays short.
fn set(uids: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match parts.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*uid) => *last = *uid,
            _ => parts.push((*uid, *uid)),
        }
    }
    let word = |(first, last): (u32, u32)| if first == last { first.to_string() } else { format!("{first}:{last}") };
    parts.into_iter().map(word).collect::<Vec<_>>().join(",")
}

/// A folder name as a quoted string in modified UTF-7 (RFC 3501 section 5.1.3).
fn quoted(folder: &str) -> String {
    let mut out = String::from("\"");
    let mut run: Vec<u16> = Vec::new();
    for c in folder.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut out, &mut run);
            match c {
                '&' => out.push_str("&-"),
                '"' | '\\' => out.extend(['\\', c]),
                _ => out.push(c),
            }
        } else if !c.is_control() {
            run.extend(c.encode_utf16(&mut [0; 2]).iter());
        }
    }
    flush(&mut out, &mut run);
    out.push('"');
    out
}

fn flush(out: &mut String, run: &mut Vec<u16>) {
    use base64::Engine as _;
    if run.is_empty() {
        return;
    }
    let bytes: Vec<u8> = run.drain(..).flat_map(u16::to_be_bytes).collect();
    let coded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes).replace('/', ",");
    out.push_str(&format!("&{coded}-"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_short_and_names_are_coded() {
        assert_eq!(set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(quoted("Größe"), "\"Gr&APYA3w-e\"");
        assert_eq!(quoted("a & \"b\""), "\"a &- \\\"b\\\"\"");
        assert_eq!(quoted("台北"), "\"&U,BTFw-\"");
    }

    #[test]
    fn batches_keep_below_their_bytes_and_a_giant_goes_alone() {
        let giant = u32::MAX;
        let split = batches(&[(1, 10), (2, 20), (3, giant), (4, 5)]);
        assert_eq!(split, [vec![(1, 10), (2, 20)], vec![(3, giant)], vec![(4, 5)]]);
    }
}

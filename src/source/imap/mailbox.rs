//! An open folder: search, fetch, put away, wait. Each is one or a few commands; what follows from them is decided in
//! [`super::round`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode};

use super::patience::Patience;
use super::session::{Session, Trouble};
use super::settings::{After, Settings};
use super::words::{quoted, set};
use crate::source::Incoming;

/// Octets of header and of text that are fetched of a mail over the limit.
const BEGINNING: usize = 256 << 10;
/// Octets that even a slow line brings within a second, beside the usual limit of an answer.
const SLOWEST: u64 = 128 << 10;
/// A server may drop a client after 30 minutes of silence (RFC 2177).
const LONGEST_IDLE: Duration = Duration::from_secs(25 * 60);

/// A selected folder.
#[derive(Debug)]
pub struct Mailbox<'a> {
    session: Session,
    pub(super) settings: &'a Settings,
    name: &'a str,
    uid_validity: u32,
    /// Put away in this session: a search may still show them.
    done: BTreeSet<u32>,
    /// When the login should be made anew.
    until: Option<Instant>,
}

/// What a server says of a folder when it is opened.
#[derive(Debug, Default)]
struct Opened {
    uid_validity: Option<u32>,
    keeps: Option<Vec<String>>,
    read_only: bool,
}

impl<'a> Mailbox<'a> {
    /// Opens the folder, and makes the one that mails are moved to where it is missing.
    pub async fn select(
        (mut session, until): (Session, Option<Instant>),
        name: &'a str,
        settings: &'a Settings,
    ) -> Result<Self, Trouble> {
        if let After::MoveTo(folder) = &settings.after {
            // Where it is there, the server refuses to make it again; whether it can be used shows at the first move.
            match session.exec(&format!("CREATE {}", quoted(folder)), |_| {}).await {
                Ok(_) | Err(Trouble::Refused(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let folder = &settings.folder;
        let mut opened = Opened::default();
        let ended = session.exec(&format!("SELECT {}", quoted(folder)), |response| opened.note(response)).await;
        ended.map_err(|trouble| match trouble {
            // A server that asks for time will open the folder later.
            Trouble::Refused(ref said) if !Trouble::is_for_now(said) => {
                Trouble::Rejected(format!("folder {folder} can't be opened ({said}); check folder"))
            }
            other => other,
        })?;
        let uid_validity = opened.check(settings)?;
        Ok(Self { session, settings, name, uid_validity, done: BTreeSet::new(), until })
    }

    /// The number without which UIDs mean nothing (RFC 3501 section 2.3.1.1).
    pub fn uid_validity(&self) -> u32 {
        self.uid_validity
    }

    /// UIDs of the mails that lie there and are not put away, oldest first.
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
        self.session.forget_news();
        self.session.exec(&command, note).await?;
        found.retain(|uid| !self.done.contains(uid));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Sizes before bodies: nothing is fetched whose size is not known. A mail without one is missing in the answer.
    pub async fn sizes(&mut self, uids: &[u32], patience: &mut Patience) -> Result<Vec<(u32, u32)>, Trouble> {
        let mut sizes = BTreeMap::new();
        let mut note = |uid, value: &AttributeValue<'_>| {
            if let AttributeValue::Rfc822Size(size) = value {
                sizes.insert(uid, *size);
            }
        };
        self.ask(uids, "RFC822.SIZE", 0, &mut note, patience).await?;
        Ok(sizes.into_iter().collect())
    }

    /// The mails of a batch, as far as they come.
    pub async fn fetch(
        &mut self,
        batch: &[(u32, u32)],
        patience: &mut Patience,
    ) -> Result<Vec<(u32, Incoming)>, Trouble> {
        let (whole, large): (Vec<_>, Vec<_>) =
            batch.iter().copied().partition(|(_, size)| *size <= self.settings.largest_mail);
        let (uids, octets) = (whole.iter().map(|(uid, _)| *uid).collect::<Vec<u32>>(), octets(&whole));
        let mut mails = self.bodies(&uids, "BODY.PEEK[]", octets, patience).await?;
        for (uid, size) in large {
            mails.extend(self.beginning(uid, size, patience).await?.map(|raw| (uid, raw)));
        }
        Ok(mails.into_iter().map(|(uid, raw)| (uid, self.incoming(uid, raw))).collect())
    }

    /// Header and first part of the text of a mail over the limit, with its real size on top.
    async fn beginning(&mut self, uid: u32, size: u32, patience: &mut Patience) -> Result<Option<Vec<u8>>, Trouble> {
        let octets = BEGINNING as u64;
        let header = format!("BODY.PEEK[HEADER]<0.{BEGINNING}>");
        let header = self.bodies(&[uid], &header, octets, patience).await?.remove(&uid);
        let text = format!("BODY.PEEK[TEXT]<0.{BEGINNING}>");
        let text = self.bodies(&[uid], &text, octets, patience).await?.remove(&uid);
        Ok(header.zip(text).map(|(header, text)| cut(size, &header, &text)))
    }

    async fn bodies(
        &mut self,
        uids: &[u32],
        what: &str,
        octets: u64,
        patience: &mut Patience,
    ) -> Result<BTreeMap<u32, Vec<u8>>, Trouble> {
        let mut bodies = BTreeMap::new();
        let mut note = |uid, value: &AttributeValue<'_>| {
            if let AttributeValue::BodySection { data: Some(data), .. } = value {
                bodies.insert(uid, data.to_vec());
            }
        };
        self.ask(uids, what, octets, &mut note, patience).await?;
        Ok(bodies)
    }

    /// Asks for all at once. Where the server refuses, for each alone: one mail that it can't give spoils the answer
    /// for all. Where the connection breaks, those that were asked for are to blame.
    async fn ask(
        &mut self,
        uids: &[u32],
        what: &str,
        octets: u64,
        on: &mut impl FnMut(u32, &AttributeValue<'_>),
        patience: &mut Patience,
    ) -> Result<(), Trouble> {
        let alone = match self.items(uids, what, octets, on).await {
            Ok(()) => return Ok(()),
            Err(Trouble::Refused(_)) if uids.len() > 1 => uids,
            Err(Trouble::Refused(_)) => return Ok(()),
            Err(trouble) => {
                patience.blame(uids, Instant::now());
                return Err(trouble);
            }
        };
        for uid in alone {
            match self.items(&[*uid], what, octets, on).await {
                Ok(()) | Err(Trouble::Refused(_)) => {}
                Err(trouble) => {
                    patience.blame(&[*uid], Instant::now());
                    return Err(trouble);
                }
            }
        }
        Ok(())
    }

    /// One FETCH; what nobody asked for is not looked at.
    async fn items(
        &mut self,
        uids: &[u32],
        what: &str,
        octets: u64,
        on: &mut impl FnMut(u32, &AttributeValue<'_>),
    ) -> Result<(), Trouble> {
        if uids.is_empty() {
            return Ok(());
        }
        let note = |response: &Response<'_>| {
            let Response::Fetch(_, values) = response else { return };
            let uid = values.iter().find_map(|value| match value {
                AttributeValue::Uid(uid) => Some(*uid),
                _ => None,
            });
            if let Some(uid) = uid.filter(|uid| uids.contains(uid)) {
                values.iter().for_each(|value| on(uid, value));
            }
        };
        let more = Duration::from_secs(octets / SLOWEST);
        self.session.exec_for(more, &format!("UID FETCH {} (UID {what})", set(uids)), note).await.map(|_| ())
    }

    fn incoming(&self, uid: u32, raw: Vec<u8>) -> Incoming {
        let Settings { user, host, folder, .. } = self.settings;
        let identity = format!("imap:{user}@{host}/{folder};{};{uid}", self.uid_validity);
        Incoming::new(self.name, identity, raw)
    }

    /// Moves or flags mails that are durable, one command for all of them.
    pub async fn put_away(&mut self, uids: &[u32]) -> Result<(), Trouble> {
        if uids.is_empty() {
            return Ok(());
        }
        let set = set(uids);
        let abilities = self.session.abilities();
        match &self.settings.after {
            After::Flag(word) => {
                self.session.exec(&format!("UID STORE {set} +FLAGS.SILENT ({word})"), |_| {}).await?;
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
        self.done.extend(uids);
        Ok(())
    }

    /// Whether the token of this login grows old.
    pub fn is_old(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }

    /// Until the server announces mail, it is time to look, or `most` has passed.
    pub async fn wait_for_mail(&mut self, most: Duration) -> Result<(), Trouble> {
        if self.session.has_news() {
            return Ok(());
        }
        let most = most.min(self.settings.poll);
        if self.settings.idle && self.session.abilities().idle {
            return self.session.idle(most.min(self.left()).min(LONGEST_IDLE)).await;
        }
        self.rest(most).await
    }

    /// Leaves the mails alone for a time, whatever the server announces.
    pub async fn rest(&mut self, time: Duration) -> Result<(), Trouble> {
        tokio::time::sleep(time.min(self.left())).await;
        self.session.exec("NOOP", |_| {}).await.map(|_| ())
    }

    fn left(&self) -> Duration {
        self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Logs out.
    pub async fn leave(self) -> Result<(), Trouble> {
        self.session.leave().await
    }
}

impl Opened {
    fn note(&mut self, response: &Response<'_>) {
        let (Response::Data { outcome, .. } | Response::Done { outcome, .. }) = response else { return };
        match &outcome.code {
            Some(ResponseCode::UidValidity(number)) => self.uid_validity = Some(*number),
            Some(ResponseCode::PermanentFlags(flags)) => {
                self.keeps = Some(flags.iter().map(|flag| flag.to_lowercase()).collect());
            }
            Some(ResponseCode::ReadOnly) => self.read_only = true,
            _ => {}
        }
    }

    /// Whether mails can be named and put away in this folder; its UIDVALIDITY.
    fn check(&self, settings: &Settings) -> Result<u32, Trouble> {
        let folder = &settings.folder;
        if self.read_only {
            let what = format!("folder {folder} is read-only for {}", settings.user);
            return Err(Trouble::Rejected(format!("{what}; give the user the right to move mails out of it")));
        }
        if let (After::Flag(word), Some(keeps)) = (&settings.after, &self.keeps)
            && !keeps.iter().any(|kept| kept == "\\*" || *kept == word.to_lowercase())
        {
            let what = format!("the server keeps no keyword {word} in {folder}");
            return Err(Trouble::Rejected(format!("{what}; set after = {{ move_to = \"Processed\" }}")));
        }
        self.uid_validity.ok_or_else(|| Trouble::Lost(format!("the server gives no UIDVALIDITY for {folder}")))
    }
}

fn octets(mails: &[(u32, u32)]) -> u64 {
    mails.iter().map(|(_, size)| u64::from(*size)).sum()
}

/// The beginning of a mail of `size` octets. A header that is itself over the limit ends where it was cut.
fn cut(size: u32, header: &[u8], text: &[u8]) -> Vec<u8> {
    let end: &[u8] = if header.len() < BEGINNING { b"" } else { b"\r\n\r\n" };
    [format!("X-GGUS-Cut: {size}\r\n").as_bytes(), header, end, text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_cut_still_ends() {
        assert_eq!(cut(9, b"A: b\r\n\r\n", b"text"), b"X-GGUS-Cut: 9\r\nA: b\r\n\r\ntext");
        let raw = cut(9, &vec![b'x'; BEGINNING], b"text");
        assert!(raw.ends_with(b"x\r\n\r\ntext"));
    }
}

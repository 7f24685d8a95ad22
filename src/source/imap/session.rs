//! A logged-in connection, command by command. Nothing is believed without the tagged OK of that very command.

use std::time::Duration;

use async_imap::imap_proto::{Capability, MailboxDatum, Response, Status};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// What the connection runs over.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Wire for T {}

/// Why a command did not succeed. After [`Trouble::Lost`] and [`Trouble::Slow`] nothing more is said on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is gone, or says what can't be read.
    Lost(String),
    /// The server refused the command: what it said.
    Refused(String),
    /// The login was rejected, or can't be tried: what a person must do.
    Rejected(String),
    /// No answer within the time limit.
    Slow(String),
}

impl Trouble {
    /// What happened, on one line.
    pub fn text(&self) -> String {
        match self {
            Self::Lost(text) | Self::Refused(text) | Self::Rejected(text) | Self::Slow(text) => text.clone(),
        }
    }

    /// Whether only a person can mend it.
    pub fn is_rejection(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// A refusal that time heals, by what the server says (RFC 5530), though nobody does anything.
    pub fn is_for_now(said: &str) -> bool {
        let said = said.to_lowercase();
        ["[unavailable]", "[inuse]", "[limit]", "[serverbug]", "backoff", "throttled", "too many"]
            .iter()
            .any(|word| said.contains(word))
    }

    /// How long the server asks to be left alone (`Suggested Backoff Time: 300000 milliseconds`).
    pub fn back_off(&self) -> Option<Duration> {
        let text = self.text().to_lowercase();
        let (_, rest) = text.split_once("backoff time")?;
        let digits: String =
            rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let milliseconds = digits.parse::<u64>().ok()?;
        // More than an hour would be a mistake of the server's.
        Some(Duration::from_millis(milliseconds).min(Duration::from_secs(3_600)))
    }
}

/// What the server can do, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// RFC 2177.
    pub idle: bool,
    /// RFC 6851.
    pub moves: bool,
    /// RFC 4315.
    pub uidplus: bool,
}

impl std::fmt::Display for Abilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [("IDLE", self.idle), ("MOVE", self.moves), ("UIDPLUS", self.uidplus)];
        let there: Vec<&str> = names.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect();
        f.write_str(&if there.is_empty() { "none of IDLE, MOVE, UIDPLUS".to_owned() } else { there.join(", ") })
    }
}

/// A logged-in connection.
#[derive(Debug)]
pub struct Session {
    wire: async_imap::Session<Box<dyn Wire>>,
    limit: Duration,
    abilities: Abilities,
    /// Mails in the folder, as far as the server has told.
    count: u32,
    /// Mail was announced that no search has seen yet.
    news: bool,
}

impl Session {
    /// Takes over a connection on which the login has succeeded.
    pub async fn new(wire: async_imap::Session<Box<dyn Wire>>, limit: Duration) -> Result<Self, Trouble> {
        let mut session = Self { wire, limit, abilities: Abilities::default(), count: 0, news: false };
        let mut abilities = Abilities::default();
        let note = |response: &Response<'_>| {
            if let Response::Capabilities(list) = response {
                let has = |word: &str| {
                    list.iter().any(|one| matches!(one, Capability::Atom(name) if name.eq_ignore_ascii_case(word)))
                };
                (abilities.idle, abilities.moves, abilities.uidplus) = (has("IDLE"), has("MOVE"), has("UIDPLUS"));
            }
        };
        session.exec("CAPABILITY", note).await?;
        session.abilities = abilities;
        Ok(session)
    }

    /// What the server can do.
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// Runs a command; its responses go to `on`, its tagged one too. The text is what the server said with its OK.
    pub async fn exec(&mut self, command: &str, on: impl FnMut(&Response<'_>)) -> Result<String, Trouble> {
        self.exec_for(Duration::ZERO, command, on).await
    }

    /// Like [`Self::exec`], with `more` than the usual time: for as many octets as were asked for.
    pub async fn exec_for(
        &mut self,
        more: Duration,
        command: &str,
        mut on: impl FnMut(&Response<'_>),
    ) -> Result<String, Trouble> {
        let (limit, name) = (self.limit + more, short(command));
        let (count, news) = (&mut self.count, &mut self.news);
        let run = async {
            let id = self.wire.run_command(command).await.map_err(|error| lost(&name, &error))?;
            loop {
                let ended = next(&mut self.wire, &name, |response| match response {
                    Response::Done { tag, status, outcome } if *tag == id => {
                        on(response);
                        let said = outcome.information.as_deref().unwrap_or_default().to_owned();
                        Some(if *status == Status::Ok { Ok(said) } else { Err(said) })
                    }
                    other => {
                        *news |= is_more(other, count);
                        on(other);
                        None
                    }
                });
                match ended.await? {
                    Some(Ok(said)) => return Ok(said),
                    Some(Err(said)) => return Err(Trouble::Refused(format!("the server refuses {name}: {said}"))),
                    None => {}
                }
            }
        };
        timeout(limit, run).await.unwrap_or_else(|_| Err(slow(&name, limit)))
    }

    /// A search is about to look at everything that was announced so far.
    pub fn forget_news(&mut self) {
        self.news = false;
    }

    /// Whether mail was announced since. IDLE would not announce it again.
    pub fn has_news(&self) -> bool {
        self.news
    }

    /// Waits until the server announces mail, or `most` has passed (RFC 2177). What it announces before it grants the
    /// IDLE counts too.
    pub async fn idle(&mut self, most: Duration) -> Result<(), Trouble> {
        let limit = self.limit;
        let grant = async {
            let id = self.wire.run_command("IDLE").await.map_err(|error| lost("IDLE", &error))?;
            let mut news = false;
            loop {
                let granted = next(&mut self.wire, "IDLE", |response| match response {
                    Response::Continue(_) => Some(Ok(())),
                    Response::Done { tag, outcome, .. } if *tag == id => {
                        Some(Err(outcome.information.as_deref().unwrap_or_default().to_owned()))
                    }
                    other => {
                        news |= is_news(other);
                        None
                    }
                });
                match granted.await? {
                    Some(Ok(())) => return Ok((id, news)),
                    Some(Err(said)) => return Err(Trouble::Refused(format!("the server refuses IDLE: {said}"))),
                    None => {}
                }
            }
        };
        let (id, mut news) = timeout(limit, grant).await.unwrap_or_else(|_| Err(slow("IDLE", limit)))?;
        let wait = async {
            while !news {
                news = next(&mut self.wire, "IDLE", is_news).await?;
            }
            Ok::<(), Trouble>(())
        };
        if let Ok(ended) = timeout(most, wait).await {
            ended?;
        }
        let end = async {
            self.wire.run_command_untagged("DONE").await.map_err(|error| lost("DONE", &error))?;
            let is_end = |response: &Response<'_>| matches!(response, Response::Done { tag, .. } if *tag == id);
            while !next(&mut self.wire, "DONE", is_end).await? {}
            Ok(())
        };
        timeout(limit, end).await.unwrap_or_else(|_| Err(slow("DONE", limit)))
    }

    /// Says goodbye; the server's BYE is what is expected.
    pub async fn leave(mut self) -> Result<(), Trouble> {
        match timeout(self.limit, self.wire.logout()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(slow("LOGOUT", self.limit)),
        }
    }
}

/// The next response, seen by `look`. A goodbye, an end and what can't be read are all a lost connection.
async fn next<T>(
    wire: &mut async_imap::Session<Box<dyn Wire>>,
    name: &str,
    look: impl FnOnce(&Response<'_>) -> T,
) -> Result<T, Trouble> {
    let response = wire.read_response().await.map_err(|error| lost(name, &error))?;
    let response = response.ok_or_else(|| lost(name, &"the server closed the connection"))?;
    if let Response::Data { status: Status::Bye, outcome } = response.parsed() {
        let said = outcome.information.as_deref().unwrap_or_default();
        return Err(lost(name, &format!("the server says goodbye: {said}")));
    }
    Ok(look(response.parsed()))
}

/// What a command is called in a message: its words, and which mails it was about.
fn short(command: &str) -> String {
    command.split(' ').take(3).collect::<Vec<_>>().join(" ").chars().take(60).collect()
}

/// Whether there are more mails than before; keeps the count.
fn is_more(response: &Response<'_>, count: &mut u32) -> bool {
    match response {
        Response::MailboxData(MailboxDatum::Exists(now)) => std::mem::replace(count, *now) < *now,
        Response::Expunge(_) => {
            *count = count.saturating_sub(1);
            false
        }
        _ => false,
    }
}

fn is_news(response: &Response<'_>) -> bool {
    matches!(response, Response::MailboxData(MailboxDatum::Exists(_) | MailboxDatum::Recent(_)))
}

/// The library's words for an answer that it can't read end in that answer: mails don't belong into a log.
fn lost(name: &str, error: &dyn std::fmt::Display) -> Trouble {
    let error = error.to_string();
    let told = match error.split_once("during parsing of") {
        Some(_) => "the server's answer can't be read",
        None => error.as_str(),
    };
    let told: String = told.chars().take(300).collect();
    Trouble::Lost(format!("the connection is lost at {name}: {told}"))
}

fn slow(name: &str, limit: Duration) -> Trouble {
    Trouble::Slow(format!("the server does not answer {name} within {} s", limit.as_secs_f32()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_mails_are_news_and_fewer_are_not() {
        let mut count = 0;
        let mut told = |response: Response<'_>| is_more(&response, &mut count);
        assert!(told(Response::MailboxData(MailboxDatum::Exists(2))));
        assert!(!told(Response::Expunge(1)));
        assert!(!told(Response::MailboxData(MailboxDatum::Exists(1))));
        assert!(told(Response::MailboxData(MailboxDatum::Exists(2))));
    }

    #[test]
    fn a_mail_that_cannot_be_parsed_is_not_told() {
        let told = lost("UID FETCH", &"Error during parsing of \"Subject: private\"").text();
        assert_eq!(told, "the connection is lost at UID FETCH: the server's answer can't be read");
    }

    #[test]
    fn a_back_off_hint_is_read() {
        let hint = Trouble::Refused("Request is throttled. Suggested Backoff Time: 299 milliseconds".to_owned());
        assert_eq!(hint.back_off(), Some(Duration::from_millis(299)));
        assert_eq!(Trouble::Lost("gone".to_owned()).back_off(), None);
    }
}

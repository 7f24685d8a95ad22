//! From a name to an open conversation: address, TCP, greeting, EHLO, STARTTLS, login (RFC 5321 section 3.1, RFC 3207).
//!
//! Each step has its time limit and its own error text. What fails here is never the fault of a parcel.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Ehlo, Quit, Starttls};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::{Response, Severity};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::super::Trouble;
use super::answer::{Refusal, seconds};
use super::settings::{Settings, Tls};
use super::wire::Wire;
use super::{login, tls};

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// How long a farewell may take.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// An open conversation, greeted and logged in.
pub(super) struct Line {
    pub connection: AsyncSmtpConnection,
    pub offers: Offers,
    place: String,
    encrypted: bool,
    /// The server is this very machine.
    loopback: bool,
    limit: Duration,
}

/// What the server offers in its answer to EHLO (RFC 1869).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub starttls: bool,
    /// Longest mail in octets (RFC 1870); `None` where the server names no limit.
    pub size: Option<u64>,
    /// Whether the server knows SIZE at all.
    pub knows_size: bool,
    pub eight_bit: bool,
    pub utf8: bool,
    /// Login mechanisms, upper case.
    pub mechanisms: Vec<String>,
}

/// Opens a conversation.
///
/// # Errors
/// What failed and, where a person can help, what to do.
pub(super) async fn open(settings: &Settings) -> Result<Line, Trouble> {
    let login = login::fetch(settings).await?;
    let mut line = greet(settings, reach(settings).await?).await?;
    if let Some(login) = login
        && let Err(trouble) = login.perform(&mut line).await
    {
        line.farewell().await;
        return Err(trouble);
    }
    Ok(line)
}

/// A TCP connection to the first address that answers.
async fn reach(settings: &Settings) -> Result<Wire, Trouble> {
    let limit = settings.connect_limit;
    let host = bare(&settings.host);
    let addresses = match timeout(limit, lookup_host((host, settings.port()))).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(unfound(host, &error.to_string())),
        Err(_) => return Err(unfound(host, &format!("no answer within {}", seconds(limit)))),
    };
    let mut last = "it has no address".to_owned();
    for address in addresses.take(ADDRESSES_MAX) {
        last = match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // The final dot is a packet of its own; it must not wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                return Ok(Wire::new(stream));
            }
            Ok(Err(error)) => format!("{} {error}", address.ip()),
            Err(_) => format!("{} no answer within {}", address.ip(), seconds(limit)),
        };
    }
    Err(Trouble::Passing(format!("cannot connect to {}: {last}", settings.place())))
}

fn unfound(host: &str, error: &str) -> Trouble {
    Trouble::Passing(format!("cannot find the address of {host}: {error}; check host and this machine's resolver"))
}

/// An address literal without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Greeting, TLS as the settings want it, EHLO.
async fn greet(settings: &Settings, wire: Wire) -> Result<Line, Trouble> {
    let limit = settings.command_limit;
    let hello = hello(settings, wire.local_addr());
    let mut wire = if settings.tls == Tls::Implicit { encrypt(settings, wire).await? } else { wire };
    let greeting = timed(limit, listen(&mut wire)).await.map_err(|refusal| at_greeting(settings, &refusal))?;
    let mut offers = introduce(settings, &mut wire, &hello).await?;
    if matches!(settings.tls, Tls::Starttls | Tls::Opportunistic) {
        if offers.starttls {
            ask(limit, &mut wire, Starttls).await.map_err(|refusal| at_starttls(settings, &refusal))?;
            wire = encrypt(settings, wire).await?;
            offers = introduce(settings, &mut wire, &hello).await?;
        } else if settings.tls == Tls::Starttls {
            return Err(Trouble::Blocked(format!(
                "{} offers no STARTTLS, and the mail does not travel in clear text: set tls = \"implicit\", or tls = \
                 \"none\" for a server on this machine",
                settings.place()
            )));
        }
    }
    let encrypted = wire.is_encrypted();
    // lettre begins with a greeting and an EHLO of its own: it gets the greeting again.
    wire.unread(&greeting);
    let connection = timed(limit, async {
        let connected = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &hello).await;
        connected.map_err(|error| Refusal::from_error(&error))
    });
    let connection = connection.await.map_err(|refusal| at_hello(settings, &refusal))?;
    Ok(Line { connection, offers, place: settings.place(), encrypted, loopback: settings.is_loopback(), limit })
}

/// The name for EHLO (RFC 5321 section 4.1.4): as set, else this host's full name, else its address.
fn hello(settings: &Settings, address: io::Result<SocketAddr>) -> ClientId {
    if let Some(name) = &settings.hello {
        return ClientId::Domain(name.clone());
    }
    match (ClientId::default(), address.map(|address| address.ip())) {
        (ClientId::Domain(name), _) if name.contains('.') && !name.contains(char::is_whitespace) => {
            ClientId::Domain(name)
        }
        (_, Ok(IpAddr::V4(ip))) => ClientId::Ipv4(ip),
        (_, Ok(IpAddr::V6(ip))) => ClientId::Ipv6(ip),
        (other, Err(_)) => other,
    }
}

async fn encrypt(settings: &Settings, wire: Wire) -> Result<Wire, Trouble> {
    let place = settings.place();
    let name = settings.tls_name.as_deref().unwrap_or(bare(&settings.host));
    let (config, name) = tls::prepare(settings.ca_file.as_deref(), name)?;
    match timeout(settings.connect_limit, wire.encrypt(config, name)).await {
        Ok(Ok(wire)) => Ok(wire),
        Ok(Err(error)) => Err(tls::trouble(&place, &error)),
        Err(_) => Err(Trouble::Passing(format!(
            "{place} does not finish the TLS handshake within {}; if it stays so, check tls and port",
            seconds(settings.connect_limit)
        ))),
    }
}

async fn introduce(settings: &Settings, wire: &mut Wire, hello: &ClientId) -> Result<Offers, Trouble> {
    let answer = ask(settings.command_limit, wire, Ehlo::new(hello.clone())).await;
    answer.map(|answer| Offers::read(&answer)).map_err(|refusal| at_hello(settings, &refusal))
}

/// One command before lettre takes over, and its answer.
async fn ask(limit: Duration, wire: &mut Wire, command: impl Display) -> Result<Response, Refusal> {
    let asked = async {
        wire.ask(&command.to_string()).await.map_err(|error| Refusal::Broken(error.to_string()))?;
        listen(wire).await.and_then(|answer| Refusal::sort(&answer))
    };
    timed(limit, asked).await
}

/// Reads an answer; a negative one is a refusal.
async fn listen(wire: &mut Wire) -> Result<String, Refusal> {
    let answer = wire.answer().await.map_err(|error| Refusal::Broken(error.to_string()))?;
    if answer.is_empty() {
        return Err(Refusal::Broken("the server hung up".to_owned()));
    }
    Refusal::sort(&answer).map(|_| answer)
}

async fn timed<T>(limit: Duration, step: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    timeout(limit, step).await.unwrap_or_else(|_| Err(Refusal::silent(limit)))
}

fn at_greeting(settings: &Settings, refusal: &Refusal) -> Trouble {
    let place = settings.place();
    match refusal {
        Refusal::ForGood { text, .. } => {
            Trouble::Blocked(format!("{place} turns us away: {text}; ask its operator, or use another relay"))
        }
        Refusal::ForNow { text, .. } => Trouble::Passing(format!("{place} turns us away for now: {text}")),
        Refusal::Broken(text) => {
            Trouble::Passing(format!("{place} does not greet: {text}; if it stays so, check tls and port"))
        }
    }
}

fn at_hello(settings: &Settings, refusal: &Refusal) -> Trouble {
    let place = settings.place();
    match refusal {
        Refusal::ForGood { text, .. } => {
            Trouble::Blocked(format!("{place} refuses our EHLO: {text}; set hello to a name that it accepts"))
        }
        refusal => Trouble::Passing(format!("{place} does not answer our EHLO well: {}", refusal.text())),
    }
}

fn at_starttls(settings: &Settings, refusal: &Refusal) -> Trouble {
    let text = format!("{} offers STARTTLS but refuses it: {}", settings.place(), refusal.text());
    match refusal {
        Refusal::ForGood { .. } => Trouble::Blocked(format!("{text}; ask its operator, or set tls = \"implicit\"")),
        _ => Trouble::Passing(text),
    }
}

impl Offers {
    /// Reads the answer to EHLO.
    pub fn read(answer: &Response) -> Self {
        let mut offers = Self::default();
        for line in answer.message().skip(1) {
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("STARTTLS") => offers.starttls = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("AUTH") => offers.mechanisms.extend(words),
                Some("SIZE") => {
                    offers.knows_size = true;
                    offers.size = words.next().and_then(|size| size.parse().ok()).filter(|size| *size > 0);
                }
                _ => {}
            }
        }
        offers
    }
}

impl Line {
    /// `host:port`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The login mechanisms that the server offers, upper case.
    pub fn mechanisms(&self) -> &[String] {
        &self.offers.mechanisms
    }

    /// Whether a password may go over this line.
    pub fn may_carry_secrets(&self) -> bool {
        self.encrypted || self.loopback
    }

    /// Whether TLS is in place.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Says one command and hears a positive answer.
    ///
    /// # Errors
    /// A negative answer, or none in time: then the line is of no use any more.
    pub async fn say(&mut self, command: impl Display) -> Result<Response, Refusal> {
        let connection = &mut self.connection;
        timed(self.limit, async { connection.command(command).await.map_err(|error| Refusal::from_error(&error)) })
            .await
    }

    /// Says a command that is answered by 2yz.
    ///
    /// # Errors
    /// As [`Line::say`].
    pub async fn order(&mut self, command: impl Display) -> Result<Response, Refusal> {
        let answer = self.say(command).await?;
        match answer.code().severity {
            Severity::PositiveCompletion => Ok(answer),
            _ => Err(Refusal::unexpected(&answer)),
        }
    }

    /// Takes leave. What the server answers is of no interest any more.
    pub async fn farewell(mut self) {
        let _ = timeout(FAREWELL_MAX.min(self.limit), self.connection.command(Quit)).await;
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("place", &self.place).field("offers", &self.offers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_without_case_and_in_the_old_spelling() {
        let text = "250-SIZE 5 is the host\r\n250-size 1000\r\n250-8BitMime\r\n250-AUTH=login\r\n250-AUTH PLAIN login\r\n\
                    250-STARTTLS\r\n250 SMTPUTF8\r\n";
        let offers = Offers::read(&text.parse().unwrap());
        assert_eq!(offers.size, Some(1000));
        assert!(offers.eight_bit && offers.utf8 && offers.starttls && offers.knows_size);
        assert_eq!(offers.mechanisms, ["LOGIN", "PLAIN", "LOGIN"]);
    }

    #[test]
    fn a_size_of_nothing_is_no_limit() {
        for text in ["250-x\r\n250 SIZE 0\r\n", "250-x\r\n250 SIZE\r\n", "250-x\r\n250 SIZE many\r\n"] {
            let offers = Offers::read(&text.parse().unwrap());
            assert_eq!((offers.knows_size, offers.size), (true, None), "{text:?}");
        }
    }

    #[test]
    fn the_name_in_ehlo_is_as_set_or_can_be_traced() {
        let mut settings = Settings::new("a");
        let address = || Ok("192.0.2.7:40000".parse().unwrap());
        assert!(hello(&settings, address()).to_string().contains('.'));
        settings.hello = Some("desk.site.example".to_owned());
        assert_eq!(hello(&settings, address()).to_string(), "desk.site.example");
    }
}

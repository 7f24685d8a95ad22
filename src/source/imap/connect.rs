//! From a host name to a logged-in session: TCP, TLS with the name checked, greeting, login. Each step has a time limit.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_imap::error::Error;
use async_imap::imap_proto::{Response, Status};
use async_imap::{Authenticator, Client};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::session::{Session, Trouble, Wire};
use super::settings::{Settings, Tls, TokenLogin};
use crate::credential::{self, Credential};

/// Connects and logs in; also until when the login holds, where it was made with a token.
pub async fn open(settings: &Settings) -> Result<(Session, Option<Instant>), Trouble> {
    let client = connect(settings).await?;
    let (wire, until) = login(settings, client).await?;
    Ok((Session::new(wire, settings.limit).await?, until))
}

async fn connect(settings: &Settings) -> Result<Client<Box<dyn Wire>>, Trouble> {
    let place = format!("{}:{}", settings.host, settings.port());
    let connecting = TcpStream::connect((settings.host.as_str(), settings.port()));
    let tcp = within(settings, "the connection", connecting)
        .await?
        .map_err(|error| Trouble::Lost(format!("{place} can't be reached ({error}); check host and port")))?;
    // The library writes a command in four pieces: each must not wait for the answer to the one before.
    let _ = tcp.set_nodelay(true);
    let wire: Box<dyn Wire> = match settings.tls {
        Tls::Implicit => Box::new(encrypt(settings, tcp).await?),
        Tls::None | Tls::Starttls => Box::new(tcp),
    };
    let mut client = Client::new(wire);
    greeting(settings, &mut client).await?;
    if settings.tls != Tls::Starttls {
        return Ok(client);
    }
    within(settings, "STARTTLS", client.run_command_and_check_ok("STARTTLS", None)).await?.map_err(
        |error| match error {
            Error::No(_) | Error::Bad(_) => Trouble::Rejected(format!(
                "{place} gives no STARTTLS ({}); set tls = \"implicit\"",
                said(&error.to_string())
            )),
            _ => Trouble::Lost(format!("the connection to {place} is lost at STARTTLS")),
        },
    )?;
    // What came in clear text before the encryption is dropped with the old client: nothing can be injected.
    let wire: Box<dyn Wire> = Box::new(encrypt(settings, client.into_inner()).await?);
    Ok(Client::new(wire))
}

/// Nothing may be said before the server has greeted.
async fn greeting(settings: &Settings, client: &mut Client<Box<dyn Wire>>) -> Result<(), Trouble> {
    match within(settings, "its greeting", client.read_response()).await? {
        Ok(Some(response)) => match response.parsed() {
            Response::Data { status: Status::Ok, .. } => Ok(()),
            Response::Data { outcome, .. } => {
                let said = outcome.information.as_deref().unwrap_or_default();
                Err(Trouble::Lost(format!("the server sends us away: {said}")))
            }
            _ => Err(Trouble::Lost("the server does not greet; check port and tls".to_owned())),
        },
        Ok(None) => Err(Trouble::Lost("the server closed the connection instead of greeting".to_owned())),
        // What it said is not told: it may be long, and anything.
        Err(_) => Err(Trouble::Lost("what the server says is no IMAP; check port and tls".to_owned())),
    }
}

async fn encrypt<W: Wire + 'static>(
    settings: &Settings,
    wire: W,
) -> Result<tokio_rustls::client::TlsStream<W>, Trouble> {
    let name = settings.tls_name.as_ref().unwrap_or(&settings.host);
    let server = ServerName::try_from(name.clone()).map_err(|_| {
        Trouble::Rejected(format!("{name:?} is no name that a certificate could hold; check host and tls_name"))
    })?;
    let connector = TlsConnector::from(Arc::new(trust(settings.ca_file.as_deref())?));
    within(settings, "the TLS handshake", connector.connect(server, wire)).await?.map_err(|error| {
        let hint = "check host, tls_name, and whether ca_file is needed";
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => {
                Trouble::Rejected(format!("the server's certificate does not hold for {name} ({why}); {hint}"))
            }
            _ => Trouble::Lost(format!("the TLS handshake with {name} fails ({error}); check port and tls")),
        }
    })
}

/// The system's certificates, and those of a file.
fn trust(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, Trouble> {
    let broken = |what: String| Trouble::Rejected(format!("{what}; check ca_file"));
    let extra: Vec<CertificateDer<'static>> = match ca_file {
        None => Vec::new(),
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| broken(format!("{} holds no certificates ({error})", path.display())))?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
        .map_err(|error| broken(format!("the certificates can't be used ({error})")))?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(config.with_no_client_auth())
}

async fn login(
    settings: &Settings,
    client: Client<Box<dyn Wire>>,
) -> Result<(async_imap::Session<Box<dyn Wire>>, Option<Instant>), Trouble> {
    let user = &settings.user;
    let credential = credential::fetch(settings.places(), settings.limit).await.map_err(Trouble::Rejected)?;
    let Some(Credential { secret, is_token, lifetime }) = credential else {
        return Err(Trouble::Rejected(format!("user {user} has no password and no token; set password_file")));
    };
    let until = is_token.then(|| Instant::now().checked_add(holds(lifetime, settings.token_lifetime))).flatten();
    let is_plain = secret.reveal().is_ascii() && user.is_ascii();
    let tried = match (is_token, settings.token_login, is_plain) {
        (false, _, true) => within(settings, "LOGIN", client.login(user, secret.reveal())).await?,
        // LOGIN sends a quoted string, which holds ASCII only.
        (false, _, false) => {
            let words = format!("\0{user}\0{}", secret.reveal());
            within(settings, "AUTHENTICATE PLAIN", client.authenticate("PLAIN", Words(Some(words)))).await?
        }
        (true, TokenLogin::Xoauth2, _) => {
            let words = format!("user={user}\u{1}auth=Bearer {}\u{1}\u{1}", secret.reveal());
            within(settings, "AUTHENTICATE XOAUTH2", client.authenticate("XOAUTH2", Words(Some(words)))).await?
        }
        (true, TokenLogin::Oauthbearer, _) => {
            let (host, port) = (&settings.host, settings.port());
            let words = format!(
                "n,a={},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {}\u{1}\u{1}",
                sasl_name(user),
                secret.reveal()
            );
            within(settings, "AUTHENTICATE OAUTHBEARER", client.authenticate("OAUTHBEARER", Words(Some(words)))).await?
        }
    };
    tried.map(|wire| (wire, until)).map_err(|(error, _)| refused(user, is_token, &error))
}

/// A name as it is written in a GS2 header (RFC 5801 section 4).
fn sasl_name(user: &str) -> String {
    user.replace('=', "=3D").replace(',', "=2C")
}

/// How long a login with a token is kept: nine tenths of what the token's service says, else what the settings say.
fn holds(lifetime: Option<Duration>, otherwise: Duration) -> Duration {
    lifetime.map_or(otherwise, |lifetime| (lifetime / 10).saturating_mul(9).max(Duration::from_secs(1)))
}

fn refused(user: &str, is_token: bool, error: &Error) -> Trouble {
    let what = if is_token { "the token" } else { "the password" };
    let said = said(&error.to_string());
    match error {
        Error::No(_) | Error::Bad(_) if Trouble::is_for_now(&said) => {
            Trouble::Refused(format!("the server takes no login now: {said}"))
        }
        Error::No(_) | Error::Bad(_) => {
            Trouble::Rejected(format!("the server rejects the login of {user} ({said}); check user and {what}"))
        }
        Error::Validate(_) => Trouble::Rejected(format!("{what} of {user} holds a line break; write it on one line")),
        _ => Trouble::Lost(format!("the connection is lost at the login: {said}")),
    }
}

/// What the server said, out of the library's wrapping: `no response: code: None, info: Some("…")`.
fn said(error: &str) -> String {
    let inner = error.split_once("info: Some(\"").and_then(|(_, rest)| rest.rsplit_once("\")"));
    inner.map_or(error, |(said, _)| said).to_owned()
}

/// Says its words once; a further question is the server's explanation of a rejection and gets an empty answer.
struct Words(Option<String>);

impl Authenticator for Words {
    type Response = String;

    fn process(&mut self, _: &[u8]) -> String {
        self.0.take().unwrap_or_default()
    }
}

async fn within<T>(settings: &Settings, what: &str, step: impl Future<Output = T>) -> Result<T, Trouble> {
    let limit = settings.limit;
    let slow = |_| Trouble::Slow(format!("{} does not answer {what} within {} s", settings.host, limit.as_secs_f32()));
    timeout(limit, step).await.map_err(slow)
}

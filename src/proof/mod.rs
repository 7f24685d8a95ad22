//! What a mail proves by itself: DKIM, SPF, DMARC and ARC, asked of the domain name system, and S/MIME.
//!
//! For desks whose mail server adds no `Authentication-Results`. It says what was found, in the words of RFC 8601, and
//! refuses to judge: who may speak is the desk's business. What can't be asked or answered in time is not proven.

mod checks;
mod hop;
mod settings;
pub mod smime;

use std::borrow::Cow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mail_auth::dkim::Signature;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::system_conf::read_system_conf;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, MessageAuthenticator, SpfOutput, SpfResult,
};

use crate::mail::Header;
use crate::mail::authres::{self, MethodResult};
use crate::mail::parse::header_fields;
use hop::Hop;

pub use checks::Checks;
pub use settings::Settings;

/// Signatures of one mail that are looked at, sealed sets of RFC 8617 as well; a mail with more proves nothing.
const MOST_SIGNATURES: usize = 10;
/// Answers of name servers that are kept for their time to live.
const CACHED_ANSWERS: u64 = 10_000;
/// Header fields that must be among the signed ones, and stand in the mail no more often than they are signed.
const SIGNED: [&str; 2] = ["from", "subject"];

/// Asks name servers about mails.
pub struct Prover {
    dns: MessageAuthenticator,
    mail_limit: Duration,
    oldest_signature: SignedDuration,
    trusted_servers: Vec<String>,
    trusted_sealers: Vec<String>,
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prover").finish_non_exhaustive()
    }
}

impl Prover {
    /// `None` where the settings leave the checks to the trusted servers. The error says which name servers to name.
    pub fn new(settings: &Settings, trusted_servers: &[String]) -> Result<Option<Self>, String> {
        if !settings.own_checks.unwrap_or(trusted_servers.is_empty()) {
            return Ok(None);
        }
        let (config, mut options) = match &settings.name_servers[..] {
            [] => read_system_conf().map_err(|error| {
                format!("the system's name servers can't be read ({error}); name some in proof.name_servers")
            })?,
            named => {
                (ResolverConfig::from_name_servers(named.iter().map(name_server).collect()), ResolverOpts::default())
            }
        };
        options.timeout = settings.question_limit.unsigned_abs();
        options.cache_size = CACHED_ANSWERS;
        let dns = MessageAuthenticator::new(config, options)
            .map_err(|error| format!("name servers can't be asked ({error}); look at proof.name_servers"))?;
        Ok(Some(Self {
            dns,
            mail_limit: settings.mail_limit.unsigned_abs(),
            oldest_signature: settings.oldest_signature,
            trusted_servers: trusted_servers.to_vec(),
            trusted_sealers: settings.trusted_sealers.clone(),
        }))
    }

    /// What is found about one mail; nothing where there is nothing to ask, or no answer within the limit.
    pub async fn check(&self, raw: &[u8], now: Timestamp) -> Vec<MethodResult> {
        tokio::time::timeout(self.mail_limit, self.checked(raw, now)).await.unwrap_or_default()
    }

    async fn checked(&self, raw: &[u8], now: Timestamp) -> Vec<MethodResult> {
        let headers = header_fields(&String::from_utf8_lossy(header_block(raw)));
        let hop = Hop::last(&headers, &self.trusted_servers);
        let signed = headers.iter().any(|field| {
            field.name.eq_ignore_ascii_case("dkim-signature") || field.name.eq_ignore_ascii_case("arc-seal")
        });
        if !signed && hop.is_none() {
            return Vec::new();
        }
        let raw = with_crlf(raw);
        let Some(message) = AuthenticatedMessage::parse(&raw) else { return Vec::new() };
        if message.dkim_headers.len() > MOST_SIGNATURES || message.as_headers.len() > MOST_SIGNATURES {
            return Vec::new();
        }
        let believable = |output: &DkimOutput<'_>| {
            let whole = output.signature().is_some_and(|one| self.is_whole(one, &headers, now));
            *output.result() != DkimResult::Pass || whole
        };
        let dkim: Vec<DkimOutput<'_>> = self.dns.verify_dkim(&message).await.into_iter().filter(believable).collect();
        let mut found: Vec<MethodResult> = dkim.iter().filter_map(dkim_result).collect();
        let spf = match &hop {
            Some(hop) => Some(self.spf(hop).await),
            None => None,
        };
        found.extend(spf.as_ref().map(spf_result));
        found.extend(self.dmarc(&message, &dkim, spf.as_ref(), hop.as_ref()).await);
        found.extend(self.arc(&message).await);
        found
    }

    /// Whether a signature covers what the desk acts on: a text that can be lengthened, an unsigned author or subject, or
    /// a mail that somebody kept for a while and sends again are no proof.
    fn is_whole(&self, signature: &Signature, headers: &[Header], now: Timestamp) -> bool {
        let times_signed = |name: &str| signature.h.iter().filter(|one| one.eq_ignore_ascii_case(name)).count();
        let times_written = |name: &str| headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
        let covers = |name: &str| times_signed(name) > 0 && times_written(name) <= times_signed(name);
        let age = i64::try_from(signature.t)
            .ok()
            .and_then(|at| Timestamp::from_second(at).ok())
            .map(|at| now.duration_since(at));
        let is_fresh = signature.t == 0 || age.is_some_and(|age| age <= self.oldest_signature);
        signature.l == 0 && SIGNED.into_iter().all(covers) && is_fresh
    }

    async fn spf(&self, hop: &Hop) -> SpfOutput {
        let by = self.trusted_servers.first().map_or("", String::as_str);
        self.dns.verify_spf(SpfParameters::verify(hop.ip, &hop.hello, by, &hop.envelope_sender)).await
    }

    /// Without SPF a pass is a pass, but the lack of one is no failure: the sending server may have been a good one.
    async fn dmarc(
        &self,
        message: &AuthenticatedMessage<'_>,
        dkim: &[DkimOutput<'_>],
        spf: Option<&SpfOutput>,
        hop: Option<&Hop>,
    ) -> Option<MethodResult> {
        let unknown = SpfOutput::new(String::new()).with_result(SpfResult::None);
        let envelope_sender = hop.map_or("", Hop::sender_domain);
        let output = self
            .dns
            .verify_dmarc(DmarcParameters {
                message,
                dkim_output: dkim,
                dkim2_output: None,
                rfc5321_mail_from_domain: envelope_sender,
                spf_output: spf.unwrap_or(&unknown),
            })
            .await;
        let result = match output.result() {
            DmarcResult::Pass => "pass",
            DmarcResult::Fail(_) if spf.is_some() => "fail",
            DmarcResult::TempError(_) => "temperror",
            _ => return None,
        };
        Some(result_of("dmarc", result, "header.from", output.domain()))
    }

    /// What a trusted forwarder found, before it changed the mail: its own set must be the last of an unbroken chain.
    async fn arc(&self, message: &AuthenticatedMessage<'_>) -> Vec<MethodResult> {
        if message.as_headers.is_empty() || self.trusted_sealers.is_empty() {
            return Vec::new();
        }
        let output = self.dns.verify_arc(message).await;
        let Some(last) = output.sets().last().filter(|_| *output.result() == DkimResult::Pass) else {
            return Vec::new();
        };
        let sealer = &last.seal.header.d;
        if !self.trusted_sealers.iter().any(|trusted| trusted.eq_ignore_ascii_case(sealer)) {
            return Vec::new();
        }
        let mut found = vec![result_of("arc", "pass", "header.d", sealer)];
        found.extend(authres::sealed_results(&String::from_utf8_lossy(last.results.value)));
        found
    }
}

fn name_server(address: &std::net::SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    server.connections.iter_mut().for_each(|connection| connection.port = address.port());
    server
}

/// All up to the first blank line, whatever its line ends.
fn header_block(raw: &[u8]) -> &[u8] {
    let ends = |at: &usize| raw[*at..].starts_with(b"\n\n") || raw[*at..].starts_with(b"\n\r\n");
    let end = (0..raw.len()).find(ends);
    &raw[..end.unwrap_or(raw.len())]
}

/// Signatures are made over CRLF; a file on disk may have lost its CR.
fn with_crlf(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.windows(2).any(|end| end == b"\r\n") {
        return raw.into();
    }
    let lines = raw.split(|byte| *byte == b'\n').collect::<Vec<_>>();
    lines.join(&b"\r\n"[..]).into()
}

fn dkim_result(output: &DkimOutput<'_>) -> Option<MethodResult> {
    let result = match output.result() {
        DkimResult::Pass => "pass",
        DkimResult::Fail(_) => "fail",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::TempError(_) => "temperror",
        DkimResult::PermError(_) => "permerror",
        DkimResult::None => return None,
    };
    Some(result_of("dkim", result, "header.d", &output.signature()?.d))
}

fn spf_result(output: &SpfOutput) -> MethodResult {
    result_of("spf", &output.result().to_string().to_lowercase(), "smtp.mailfrom", output.domain())
}

fn result_of(method: &str, result: &str, property: &str, value: &str) -> MethodResult {
    let properties = vec![(property.to_owned(), value.to_lowercase())];
    MethodResult { method: method.to_owned(), result: result.to_owned(), properties }
}

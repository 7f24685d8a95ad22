//! `[proof]` of `gateway.toml`.

use std::net::{IpAddr, SocketAddr};

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};

use crate::settings::Problem;

/// The port of name servers.
const DNS: u16 = 53;

/// What the gateway checks itself, and how patiently.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether to check at all; without a word, where no trusted server does.
    pub own_checks: Option<bool>,
    /// Name servers; empty: those of the system.
    #[serde(deserialize_with = "addresses")]
    pub name_servers: Vec<SocketAddr>,
    /// How long one question may take.
    pub question_limit: SignedDuration,
    /// How long all questions about one mail may take.
    pub mail_limit: SignedDuration,
    /// An older signature proves nothing: somebody may have kept the mail.
    pub oldest_signature: SignedDuration,
    /// Domains of forwarders whose seals count (RFC 8617).
    pub trusted_sealers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            own_checks: None,
            name_servers: Vec::new(),
            question_limit: SignedDuration::from_secs(3),
            mail_limit: SignedDuration::from_secs(10),
            oldest_signature: SignedDuration::from_hours(10 * 24),
            trusted_sealers: Vec::new(),
        }
    }
}

impl Settings {
    /// Every fault that the syntax does not show.
    pub fn problems(&self) -> Vec<Problem> {
        let spans = [
            ("question_limit", self.question_limit),
            ("mail_limit", self.mail_limit),
            ("oldest_signature", self.oldest_signature),
        ];
        let short = spans.into_iter().filter(|(_, span)| *span < SignedDuration::from_millis(100));
        let told = short.map(|(key, span)| Problem {
            key,
            message: format!("{span:#} is too short"),
            hint: "use 100ms or more".to_owned(),
        });
        told.collect()
    }
}

/// Reads `192.0.2.1` and `192.0.2.1:5353`.
fn addresses<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SocketAddr>, D::Error> {
    let read = |text: &String| {
        let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS));
        bare.or_else(|_| text.parse()).map_err(|_| {
            serde::de::Error::custom(format!("{text:?} is no address, write \"192.0.2.1\" or \"192.0.2.1:5353\""))
        })
    };
    Vec::<String>::deserialize(from)?.iter().map(read).collect()
}

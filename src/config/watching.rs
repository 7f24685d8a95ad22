//! `[metrics]` and `[alerts]`: who watches the gateway, and whom it calls.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use super::Files;
use super::document::Document;
use super::problem::Report;
use crate::mail::Address;
use crate::relay::RelaySettings;
use crate::settings::span;

/// `[metrics]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// Where `/metrics`, `/healthz` and `/readyz` are answered.
    pub listen: SocketAddr,
    /// Other hosts may ask too.
    #[serde(default)]
    pub other_hosts: bool,
}

/// `[alerts]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSettings {
    /// How long a part must be in trouble.
    pub after: SignedDuration,
    /// A program with its arguments, which gets the text on its standard input; empty: none.
    pub command: Vec<String>,
    /// A relay of its own, and whom it writes to.
    pub relay: Option<RelaySettings>,
    pub to: Vec<Address>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertsFile {
    #[serde(default = "quarter_of_an_hour", deserialize_with = "span")]
    after: Duration,
    #[serde(default)]
    command: Vec<String>,
    relay: Option<RelaySettings>,
    #[serde(default)]
    to: Vec<Address>,
}

fn quarter_of_an_hour() -> Duration {
    Duration::from_secs(900)
}

/// `None` where nobody asks.
pub fn metrics(document: &Document<'_>, report: &mut Report) -> Option<MetricsSettings> {
    if !has(document, "metrics") {
        return None;
    }
    let settings = document.section::<MetricsSettings>(&["metrics"], report)?;
    if !settings.listen.ip().is_loopback() && !settings.other_hosts {
        let hint = "write \"127.0.0.1:9464\"; or other_hosts = true, where a firewall keeps strangers out";
        let message = format!("{} can be reached from other hosts", settings.listen);
        document.error(report, &["metrics", "listen"], message, hint);
    }
    Some(settings)
}

/// `None` where nobody is called.
pub fn alerts(document: &Document<'_>, files: &dyn Files, report: &mut Report) -> Option<AlertSettings> {
    if !has(document, "alerts") {
        return None;
    }
    let AlertsFile { after, command, mut relay, to } = document.section(&["alerts"], report)?;
    if let Some(relay) = &mut relay {
        relay.resolve(&|path| files.at(path));
        for problem in relay.problems() {
            document.error(report, &["alerts", "relay", relay.kind(), problem.key], problem.message, problem.hint);
        }
    }
    if command.is_empty() && relay.is_none() {
        let hint =
            "write command = [\"/path/to/program\"], or to = [\"…\"] and [alerts.relay.smtp] with another server";
        document.error(report, &["alerts"], "nobody would be called", hint);
    }
    if relay.is_some() == to.is_empty() {
        let hint = "write to = [\"on-call@elsewhere.example\"] and [alerts.relay.smtp] together";
        document.error(report, &["alerts", "to"], "a relay and whom it writes to belong together", hint);
    }
    if after.is_zero() {
        document.error(report, &["alerts", "after"], "every hiccup would be told", "write for example \"15m\"");
    }
    let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
    Some(AlertSettings { after, command, relay, to })
}

fn has(document: &Document<'_>, section: &str) -> bool {
    document.keys(&[]).iter().any(|key| key == section)
}

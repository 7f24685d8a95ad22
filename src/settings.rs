//! What the settings of sources and relays share: faults that their syntax does not show, and spans of time.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};

/// A fault of a setting that can be seen without a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as it is called in its table.
    pub key: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    /// A fault in words.
    pub fn new(key: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { key, message: message.into(), hint: hint.into() }
    }
}

/// Reads `30s`, `5 min`, `200ms`; a time can't be negative.
pub fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Duration::try_from(SignedDuration::deserialize(from)?)
        .map_err(|_| serde::de::Error::custom("a time cannot be negative, write for example \"30s\""))
}

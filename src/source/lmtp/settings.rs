//! What the configuration says about an LMTP door.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::settings::{Problem, span};

/// `[source.NAME.lmtp]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub listen: Listen,
    /// Permissions of a socket in the file system: the MTA must be able to write to it.
    #[serde(default)]
    pub mode: Mode,
    /// Connections at once; one more is told to come again.
    #[serde(default = "sixty_four")]
    pub connections: usize,
    /// Largest mail that is taken, in bytes; a larger one is refused for good, and its sender hears of it by the MTA.
    #[serde(default = "twenty_five_mib")]
    pub largest_mail: usize,
    /// How long the MTA may be silent.
    #[serde(default = "five_minutes", deserialize_with = "span")]
    pub limit: Duration,
}

/// Where the MTA finds the door.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Listen {
    /// An address of this host and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Socket(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(address) => Ok(Self::Tcp(address)),
            Err(_) if text.contains('/') => Ok(Self::Socket(text.into())),
            Err(_) => Err(format!(
                "{text:?} is neither an address with a port nor a path, write \"127.0.0.1:2424\" or \
                 \"/run/ggus-gateway/lmtp.sock\""
            )),
        }
    }
}

/// Permissions of a file, in octal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mode(pub u32);

impl Default for Mode {
    fn default() -> Self {
        Self(0o660)
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777);
        mode.map(Self).ok_or_else(|| format!("{text:?} is no mode of a file, write \"0660\""))
    }
}

fn sixty_four() -> usize {
    64
}

fn twenty_five_mib() -> usize {
    25 << 20
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

impl Settings {
    /// Faults that can be seen without opening the door.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Listen::Tcp(address) = self.listen
            && !address.ip().is_loopback()
        {
            let message = format!("{address} can be reached from other hosts, and whoever reaches it is believed");
            let hint = "listen on 127.0.0.1 or on a socket; an MTA elsewhere hands mail over through one on this host";
            problems.push(Problem::new("listen", message, hint));
        }
        if self.connections == 0 {
            problems.push(Problem::new("connections", "0 would take no mail", "write 64"));
        }
        if self.largest_mail == 0 {
            problems.push(Problem::new("largest_mail", "0 would take no mail", "write 26214400 for 25 MiB"));
        }
        if self.limit.is_zero() {
            problems.push(Problem::new("limit", "0 would wait for no command", "write \"5 min\""));
        }
        problems
    }

    /// Makes the path of a socket absolute by `at`, which knows the directory of the configuration.
    pub fn resolve(&mut self, at: &dyn Fn(&Path) -> PathBuf) {
        if let Listen::Socket(path) = &mut self.listen {
            *path = at(path);
        }
    }
}

//! What the configuration says about an SMTP relay, and what can be wrong with it before anything is tried.
//!
//! It opens no file and no connection: a missing password file is found when it is needed, and by `check --online`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::credential::Secret;
use crate::settings::{Problem, span};

/// The settings of one SMTP relay.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Host name or address of the server.
    pub host: String,
    /// Port; by default 465 for `implicit`, 587 with a login, else 25.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// A PEM file with certificates that are trusted beside those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The name that the server's certificate must hold, where it is not `host`.
    #[serde(default)]
    pub tls_name: Option<String>,
    /// The name given in EHLO; by default this host's full name, else its address as a literal.
    #[serde(default)]
    pub hello: Option<String>,
    /// Who logs in; without it nobody does.
    #[serde(default)]
    pub user: Option<String>,
    /// The password itself. A file is the better place.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A file whose first line is the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds the password.
    #[serde(default)]
    pub password_env: Option<String>,
    /// A file whose first line is an OAuth 2.0 access token; read again for every login.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// A shell command that prints an OAuth 2.0 access token; run again for every login.
    #[serde(default)]
    pub token_command: Option<String>,
    /// How long a kept connection may be idle.
    #[serde(default = "idle", deserialize_with = "span")]
    pub idle: Duration,
    /// Connections at once.
    #[serde(default = "connections")]
    pub connections: usize,
    /// How many mails go over one connection.
    #[serde(default = "mails_per_connection")]
    pub mails_per_connection: u32,
    /// Time limit for finding the address, for each attempt to connect and for the TLS handshake.
    #[serde(default = "connect_limit", deserialize_with = "span")]
    pub connect_limit: Duration,
    /// Time limit for the answer to each command, the greeting included (RFC 5321 section 4.5.3.2).
    #[serde(default = "command_limit", deserialize_with = "span")]
    pub command_limit: Duration,
    /// Time limit while the mail itself is under way: for each piece of it, and for the answer after the final dot.
    #[serde(default = "data_limit", deserialize_with = "span")]
    pub data_limit: Duration,
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// From the first byte (RFC 8314; port 465).
    Implicit,
    /// By STARTTLS (RFC 3207), or not at all.
    #[default]
    Starttls,
    /// By STARTTLS where the server offers it; then its certificate must hold as well.
    Opportunistic,
    /// Not at all.
    None,
}

fn idle() -> Duration {
    Duration::from_secs(30)
}

fn connections() -> usize {
    4
}

fn mails_per_connection() -> u32 {
    100
}

fn connect_limit() -> Duration {
    Duration::from_secs(30)
}

fn command_limit() -> Duration {
    Duration::from_secs(300)
}

fn data_limit() -> Duration {
    Duration::from_secs(600)
}

impl Settings {
    /// Makes every path absolute by `at`, which knows the directory of the configuration.
    pub fn resolve(&mut self, at: &dyn Fn(&Path) -> PathBuf) {
        for path in [&mut self.ca_file, &mut self.password_file, &mut self.token_file].into_iter().flatten() {
            *path = at(path);
        }
    }

    /// Settings with nothing but a host, TLS by STARTTLS and all defaults.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            port: None,
            tls: Tls::default(),
            ca_file: None,
            tls_name: None,
            hello: None,
            user: None,
            password: None,
            password_file: None,
            password_env: None,
            token_file: None,
            token_command: None,
            idle: idle(),
            connections: connections(),
            mails_per_connection: mails_per_connection(),
            connect_limit: connect_limit(),
            command_limit: command_limit(),
            data_limit: data_limit(),
        }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        match (self.port, self.tls, &self.user) {
            (Some(port), ..) => port,
            (None, Tls::Implicit, _) => 465,
            (None, _, Some(_)) => 587,
            (None, _, None) => 25,
        }
    }

    /// `host:port`, as it stands in texts.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port())
    }

    /// Whether the server is this very machine, as far as the name tells.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// All faults that show without a connection.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.login_problems();
        let mut add = |key, message: String, hint: &str| {
            problems.push(Problem { key, message, hint: hint.to_owned() });
        };
        if !is_host(&self.host) {
            add("host", format!("{:?} is no host name", self.host), "write a name such as \"smtp.site.example\"");
        }
        if self.tls == Tls::None && !self.is_loopback() && self.user.is_some() {
            let message = format!("the password would travel to {} in clear text", self.host);
            add("tls", message, "set tls = \"starttls\" or \"implicit\"; \"none\" with a login is for loopback only");
        }
        if self.tls == Tls::None && (self.ca_file.is_some() || self.tls_name.is_some()) {
            let message = "a certificate is described but tls = \"none\" never asks for one".to_owned();
            add("tls", message, "set tls = \"starttls\" or \"implicit\", or take ca_file and tls_name out");
        }
        if self.hello.as_deref().is_some_and(|name| !is_host(name)) {
            add("hello", "the EHLO name is no host name".to_owned(), "write this host's full name, or leave it out");
        }
        if self.connections == 0 {
            add("connections", "no mail could ever be sent".to_owned(), "write at least 1");
        }
        if self.mails_per_connection == 0 {
            add("mails_per_connection", "no mail could ever be sent".to_owned(), "write at least 1");
        }
        for (key, limit) in self.limits() {
            if limit.is_zero() {
                add(key, "every attempt would be over before it began".to_owned(), "write a time such as \"30s\"");
            }
        }
        problems
    }

    fn limits(&self) -> [(&'static str, Duration); 3] {
        [("connect_limit", self.connect_limit), ("command_limit", self.command_limit), ("data_limit", self.data_limit)]
    }

    /// The keys that say where a secret comes from, as far as they are set.
    fn secret_keys(&self) -> Vec<&'static str> {
        [
            ("password", self.password.is_some()),
            ("password_file", self.password_file.is_some()),
            ("password_env", self.password_env.is_some()),
            ("token_file", self.token_file.is_some()),
            ("token_command", self.token_command.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, set)| set.then_some(key))
        .collect()
    }

    fn login_problems(&self) -> Vec<Problem> {
        let keys = self.secret_keys();
        let (key, message, hint) = match (&self.user, keys.as_slice()) {
            (None, []) | (Some(_), [_]) => return Vec::new(),
            (None, [key, ..]) => {
                (*key, "a secret without a user is never used".to_owned(), "add user = \"…\", or take the secret out")
            }
            (Some(user), []) => (
                "user",
                format!("{user:?} has no password and no token"),
                "add one of password_file, password_env, password, token_file, token_command",
            ),
            (Some(_), [_, key, ..]) => {
                (*key, format!("the secret is given {} times: {}", keys.len(), keys.join(", ")), "keep one of them")
            }
        };
        vec![Problem { key, message, hint: hint.to_owned() }]
    }
}

/// A host name or an address, with nothing in it that could break a command line.
fn is_host(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    fn keys(text: &str) -> Vec<&'static str> {
        read(text).problems().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn a_host_is_enough() {
        let settings = read("host = 'smtp.site.example'");
        assert_eq!(settings, Settings::new("smtp.site.example"));
        assert_eq!((settings.tls, settings.port()), (Tls::Starttls, 25));
        assert!(settings.problems().is_empty());
    }

    #[test]
    fn the_port_follows_from_tls_and_login() {
        assert_eq!(read("host = 'a'\ntls = 'implicit'").port(), 465);
        assert_eq!(read("host = 'a'\nuser = 'u'").port(), 587);
        assert_eq!(read("host = 'a'\nport = 2525").port(), 2525);
    }

    #[test]
    fn time_limits_are_read_as_people_write_them() {
        let settings = read("host = 'a'\nidle = '2 min'\ncommand_limit = '250ms'");
        assert_eq!((settings.idle, settings.command_limit), (Duration::from_secs(120), Duration::from_millis(250)));
        assert!(toml::from_str::<Settings>("host = 'a'\nidle = '-2s'").is_err());
    }

    #[test]
    fn a_password_in_clear_text_is_for_loopback_only() {
        let login = "user = 'u'\npassword = 'p'\ntls = 'none'";
        assert_eq!(keys(&format!("host = 'smtp.site.example'\n{login}")), ["tls"]);
        for host in ["localhost", "127.0.0.1", "::1", "[::1]"] {
            assert!(keys(&format!("host = '{host}'\n{login}")).is_empty(), "{host}");
        }
    }

    #[test]
    fn one_user_has_one_secret() {
        assert_eq!(keys("host = 'a'\nuser = 'u'"), ["user"]);
        assert_eq!(keys("host = 'a'\npassword_env = 'X'"), ["password_env"]);
        assert_eq!(keys("host = 'a'\nuser = 'u'\npassword = 'p'\ntoken_file = 'f'"), ["token_file"]);
    }

    #[test]
    fn every_other_fault_is_named_with_its_key() {
        assert_eq!(keys("host = 'a b'"), ["host"]);
        assert_eq!(keys("host = 'a'\nhello = \"x\\r\\nQUIT\""), ["hello"]);
        assert_eq!(
            keys("host = 'a'\nconnections = 0\nmails_per_connection = 0\ndata_limit = '0s'"),
            ["connections", "mails_per_connection", "data_limit"]
        );
        assert_eq!(keys("host = 'a'\ntls = 'none'\nca_file = 'x.pem'"), ["tls"]);
    }

    #[test]
    fn no_secret_shows_in_a_debug_text() {
        let text = format!("{:?}", read("host = 'a'\nuser = 'u'\npassword = 'hunter2'"));
        assert!(!text.contains("hunter2"), "{text}");
    }
}

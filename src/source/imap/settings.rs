//! What the configuration says about an IMAP mailbox.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::credential::{Places, Secret};
use crate::settings::{Problem, span};

/// `[source.NAME.imap]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub host: String,
    /// 993 for `implicit`, else 143.
    pub port: Option<u16>,
    #[serde(default)]
    pub tls: Tls,
    /// PEM file with certificates that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The name that the certificate must hold, where it is not `host`.
    pub tls_name: Option<String>,
    pub user: String,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    pub password_env: Option<String>,
    /// File with an OAuth 2.0 access token; read again for every login.
    pub token_file: Option<PathBuf>,
    /// Command that prints one, alone or as JSON with `access_token`; run again for every login.
    pub token_command: Option<String>,
    /// How a token is presented.
    #[serde(default)]
    pub token_login: TokenLogin,
    /// How long one login with a token may last before a new one is made.
    #[serde(default = "fifty_minutes", deserialize_with = "span")]
    pub token_lifetime: Duration,
    #[serde(default = "inbox")]
    pub folder: String,
    /// What becomes of a mail that was kept.
    #[serde(default)]
    pub after: After,
    /// Largest mail that is fetched whole, in bytes; of a larger one its beginning.
    #[serde(default = "twenty_five_mib")]
    pub largest_mail: u32,
    /// Mails fetched at once.
    #[serde(default = "sixty_four")]
    pub batch: usize,
    /// Wait for the server to announce mail, where it can (RFC 2177).
    #[serde(default = "yes")]
    pub idle: bool,
    /// How often is looked all the same.
    #[serde(default = "two_minutes", deserialize_with = "span")]
    pub poll: Duration,
    /// Time limit of every answer.
    #[serde(default = "one_minute", deserialize_with = "span")]
    pub limit: Duration,
    #[serde(default = "one_second", deserialize_with = "span")]
    pub first_wait: Duration,
    #[serde(default = "five_minutes", deserialize_with = "span")]
    pub longest_wait: Duration,
    /// First wait after a rejected login.
    #[serde(default = "five_minutes", deserialize_with = "span")]
    pub rejected_wait: Duration,
}

/// How the connection is encrypted. Whether the name is right is always checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// From the first byte (RFC 8314).
    #[default]
    Implicit,
    /// Not at all; only to this host itself.
    None,
    Starttls,
}

/// How an access token is presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenLogin {
    /// RFC 7628.
    Oauthbearer,
    #[default]
    Xoauth2,
}

/// What becomes of a mail that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// It stays and gets this keyword.
    Flag(String),
    MoveTo(String),
}

impl Default for After {
    fn default() -> Self {
        Self::MoveTo("Processed".to_owned())
    }
}

fn fifty_minutes() -> Duration {
    Duration::from_secs(50 * 60)
}

fn inbox() -> String {
    "INBOX".to_owned()
}

fn twenty_five_mib() -> u32 {
    25 << 20
}

fn sixty_four() -> usize {
    64
}

fn yes() -> bool {
    true
}

fn two_minutes() -> Duration {
    Duration::from_secs(120)
}

fn one_minute() -> Duration {
    Duration::from_secs(60)
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

impl Settings {
    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls == Tls::Implicit { 993 } else { 143 })
    }

    /// Where the secret may be.
    pub fn places(&self) -> Places<'_> {
        Places {
            password: self.password.as_ref(),
            password_env: self.password_env.as_deref(),
            password_file: self.password_file.as_deref(),
            token_file: self.token_file.as_deref(),
            token_command: self.token_command.as_deref(),
        }
    }

    /// Makes every path absolute by `at`, which knows the directory of the configuration.
    pub fn resolve(&mut self, at: &dyn Fn(&Path) -> PathBuf) {
        for path in [&mut self.ca_file, &mut self.password_file, &mut self.token_file].into_iter().flatten() {
            *path = at(path);
        }
    }

    /// All faults that can be seen without a connection.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |key, message: &str, hint: &str| {
            problems.push(Problem { key, message: message.to_owned(), hint: hint.to_owned() });
        };
        if self.tls == Tls::None && !self.is_this_host() {
            let message = "without encryption the password would travel in clear text";
            wrong(
                "tls",
                message,
                "write \"implicit\" or \"starttls\"; \"none\" is for this host only (127.0.0.1, ::1, localhost)",
            );
        }
        let places = self.places();
        let given = [
            places.password.is_some(),
            places.password_env.is_some(),
            places.password_file.is_some(),
            places.token_file.is_some(),
            places.token_command.is_some(),
        ];
        match given.iter().filter(|given| **given).count() {
            0 => wrong("user", "there is no password and no token", "set password_file"),
            1 => {}
            _ => wrong(
                "user",
                "there are several passwords or tokens",
                "keep one of password_file, password_env, token_file, token_command",
            ),
        }
        if self.batch == 0 {
            wrong("batch", "0 would take no mail", "write 64");
        }
        let clear =
            |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-$".contains(c)) && !text.is_empty();
        match &self.after {
            After::Flag(word) if !clear(word) => {
                wrong("after", "a keyword is letters and digits", "write { flag = \"GGUSTaken\" }")
            }
            After::MoveTo(folder) if *folder == self.folder => {
                wrong("after", "mail would be moved to where it lies", "name another folder, such as \"Processed\"");
            }
            _ => {}
        }
        problems
    }

    fn is_this_host(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<&'static str> {
        let text = format!("user = 'u'\n{text}");
        toml::from_str::<Settings>(&text).unwrap().problems().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn clear_text_is_for_this_host_only() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "::1"] {
            assert_eq!(keys(&format!("host = '{host}'\ntls = 'none'\npassword = 'p'")), [""; 0], "{host}");
        }
        for host in ["imap.example", "10.0.0.1", "localhost.example", "127.0.0.1.example"] {
            assert_eq!(keys(&format!("host = '{host}'\ntls = 'none'\npassword = 'p'")), ["tls"], "{host}");
            assert_eq!(keys(&format!("host = '{host}'\ntls = 'starttls'\npassword = 'p'")), [""; 0], "{host}");
        }
    }

    #[test]
    fn one_secret_and_another_folder_are_needed() {
        let with = |rest: &str| keys(&format!("host = 'imap.example'\n{rest}"));
        assert_eq!(with(""), ["user"]);
        assert_eq!(with("password = 'p'\ntoken_file = 't'"), ["user"]);
        assert_eq!(with("token_file = 't'\nafter = { move_to = 'INBOX' }"), ["after"]);
        assert_eq!(with("token_file = 't'\nafter = { flag = 'two words' }"), ["after"]);
        assert_eq!(with("token_file = 't'\nbatch = 0"), ["batch"]);
    }
}

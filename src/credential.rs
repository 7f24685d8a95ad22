//! Passwords and tokens from where the settings say: in the file, an environment variable, a file, a command. Fetched anew
//! for every login, bounded, and never shown.

use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

/// Longest password or token that is read, in octets.
const LONGEST: u64 = 64 * 1024;
/// Characters of a failed command's output that are told.
const TOLD: usize = 300;

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for whoever logs in with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where a secret may be; the first that is given counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places<'a> {
    pub password: Option<&'a Secret>,
    pub password_env: Option<&'a str>,
    pub password_file: Option<&'a Path>,
    pub token_file: Option<&'a Path>,
    pub token_command: Option<&'a str>,
}

/// A fresh secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub secret: Secret,
    /// An OAuth 2.0 access token, not a password.
    pub is_token: bool,
    /// How long a token holds, where its command says (`expires_in`, RFC 6749 section 5.1).
    pub lifetime: Option<Duration>,
}

/// Fetches the secret; `None` where no place is given.
///
/// # Errors
/// It can't be had: what is missing and what to do.
pub async fn fetch(places: Places<'_>, limit: Duration) -> Result<Option<Credential>, String> {
    let mut lifetime = None;
    let (secret, is_token) = if let Some(secret) = places.password {
        (secret.clone(), false)
    } else if let Some(name) = places.password_env {
        let missing = |_| format!("the environment variable {name} (password_env) is not set: set it");
        (Secret(std::env::var(name).map_err(missing)?), false)
    } else if let Some(path) = places.password_file {
        (first_line_of(path, "password_file").await?, false)
    } else if let Some(path) = places.token_file {
        (first_line_of(path, "token_file").await?, true)
    } else if let Some(command) = places.token_command {
        let (token, holds) = printed_by(command, limit).await?;
        lifetime = holds;
        (token, true)
    } else {
        return Ok(None);
    };
    Ok(Some(Credential { secret, is_token, lifetime }))
}

async fn first_line_of(path: &Path, key: &str) -> Result<Secret, String> {
    let unreadable = |error| format!("cannot read {} ({key}): {error}; check its path and its owner", path.display());
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let text = read_some(Some(file)).await.map_err(unreadable)?;
    first_line(&text).ok_or_else(|| format!("{} ({key}) is empty: write the secret into it", path.display()))
}

/// Runs `command` and takes the first line of what it prints, or `access_token` and `expires_in` of a JSON object.
async fn printed_by(command: &str, limit: Duration) -> Result<(Secret, Option<Duration>), String> {
    let failed = |what: String| format!("token_command failed: {what}; run it by hand as the gateway's user");
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let run = async { tokio::try_join!(read_some(out), read_some(err), child.wait()) };
    let (out, err, status) = match timeout(limit, run).await {
        Ok(ended) => ended.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("it did not end within {limit:?}"))),
    };
    match access_token(&out).or_else(|| first_line(&out).map(|secret| (secret, None))) {
        Some(secret) if status.success() => Ok(secret),
        _ => {
            let told: String = String::from_utf8_lossy(&err).chars().take(TOLD).collect();
            Err(failed(format!("{status} {}", told.trim()).trim().to_owned()))
        }
    }
}

fn access_token(printed: &[u8]) -> Option<(Secret, Option<Duration>)> {
    let object: serde_json::Value = serde_json::from_slice(printed).ok()?;
    let token = object.get("access_token")?.as_str().filter(|token| !token.is_empty()).map(Secret::new)?;
    // Some services print the number as text.
    let seconds = object.get("expires_in").and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    Some((token, seconds.map(Duration::from_secs)))
}

async fn read_some(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(from) = from {
        from.take(LONGEST).read_to_end(&mut text).await?;
    }
    Ok(text)
}

fn first_line(text: &[u8]) -> Option<Secret> {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().next().unwrap_or_default();
    (!line.trim().is_empty()).then(|| Secret(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_its_lifetime_are_read_from_json() {
        let of = |text: &str| access_token(text.as_bytes()).map(|(token, holds)| (token.reveal().to_owned(), holds));
        let hour = Some(Duration::from_secs(3_600));
        assert_eq!(of(r#"{"access_token":"abc","expires_in":3600}"#), Some(("abc".to_owned(), hour)));
        assert_eq!(of(r#"{"access_token":"abc","expires_in":"3600"}"#), Some(("abc".to_owned(), hour)));
        assert_eq!(of(r#"{"access_token":"abc"}"#), Some(("abc".to_owned(), None)));
        assert_eq!(of("abc"), None);
    }
}

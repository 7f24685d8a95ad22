//! Who we are to the server: secrets from where the settings say, and the AUTH dialogue (RFC 4954; PLAIN RFC 4616,
//! LOGIN, XOAUTH2, OAUTHBEARER RFC 7628).
//!
//! The dialogue is written out here because lettre's gives up on XOAUTH2 when the server explains a rejection, and then
//! nobody learns of the rejection. A secret is fetched anew for every login and never shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::Trouble;
use super::answer::{Refusal, bounded};
use super::connect::Line;
use super::settings::Settings;
use crate::credential::{self, Credential, Places, Secret};

/// Longest command line, in octets with its end (RFC 5321 section 4.5.3.1.4). A longer first answer waits to be asked
/// for (RFC 4954 section 4).
const COMMAND_MAX: usize = 512;
/// Most questions of one AUTH dialogue.
const ROUNDS: usize = 4;

/// A user with a fresh secret.
#[derive(Debug)]
pub(super) struct Login {
    user: String,
    secret: Secret,
    is_token: bool,
}

/// Fetches the secret; `None` where nobody logs in.
///
/// # Errors
/// The secret cannot be had: what is missing and what to do.
pub(super) async fn fetch(settings: &Settings) -> Result<Option<Login>, Trouble> {
    let Some(user) = settings.user.clone() else { return Ok(None) };
    let places = Places {
        password: settings.password.as_ref(),
        password_env: settings.password_env.as_deref(),
        password_file: settings.password_file.as_deref(),
        token_file: settings.token_file.as_deref(),
        token_command: settings.token_command.as_deref(),
    };
    match credential::fetch(places, settings.command_limit).await {
        Ok(Some(Credential { secret, is_token, .. })) => Ok(Some(Login { user, secret, is_token })),
        Ok(None) => Err(blocked(format!("user {user:?} has no password and no token: set password_file"))),
        Err(why) => Err(blocked(why)),
    }
}

fn blocked(text: String) -> Trouble {
    Trouble::Blocked(text)
}

impl Login {
    /// Logs in over an open conversation.
    ///
    /// # Errors
    /// Rejected, or there is no way to log in: what the server said and what to do.
    pub async fn perform(&self, line: &mut Line) -> Result<(), Trouble> {
        if !line.may_carry_secrets() {
            return Err(blocked(format!(
                "{} offers no encryption, and the password does not travel in clear text: set tls = \"implicit\", or \
                 use a server that has STARTTLS",
                line.place()
            )));
        }
        let mechanism = self.choose(line.mechanisms()).ok_or_else(|| self.no_way(line))?;
        match self.talk(line, &mechanism).await {
            Ok(()) => Ok(()),
            Err(refusal @ Refusal::ForGood { .. }) => Err(blocked(format!(
                "{} rejects the login of {:?}: {}; check user and {}",
                line.place(),
                self.user,
                refusal.text(),
                if self.is_token { "token" } else { "password" }
            ))),
            Err(refusal) => Err(Trouble::Passing(format!("{} gives no login now: {}", line.place(), refusal.text()))),
        }
    }

    fn no_way(&self, line: &Line) -> Trouble {
        let offered = match line.mechanisms() {
            [] => "no login at all".to_owned(),
            names => bounded(&names.join(", ")),
        };
        let wanted = if self.is_token { "XOAUTH2 or OAUTHBEARER" } else { "PLAIN or LOGIN" };
        blocked(format!("{} offers {offered}, and we need {wanted}: check host, port and tls", line.place()))
    }

    /// The mechanism to use, out of those that the server offers (upper case).
    fn choose(&self, offered: &[String]) -> Option<Mechanism> {
        let known: &[Mechanism] = if self.is_token {
            &[Mechanism { name: "XOAUTH2", asked: false }, Mechanism { name: "OAUTHBEARER", asked: false }]
        } else {
            &[Mechanism { name: "PLAIN", asked: false }, Mechanism { name: "LOGIN", asked: true }]
        };
        known.iter().find(|mechanism| offered.iter().any(|name| name == mechanism.name)).cloned()
    }

    /// What we say in order, each coded in base64.
    fn lines(&self, mechanism: &Mechanism) -> Vec<String> {
        let (user, secret) = (&self.user, self.secret.reveal());
        let plain = match mechanism.name {
            "PLAIN" => vec![format!("\0{user}\0{secret}")],
            "LOGIN" => vec![user.clone(), secret.to_owned()],
            // The second line answers the server's explanation of a rejection; the rejection follows upon it.
            "XOAUTH2" => vec![format!("user={user}\x01auth=Bearer {secret}\x01\x01"), String::new()],
            _ => vec![format!("n,a={user},\x01auth=Bearer {secret}\x01\x01"), "\x01".to_owned()],
        };
        plain.into_iter().map(|text| STANDARD.encode(text)).collect()
    }

    async fn talk(&self, line: &mut Line, mechanism: &Mechanism) -> Result<(), Refusal> {
        let mut lines = self.lines(mechanism).into_iter().peekable();
        let mut command = format!("AUTH {}", mechanism.name);
        let fits = |first: &String| command.len() + first.len() + 3 <= COMMAND_MAX;
        if !mechanism.asked
            && let Some(first) = lines.next_if(fits)
        {
            command = format!("{command} {first}");
        }
        for _ in 0..ROUNDS {
            let answer = line.say(format!("{command}\r\n")).await?;
            match u16::from(answer.code()) {
                // `*` gives up: the server asks more than the mechanism has to say.
                334 => command = lines.next().unwrap_or_else(|| "*".to_owned()),
                235 => return Ok(()),
                _ => return Err(Refusal::unexpected(&answer)),
            }
        }
        Err(Refusal::Broken("the AUTH dialogue does not end".to_owned()))
    }
}

#[derive(Clone, Debug)]
struct Mechanism {
    name: &'static str,
    /// The server speaks first.
    asked: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rest: &str) -> Settings {
        toml::from_str(&format!("host = 'a'\nuser = 'u'\n{rest}")).unwrap()
    }

    async fn secret(rest: &str) -> Result<(Secret, bool), String> {
        match fetch(&settings(rest)).await {
            Ok(login) => login.map(|login| (login.secret, login.is_token)).ok_or_else(String::new),
            Err(trouble) => Err(trouble.text().to_owned()),
        }
    }

    #[tokio::test]
    async fn a_secret_comes_from_where_the_settings_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "pass word \r\nsecond line\n").unwrap();
        let path = path.display();
        assert_eq!(secret("password = 'p'").await, Ok((Secret::new("p"), false)));
        assert_eq!(secret(&format!("password_file = '{path}'")).await, Ok((Secret::new("pass word "), false)));
        assert_eq!(secret(&format!("token_file = '{path}'")).await, Ok((Secret::new("pass word "), true)));
        assert_eq!(secret("token_command = 'echo tok; echo more'").await, Ok((Secret::new("tok"), true)));
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_had_says_what_to_do() {
        for (rest, part) in [
            ("password_file = '/nowhere/at/all'", "check its path"),
            ("password_env = 'GGUS_TEST_NO_SUCH_VARIABLE'", "is not set: set it"),
            ("token_command = 'echo no consent >&2; exit 3'", "exit status: 3 no consent; run it by hand"),
            ("token_command = 'true'", "exit status: 0"),
            ("token_command = 'exec sleep 600'\ncommand_limit = '20ms'", "did not end within 20ms"),
            ("", "set password_file"),
        ] {
            let text = secret(rest).await.unwrap_err();
            assert!(text.contains(part), "{rest}: {text}");
        }
    }

    #[test]
    fn the_best_offered_mechanism_is_taken() {
        let login = |is_token| Login { user: "u".to_owned(), secret: Secret::new("s"), is_token };
        let choose = |is_token, offered: &[&str]| {
            let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
            login(is_token).choose(&offered).map(|mechanism| mechanism.name)
        };
        assert_eq!(choose(false, &["LOGIN", "PLAIN"]), Some("PLAIN"));
        assert_eq!(choose(false, &["LOGIN"]), Some("LOGIN"));
        assert_eq!(choose(false, &["XOAUTH2"]), None);
        assert_eq!(choose(true, &["PLAIN", "XOAUTH2"]), Some("XOAUTH2"));
        assert_eq!(choose(true, &["OAUTHBEARER"]), Some("OAUTHBEARER"));
    }
}

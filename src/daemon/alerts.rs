//! Telling people of trouble by another way than the mailbox or relay that fails: a command, a second relay. Once when a
//! part has not worked for a while, and once when it works again. What is due is a pure question; only a way that worked
//! counts as told, so what could not be told is tried again.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};

use super::parts::{Part, Parts};
use super::worker::Job;
use super::{Setup, Shared, clock};
use crate::config::AlertSettings;
use crate::desk::letter;
use crate::engine::intake::{self, Rules};
use crate::mail::Address;
use crate::relay::{Courier, Outcome, Parcel, RelaySettings};

/// Longest time between two looks.
const LOOK: Duration = Duration::from_secs(15);
/// How long a way may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Something that people should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub part: String,
    pub about: About,
    pub since: Timestamp,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Trouble,
    WellAgain,
}

impl About {
    fn word(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::WellAgain => "well again",
        }
    }
}

impl Alert {
    fn title(&self) -> String {
        format!("{}: {}", self.part, self.about.word())
    }

    fn words(&self) -> String {
        let since = self.since.strftime("%Y-%m-%d %H:%M UTC");
        match self.about {
            About::Trouble => format!("{} has been in trouble since {since}: {}", self.part, self.text),
            About::WellAgain => format!("{} works again since {since}: {}", self.part, self.text),
        }
    }
}

/// What is to be told now. `silence`: after how long without a word a part counts as in trouble.
pub fn due(
    parts: &Parts,
    after: SignedDuration,
    silence: impl Fn(&str) -> Option<SignedDuration>,
    now: Timestamp,
) -> Vec<Alert> {
    let of = |(name, part): (&String, &Part)| {
        let silent =
            part.health.is_well() && silence(name).is_some_and(|longest| now.duration_since(part.at) > longest);
        let alert = |about, since, text: String| Some(Alert { part: name.clone(), about, since, text });
        match (part.told, part.health.is_well() && !silent) {
            // One that only was silent has been well all the time; it has said so again just now.
            (Some(told), true) => {
                let since = if part.since > told { part.since } else { part.at };
                alert(About::WellAgain, since, part.health.text().to_owned())
            }
            (None, false) if silent => {
                alert(About::Trouble, part.at, "nothing has been heard of it; look at the log".to_owned())
            }
            (None, false) if now.duration_since(part.since) >= after => {
                alert(About::Trouble, part.since, part.health.text().to_owned())
            }
            (Some(_) | None, _) => None,
        }
    };
    parts.all.iter().filter_map(of).collect()
}

/// Tells people until a stop.
pub(super) async fn run(shared: Arc<Shared>, jobs: mpsc::Sender<Job>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let setup = shared.setup();
        let mut wait = LOOK;
        if let Some(settings) = &setup.loaded.plant.alerts {
            wait = settings.after.unsigned_abs().clamp(Duration::from_millis(100), LOOK);
            look(&shared, &setup, settings, &jobs).await;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn look(shared: &Shared, setup: &Setup, settings: &AlertSettings, jobs: &mpsc::Sender<Job>) {
    let sources = &setup.loaded.plant.sources;
    let silence = |name: &str| {
        let rest = sources.get(name.strip_prefix("source ")?)?.longest_rest()?;
        Some(settings.after.saturating_add(SignedDuration::try_from(rest * 2).ok()?))
    };
    let now = clock::now();
    for alert in due(&shared.parts(), settings.after, silence, now) {
        if tell(setup, settings, &alert, now).await {
            tracing::info!(part = alert.part, about = alert.about.word(), "people were told");
            shared.metrics.alerted(alert.about.word());
            let told = (alert.about == About::Trouble).then_some(now);
            shared.with_parts(|parts| parts.told(&alert.part, told));
            // Without a worker it is told once more after the next start.
            let _ = jobs.send(Job::Told(alert.part, told)).await;
        }
    }
}

/// By each way that there is; whether one worked.
async fn tell(setup: &Setup, settings: &AlertSettings, alert: &Alert, now: Timestamp) -> bool {
    let mut told = false;
    if !settings.command.is_empty() {
        match by_command(&settings.command, alert).await {
            Ok(()) => told = true,
            Err(why) => tracing::error!(part = alert.part, "alerts.command {}: {why}", settings.command[0]),
        }
    }
    if let Some(relay) = &settings.relay {
        for (at, to) in settings.to.iter().enumerate() {
            match by_mail(setup, relay, (at, to), alert, now).await {
                Outcome::Sent(_) => told = true,
                Outcome::Transient(why) | Outcome::Permanent(why) | Outcome::Unknown(why) => {
                    tracing::error!(part = alert.part, to = %to, "alerts.relay: {why}");
                }
            }
        }
    }
    told
}

/// The text on its standard input, what it is about in its environment.
async fn by_command(command: &[String], alert: &Alert) -> Result<(), String> {
    let run = async {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .env("GGUS_ALERT", alert.about.word())
            .env("GGUS_PART", &alert.part)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read it has its reasons.
            let _ = stdin.write_all(format!("{}\n", alert.words()).as_bytes()).await;
        }
        match child.wait().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    let limit = format!("not done within {} s", LONGEST.as_secs());
    tokio::time::timeout(LONGEST, run).await.unwrap_or(Err(limit))
}

async fn by_mail(
    setup: &Setup,
    relay: &RelaySettings,
    (at, to): (usize, &Address),
    alert: &Alert,
    now: Timestamp,
) -> Outcome {
    let policy = &setup.loaded.policy;
    let key = format!("alert.{}.{}.{}", alert.part.replace(' ', "."), alert.since.as_second(), alert.about as u8);
    let mut mail = letter::notice(policy, at, to, &alert.words(), &key);
    mail.subject = format!("[{}] {}", policy.desk.name, alert.title());
    let bytes = intake::written(Rules { policy, templates: &setup.templates }, &mail, now);
    let mut courier = Courier::new(relay);
    let parcel = Parcel { sender: None, recipient: to.clone(), bytes };
    let sent = tokio::time::timeout(LONGEST, courier.deliver(&parcel)).await;
    sent.unwrap_or_else(|_| Outcome::Unknown(format!("not done within {} s", LONGEST.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Health;

    const AFTER: SignedDuration = SignedDuration::from_mins(15);

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn told(parts: &Parts, minute: i64) -> Vec<String> {
        let silence = |name: &str| name.starts_with("source ").then_some(SignedDuration::from_mins(30));
        due(parts, AFTER, silence, at(minute)).iter().map(Alert::title).collect()
    }

    #[test]
    fn trouble_is_told_once_when_it_lasts_and_once_when_it_is_over() {
        let mut parts = Parts::default();
        parts.report("relay", &Health::Trouble("refused".into()), at(0));
        assert_eq!(told(&parts, 14), [""; 0]);
        parts.report("relay", &Health::Blocked("password".into()), at(14));
        assert_eq!(told(&parts, 15), ["relay: trouble"]);
        parts.told("relay", Some(at(15)));
        assert_eq!(told(&parts, 500), [""; 0]);
        parts.report("relay", &Health::Well("mail goes out".into()), at(501));
        assert_eq!(told(&parts, 501), ["relay: well again"]);
        parts.told("relay", None);
        assert_eq!(told(&parts, 502), [""; 0]);
    }

    #[test]
    fn short_trouble_is_told_to_nobody() {
        let mut parts = Parts::default();
        parts.report("relay", &Health::Trouble("refused".into()), at(0));
        parts.report("relay", &Health::Well("x".into()), at(10));
        assert_eq!(told(&parts, 60), [""; 0]);
    }

    #[test]
    fn a_source_that_falls_silent_is_in_trouble_and_a_relay_with_nothing_to_do_is_not() {
        let mut parts = Parts::default();
        parts.report("source support", &Health::Well("x".into()), at(0));
        parts.report("relay", &Health::Well("x".into()), at(0));
        assert_eq!(told(&parts, 30), [""; 0]);
        assert_eq!(told(&parts, 31), ["source support: trouble"]);
        parts.told("source support", Some(at(31)));
        assert_eq!(told(&parts, 60), [""; 0]);
        parts.report("source support", &Health::Well("x".into()), at(61));
        assert_eq!(told(&parts, 61), ["source support: well again"]);
    }
}

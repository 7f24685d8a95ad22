//! The sources at work: started, stopped and exchanged one by one. One whose settings stay goes on undisturbed; one whose
//! settings change ends what it is at before its successor begins, so a mailbox never has two visitors.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::source::{self, Mailroom, SourceSettings, Stay};

/// The names under which sources report how they fare.
pub fn parts(sources: &BTreeMap<String, SourceSettings>) -> Vec<String> {
    sources.keys().map(|name| format!("source {name}")).collect()
}

/// All that run.
#[derive(Debug)]
pub struct Sources {
    mailroom: Mailroom,
    stay: Stay,
    running: BTreeMap<String, Running>,
    /// Those that were told to end and have no successor.
    leaving: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Running {
    settings: SourceSettings,
    leave: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Sources {
    pub fn new(mailroom: Mailroom, stay: Stay) -> Self {
        Self { mailroom, stay, running: BTreeMap::new(), leaving: Vec::new() }
    }

    /// Has exactly these at work, from now on.
    pub fn adopt(&mut self, wanted: &BTreeMap<String, SourceSettings>) {
        let mut ended: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
        let (stays, ends): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|(name, running)| wanted.get(name) == Some(&running.settings));
        self.running = stays;
        for (name, Running { leave, task, .. }) in ends {
            // It may have ended by itself.
            let _ = leave.send(true);
            ended.insert(name, task);
        }
        for (name, settings) in wanted.iter().filter(|(name, _)| !self.running.contains_key(*name)).collect::<Vec<_>>()
        {
            let running = self.begin(name, settings, ended.remove(name));
            self.running.insert(name.clone(), running);
        }
        self.leaving.retain(|task| !task.is_finished());
        self.leaving.extend(ended.into_values());
    }

    fn begin(&self, name: &str, settings: &SourceSettings, before: Option<JoinHandle<()>>) -> Running {
        let (leave, left) = watch::channel(false);
        let mailroom = self.mailroom.of_one(left);
        let (name, own, stay) = (name.to_owned(), settings.clone(), self.stay);
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // It is over in either case.
                let _ = before.await;
            }
            source::run(&name, &own, &mailroom, stay).await;
        });
        Running { settings: settings.clone(), leave, task }
    }

    /// Returns when all have ended by themselves, or by the stop of the daemon.
    pub async fn finished(self) {
        // The senders live until the end: a source takes the loss of its own for a stop.
        let (tasks, _leave): (Vec<_>, Vec<_>) = self.running.into_values().map(|one| (one.task, one.leave)).unzip();
        for task in tasks.into_iter().chain(self.leaving) {
            let _ = task.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn wanted(folder: &Path, batches: &[(&str, usize)]) -> BTreeMap<String, SourceSettings> {
        let settings = |(name, batch): &(&str, usize)| {
            let text = format!("maildir = {{ path = {:?}, batch = {batch} }}", folder.join(name));
            ((*name).to_owned(), toml::from_str(&text).unwrap())
        };
        batches.iter().map(settings).collect()
    }

    #[tokio::test]
    async fn one_whose_settings_stay_goes_on_and_one_that_changes_follows_the_end_of_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (mailroom, _counter) = Mailroom::new(stopped);
        let mut sources = Sources::new(mailroom, Stay::Forever);
        sources.adopt(&wanted(folder.path(), &[("a", 1), ("b", 1), ("c", 1)]));
        let ids = |sources: &Sources| -> BTreeMap<String, tokio::task::Id> {
            sources.running.iter().map(|(name, running)| (name.clone(), running.task.id())).collect()
        };
        let before = ids(&sources);
        sources.adopt(&wanted(folder.path(), &[("a", 1), ("b", 2), ("d", 1)]));
        let after = ids(&sources);
        assert_eq!(after.keys().collect::<Vec<_>>(), ["a", "b", "d"]);
        assert_eq!(before["a"], after["a"]);
        assert_ne!(before["b"], after["b"]);
        // The one that is gone ends though the daemon goes on.
        for task in std::mem::take(&mut sources.leaving) {
            task.await.unwrap();
        }
        stop.send(true).unwrap();
        sources.finished().await;
    }
}

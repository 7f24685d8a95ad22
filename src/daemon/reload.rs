//! Reading the configuration again while the desk is open: all of it is taken over, or nothing. A file with problems, or
//! with something that only a new start can change, leaves everything as it is. No mail waits for it or is done twice:
//! work that has begun ends as it began, and what comes next finds the new configuration.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::sources::Sources;
use super::worker::Job;
use super::{Setup, Shared, log, parts_of};
use crate::config::changes::{self, Change};
use crate::config::{Loaded, Problem};
use crate::render::template::Templates;

/// Somebody wants the configuration read again; who asked by a command waits for the answer.
pub type Request = Option<oneshot::Sender<Answer>>;

/// What came of it, in words for a person.
pub type Answer = Result<Adopted, Refused>;

/// It was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    pub changes: Vec<Change>,
    /// What works and should not stay as it is.
    pub warnings: Vec<Problem>,
}

/// Nothing was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(String);

impl fmt::Display for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "{warning}")?;
        }
        if self.changes.is_empty() {
            return f.write_str("The configuration was read again; nothing in it has changed.");
        }
        write!(f, "The configuration was read again, and this has changed:")?;
        self.changes.iter().try_for_each(|change| write!(f, "\n  {change}"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nNothing was changed; the gateway goes on with the configuration that it has.", self.0)
    }
}

/// What a reload works on.
#[derive(Debug)]
pub(super) struct Desk {
    pub shared: Arc<Shared>,
    pub jobs: mpsc::Sender<Job>,
    pub sources: Sources,
    pub filter: Option<log::Filter>,
}

/// Answers requests until the stop; gives back the sources.
pub(super) async fn run(
    mut desk: Desk,
    mut requests: mpsc::Receiver<Request>,
    stop: &mut watch::Receiver<bool>,
) -> Sources {
    loop {
        let request = tokio::select! {
            // An error means that whoever could stop us is gone; that is a stop too.
            _ = stop.wait_for(|stop| *stop) => return desk.sources,
            Some(request) = requests.recv() => request,
        };
        let answer = desk.reload().await;
        desk.shared.metrics.reloaded(answer.is_ok());
        tell(&answer);
        if let Some(asked) = request {
            // Whoever asked may have given up.
            let _ = asked.send(answer);
        }
    }
}

impl Desk {
    async fn reload(&mut self) -> Answer {
        let old = self.shared.setup();
        let path = old.loaded.plant.config.clone();
        let read = tokio::task::spawn_blocking(move || Setup::read(&path)).await;
        let (loaded, templates) = read
            .unwrap_or_else(|_| Err("the gateway failed over the configuration; please report it".to_owned()))
            .map_err(Refused)?;
        let refusals = changes::refusals(&old.loaded, &loaded);
        if !refusals.is_empty() {
            return Err(Refused(refusals.join("\n")));
        }
        let adopted = Adopted { changes: changes::between(&old.loaded, &loaded), warnings: loaded.warnings.clone() };
        self.adopt(loaded, templates).await?;
        Ok(adopted)
    }

    async fn adopt(&mut self, loaded: Loaded, templates: Templates) -> Result<(), Refused> {
        // The only step that can fail comes first.
        self.filter.as_ref().map_or(Ok(()), |filter| filter.set(&loaded.plant.log)).map_err(Refused)?;
        let setup = Arc::new(Setup::new(loaded, templates));
        self.shared.setup.send_replace(Arc::clone(&setup));
        let wanted = &setup.loaded.plant.sources;
        // Without a worker the daemon is about to end.
        let _ = self.jobs.send(Job::Parts(parts_of(&setup))).await;
        self.sources.adopt(wanted);
        self.shared.bell.notify_one();
        Ok(())
    }
}

fn tell(answer: &Answer) {
    match answer {
        Ok(adopted) => {
            adopted.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            tracing::info!(changes = adopted.changes.len(), "the configuration was read again");
            adopted.changes.iter().for_each(|change| tracing::info!("changed: {change}"));
        }
        Err(refused) => {
            refused.0.lines().for_each(|line| tracing::error!("{line}"));
            tracing::error!("the configuration was not read again: nothing was changed");
        }
    }
}

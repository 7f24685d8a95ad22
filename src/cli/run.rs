//! `run`: the daemon, until it is told to stop.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::{Failure, load, open_store};
use crate::daemon::reload::Request;
use crate::daemon::{self, Outside, control};
use crate::source::Stay;
use crate::store::{Lock, Store};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "SIGTERM or Ctrl-C stop it politely: what was handed over is made durable, the rest stays where it lies.\n\
    SIGHUP has the configuration read again, as `reload` does.\n\
    RUST_LOG replaces log.level of the configuration."
)]
pub struct Args {
    /// Take what is there, deliver what is due, and exit
    #[arg(long)]
    once: bool,
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (loaded, templates) = load(config)?;
    let filter = daemon::log::start(&loaded.plant.log, std::env::var("RUST_LOG").ok()).map_err(Failure::Config)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    // First: a store that another gateway uses must not be renewed under it.
    let lock = Lock::take(&loaded.plant.store)?;
    let mut store = open_store(&loaded)?;
    end_leases(&mut store)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
            Failure::Later(format!("threads can't be started ({error}); raise the limit on processes"))
        })?;
    let stay = if args.once { Stay::Once } else { Stay::Forever };
    runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let signals = tokio::spawn(async move {
            wait_for_signal().await;
            tracing::info!("stopping: what was handed over is made durable, the rest stays where it lies");
            let _ = stop.send(true);
        });
        let (requests, reloads) = mpsc::channel(4);
        tokio::spawn(hear_hangups(requests.clone()));
        if stay == Stay::Forever && let Err(error) = control::listen(&loaded.plant.store, requests) {
            tracing::warn!(%error, "commands can't reach this gateway; to have the configuration read again, send SIGHUP");
        }
        let desk = &loaded.policy.desk;
        tracing::info!(desk = %desk.address, units = loaded.policy.units.len(), sources = loaded.plant.sources.len(), "the desk is open");
        let ended = daemon::run(loaded, templates, (store, lock), stay, Outside { stop: stopped, reloads, filter: Some(filter) }).await;
        signals.abort();
        ended
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What was under way when the last daemon fell goes out again now.
fn end_leases(store: &mut Store) -> Result<(), Failure> {
    let ended = store.batch(|batch| batch.end_leases(daemon::clock::now()))?;
    if ended > 0 {
        tracing::warn!(mails = ended, "mails were under way when the gateway last ended; they go out again");
    }
    Ok(())
}

/// SIGHUP is a wish that nobody waits for.
async fn hear_hangups(requests: mpsc::Sender<Request>) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else { return };
    while hangups.recv().await.is_some() {
        if requests.send(None).await.is_err() {
            return;
        }
    }
}

async fn wait_for_signal() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return tracing::error!("signals can't be waited for; end the gateway with kill -9");
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

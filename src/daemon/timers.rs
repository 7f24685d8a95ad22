//! Timers: asks the worker to take the steps that are due, when they are due.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::clock;
use super::worker::Job;

/// Longest time between two looks: a mail may have brought an earlier step, and a clock may have been set.
const LOOK: Duration = Duration::from_secs(60);
/// After trouble with the store, and between two turns while steps are due.
const SOON: Duration = Duration::from_secs(1);

/// Has steps taken until a stop.
pub async fn run(jobs: mpsc::Sender<Job>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let wait = turn(&jobs).await;
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Has everything taken that is due, once.
pub async fn drain(jobs: &mpsc::Sender<Job>) {
    while turn(jobs).await.is_zero() {}
}

/// One turn, and how long nothing more is due.
async fn turn(jobs: &mpsc::Sender<Job>) -> Duration {
    let (answer, next) = oneshot::channel();
    if jobs.send(Job::Timers(answer)).await.is_err() {
        return LOOK;
    }
    match next.await {
        Ok(None) => LOOK,
        Ok(Some(next)) => {
            let left = next.duration_since(clock::now());
            if left.is_positive() { left.unsigned_abs().clamp(SOON, LOOK) } else { Duration::ZERO }
        }
        // The store is in trouble, which the log tells.
        Err(_) => SOON,
    }
}

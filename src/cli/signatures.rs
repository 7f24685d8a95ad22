//! Signatures of mails that come by the command line: the daemon's own checks, without the daemon.

use tokio::runtime::{Builder, Runtime};

use super::Failure;
use crate::config::Loaded;
use crate::daemon::clock;
use crate::proof::Prover;
use crate::source::Incoming;

/// What asks about signatures, where the gateway does that itself.
pub struct Signatures(Option<(Prover, Runtime)>);

impl Signatures {
    /// A mail that can't be checked is taken all the same: it proves nothing then.
    pub fn new(loaded: &Loaded) -> Result<Self, Failure> {
        let prover = Prover::new(&loaded.plant.proof, &loaded.policy.desk.trusted_servers).unwrap_or_else(|error| {
            eprintln!("signatures are not checked: {error}");
            None
        });
        let Some(prover) = prover else { return Ok(Self(None)) };
        Ok(Self(Some((prover, Builder::new_current_thread().enable_all().build()?))))
    }

    /// Asks about all of them at once.
    pub fn check(&self, mails: &mut [Incoming]) {
        if let Self(Some((prover, runtime))) = self {
            runtime.block_on(prover.check_all(mails, clock::now()));
        }
    }
}

//! Signatures of mails that come by the command line: the daemon's own checks, without the daemon.

use tokio::runtime::{Builder, Runtime};

use super::Failure;
use crate::config::Loaded;
use crate::daemon::clock;
use crate::proof::Checks;
use crate::source::Incoming;

/// What checks signatures, where the gateway does that itself.
pub struct Signatures(Option<(Checks, Runtime)>);

impl Signatures {
    /// A mail that can't be checked is taken all the same: it proves nothing then.
    pub fn new(loaded: &Loaded) -> Result<Self, Failure> {
        let plant = &loaded.plant;
        let (checks, trouble) =
            Checks::new(&plant.proof, &loaded.policy.desk.trusted_servers, plant.ca_folder.as_deref());
        if let Some(trouble) = trouble {
            eprintln!("signatures of domains are not checked: {trouble}");
        }
        let Some(checks) = checks else { return Ok(Self(None)) };
        Ok(Self(Some((checks, Builder::new_current_thread().enable_all().build()?))))
    }

    /// Asks about all of them at once.
    pub fn check(&self, mails: &mut [Incoming]) {
        if let Self(Some((checks, runtime))) = self {
            runtime.block_on(checks.check_all(mails, clock::now()));
        }
    }
}

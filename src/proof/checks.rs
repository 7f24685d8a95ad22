//! All that is found out about a mail before the desk reads it: by name servers, and by certificates.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::smime::Verifier;
use super::{Prover, Settings};
use crate::mail::smime;
use crate::source::Incoming;

/// The checks that are configured.
#[derive(Debug)]
pub struct Checks {
    names: Option<Prover>,
    certificates: Option<Arc<Verifier>>,
}

impl Checks {
    /// The checks, where there are any. What can't be done is told beside them, and keeps nothing else from being done.
    pub fn new(
        settings: &Settings,
        trusted_servers: &[String],
        ca_folder: Option<&Path>,
    ) -> (Option<Self>, Option<String>) {
        let (names, trouble) = match Prover::new(settings, trusted_servers) {
            Ok(names) => (names, None),
            Err(error) => (None, Some(error)),
        };
        let certificates =
            ca_folder.map(|folder| Verifier::new(folder, settings.mail_limit, settings.oldest_signature));
        let some = names.is_some() || certificates.is_some();
        (some.then_some(Self { names, certificates }), trouble)
    }

    /// Asks about a batch, all of it at once.
    pub async fn check_all(&self, mails: &mut [Incoming], now: Timestamp) {
        futures_util::future::join_all(mails.iter_mut().map(|mail| self.check(mail, now))).await;
    }

    async fn check(&self, mail: &mut Incoming, now: Timestamp) {
        if let Some(names) = &self.names {
            mail.checked = names.check(&mail.raw, now).await;
        }
        // A forwarder's seal may hold such a word too; about certificates only the folder counts.
        mail.checked.retain(|result| result.method != smime::METHOD);
        if let Some(certificates) = &self.certificates {
            mail.checked.extend(certificates.check(&mail.raw, now).await);
        }
    }
}

//! Whom we believe to be the server: the certificates of the system and those of `ca_file`, checked against a name.
//!
//! There is no switch to skip the check. A private authority is trusted by `ca_file`, another name by `tls_name`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, Error};

use super::super::Trouble;

/// The configuration for one handshake, read anew each time so that a renewed file counts.
///
/// # Errors
/// A file that cannot be read, or a name that is none: what to do.
pub(super) fn prepare(ca_file: Option<&Path>, name: &str) -> Result<(Arc<ClientConfig>, ServerName<'static>), Trouble> {
    let server = ServerName::try_from(name.to_owned())
        .map_err(|_| Trouble::Blocked(format!("{name:?} cannot stand in a certificate: set tls_name")))?;
    let unusable = |error: Error| Trouble::Blocked(format!("TLS cannot be set up: {error}; check ca_file"));
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra_roots(ca_file)?, provider.clone()).map_err(unusable)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok((Arc::new(config), server))
}

fn extra_roots(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let Some(path) = ca_file else { return Ok(Vec::new()) };
    let unreadable = |error: &dyn std::fmt::Display| {
        Trouble::Blocked(format!("cannot read {} (ca_file): {error}; it must hold PEM certificates", path.display()))
    };
    let roots = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(&error))?;
    if roots.is_empty() { Err(unreadable(&"no certificate in it")) } else { Ok(roots) }
}

/// What a failed handshake means. A certificate that does not hold stays so until a person does something.
pub(super) fn trouble(place: &str, error: &io::Error) -> Trouble {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(_)) => Trouble::Blocked(format!(
            "{place} shows a certificate that does not hold: {error}; set tls_name to the name in it, ca_file to its \
             authority, or have it renewed"
        )),
        Some(Error::InvalidMessage(_)) => {
            Trouble::Blocked(format!("{place} speaks no TLS here: {error}; set tls = \"starttls\", or another port"))
        }
        _ => Trouble::Passing(format!("{place} breaks the TLS handshake: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ca_file: Option<&Path>, name: &str) -> String {
        prepare(ca_file, name).map(drop).unwrap_err().text().to_owned()
    }

    #[test]
    fn what_cannot_work_is_said_before_the_handshake() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("ca.pem");
        std::fs::write(&empty, "no certificate\n").unwrap();
        assert!(text(None, "a b").ends_with("set tls_name"));
        assert!(text(Some(&empty), "localhost").contains("no certificate in it; it must hold PEM"));
        assert!(text(Some(&folder.path().join("absent")), "localhost").contains("absent (ca_file)"));
    }
}

//! A folder of certificate authorities: PEM files, hashed names or not, as grid sites keep them in
//! `/etc/grid-security/certificates`. Every authority in it is believed for every name.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::ssl::SslFiletype;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509Crl, X509PurposeId, X509Ref};

use super::certificate;

/// Largest file that is read: the longest revocation lists have some 20 MiB.
const LARGEST_FILE: u64 = 64 << 20;
/// Authorities between a signer and a root.
const LONGEST_CHAIN: i32 = 10;
/// OpenSSL's measure of strength: 1 asks for 80 bits, so it takes no MD5 or SHA-1 in a certificate's signature.
const STRENGTH: i32 = 1;

/// Begins a revocation list.
const LIST: &[u8] = b"-----BEGIN X509 CRL-----";

/// What the folder holds.
#[derive(Debug)]
pub struct Authorities {
    certificates: Vec<X509>,
    /// Revocation lists: whose, in DER, and the file.
    lists: Vec<(Vec<u8>, PathBuf)>,
    /// Files that should hold a revocation list and don't.
    broken: Vec<PathBuf>,
}

impl Authorities {
    /// Reads the folder; the error says what to do.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let shown = folder.display();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => format!("{shown} does not exist; name a folder with the certificates of CAs"),
            _ => format!("{shown} can't be read ({error}); let the gateway's user read it"),
        };
        let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed)?;
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        let mut found = Self { certificates: Vec::new(), lists: Vec::new(), broken: Vec::new() };
        paths.into_iter().for_each(|path| found.add(path));
        match found.certificates.is_empty() {
            true => Err(format!("{shown} holds no certificate; put PEM files of CAs there")),
            false => Ok(found),
        }
    }

    /// Other files lie in such folders too: policies, notes, what a mirror leaves behind.
    fn add(&mut self, path: PathBuf) {
        let fits = std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= LARGEST_FILE);
        let Some(bytes) = fits.then(|| std::fs::read(&path).ok()).flatten() else { return };
        for certificate in X509::stack_from_pem(&bytes).unwrap_or_default() {
            // A hashed folder holds each certificate twice.
            if !self.certificates.contains(&certificate) {
                self.certificates.push(certificate);
            }
        }
        match X509Crl::from_pem(&bytes).and_then(|list| list.issuer_name().to_der()) {
            Ok(issuer) => self.lists.push((issuer, path)),
            Err(_) if bytes.windows(LIST.len()).any(|part| part == LIST) => self.broken.push(path),
            Err(_) => {}
        }
    }

    /// How many authorities there are.
    pub fn count(&self) -> usize {
        self.certificates.len()
    }

    /// What somebody should see to: authorities that have expired, revocation lists that are none.
    pub fn faults(&self, now: Timestamp) -> Vec<String> {
        let now = Asn1Time::from_unix(now.as_second()).ok();
        let over = self.certificates.iter().filter(|one| now.as_ref().is_some_and(|now| one.not_after() < now));
        let name = |one: &X509| certificate::name(one.subject_name()).unwrap_or_default();
        let over = over.map(|one| format!("{} has expired, and proves nothing", name(one)));
        let broken =
            self.broken.iter().map(|path| format!("{} holds no revocation list that can be read", path.display()));
        over.chain(broken).collect()
    }

    /// What a signer's certificate is checked by, at a time. Where the folder has a revocation list of its issuer, that
    /// list must be valid, and the certificate not on it.
    pub fn store(&self, signer: &X509Ref, now: Timestamp) -> Result<X509Store, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for certificate in &self.certificates {
            store.add_cert(certificate.clone())?;
        }
        let mut asked = X509VerifyParam::new()?;
        asked.set_time(now.as_second());
        asked.set_purpose(X509PurposeId::SMIME_SIGN)?;
        asked.set_depth(LONGEST_CHAIN);
        asked.set_auth_level(STRENGTH);
        let issuer = signer.issuer_name().to_der()?;
        for (_, path) in self.lists.iter().filter(|(whose, _)| *whose == issuer) {
            store.add_lookup(X509Lookup::file())?.load_crl_file(path, SslFiletype::PEM)?;
            asked.set_flags(X509VerifyFlags::CRL_CHECK)?;
        }
        store.set_param(&asked)?;
        Ok(store.build())
    }
}

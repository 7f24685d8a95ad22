//! A folder of certificate authorities: PEM files, hashed names or not, as grid sites keep them in
//! `/etc/grid-security/certificates`. Every authority in it is believed for every name.

use std::collections::BTreeSet;
use std::ffi::OsString;
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

/// Around a revocation list.
const LIST: (&[u8], &[u8]) = (b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----");

/// What the folder holds.
#[derive(Debug)]
pub struct Authorities {
    certificates: Vec<X509>,
    /// The subject of each certificate in DER, and the name of its file without the ending.
    names: Vec<(Vec<u8>, OsString)>,
    /// Revocation lists: whose, in DER, and the file.
    lists: Vec<(Vec<u8>, PathBuf)>,
    /// Files that should hold a revocation list and don't. Who is on one of them, nobody can tell.
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
        let (certificates, names, lists, broken) = Default::default();
        let mut found = Self { certificates, names, lists, broken };
        paths.into_iter().for_each(|path| found.add(path));
        match found.certificates.is_empty() {
            true => Err(format!("{shown} holds no certificate; put PEM files of CAs there")),
            false => Ok(found),
        }
    }

    /// Other files lie in such folders too: policies, notes, what a mirror leaves behind.
    fn add(&mut self, path: PathBuf) {
        let fits = std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= LARGEST_FILE);
        let bytes = fits.then(|| std::fs::read(&path).ok()).flatten().unwrap_or_default();
        for certificate in X509::stack_from_pem(&bytes).unwrap_or_default() {
            let stem = path.file_stem().unwrap_or_default().to_owned();
            self.names.extend(certificate.subject_name().to_der().ok().map(|name| (name, stem)));
            // A hashed folder holds each certificate twice.
            if !self.certificates.contains(&certificate) {
                self.certificates.push(certificate);
            }
        }
        let issuers: Option<BTreeSet<Vec<u8>>> = lists(&bytes).map(issuer).collect();
        match issuers {
            Some(issuers) if !issuers.is_empty() => {
                self.lists.extend(issuers.into_iter().map(|issuer| (issuer, path.clone())));
            }
            Some(_) if !is_named_as_list(&path) => {}
            _ => self.broken.push(path),
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
        over.chain(self.broken_lists()).collect()
    }

    /// Revocation lists that can't be read, and what follows.
    pub fn broken_lists(&self) -> Vec<String> {
        let told = |path: &PathBuf| {
            let whose = if self.owners(path).is_empty() { "any authority" } else { "its authority" };
            let shown = path.display();
            format!(
                "{shown} holds no revocation list that can be read: no signature by {whose} counts; fetch it anew or remove it"
            )
        };
        self.broken.iter().map(told).collect()
    }

    /// Whose list a file should hold: theirs who stand in a file of the same name but for the ending (`1a2b3c4d.0` and
    /// `1a2b3c4d.r0`, `grid.pem` and `grid.crl`); of nobody where it could be anybody's.
    fn owners(&self, list: &Path) -> Vec<&[u8]> {
        let stem = list.file_stem().unwrap_or_default();
        self.names.iter().filter(|(_, beside)| beside == stem).map(|(name, _)| name.as_slice()).collect()
    }

    /// What a signer's certificate is checked by, at a time. Where the folder has a revocation list of its issuer, that
    /// list must be valid, and the certificate not on it. Where it has one that can't be read nothing is proven: the
    /// certificate may be on it. The error says why.
    pub fn store(&self, signer: &X509Ref, now: Timestamp) -> Result<X509Store, String> {
        let issuer = signer.issuer_name().to_der().map_err(|error| super::fault(&error))?;
        let may_be_on = |path: &&PathBuf| {
            let owners = self.owners(path);
            owners.is_empty() || owners.contains(&issuer.as_slice())
        };
        match self.broken.iter().find(may_be_on) {
            Some(_) => Err("a revocation list of its authority can't be read".to_owned()),
            None => self.store_for(&issuer, now).map_err(|error| super::fault(&error)),
        }
    }

    fn store_for(&self, issuer: &[u8], now: Timestamp) -> Result<X509Store, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for certificate in &self.certificates {
            store.add_cert(certificate.clone())?;
        }
        let mut asked = X509VerifyParam::new()?;
        asked.set_time(now.as_second());
        asked.set_purpose(X509PurposeId::SMIME_SIGN)?;
        asked.set_depth(LONGEST_CHAIN);
        asked.set_auth_level(STRENGTH);
        for (_, path) in self.lists.iter().filter(|(whose, _)| whose == issuer) {
            store.add_lookup(X509Lookup::file())?.load_crl_file(path, SslFiletype::PEM)?;
            asked.set_flags(X509VerifyFlags::CRL_CHECK)?;
        }
        store.set_param(&asked)?;
        Ok(store.build())
    }
}

/// Each revocation list in a file, from its first line to its last.
fn lists(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (begin, end) = LIST;
    let at = |bytes: &[u8], line: &[u8]| bytes.windows(line.len()).position(|part| part == line);
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let from = at(rest, begin)?;
        let (list, after) =
            rest[from..].split_at(at(&rest[from..], end).map_or(rest.len() - from, |to| to + end.len()));
        rest = after;
        Some(list)
    })
}

fn issuer(list: &[u8]) -> Option<Vec<u8>> {
    X509Crl::from_pem(list).and_then(|list| list.issuer_name().to_der()).ok()
}

/// `1a2b3c4d.r0`, `grid.crl`.
fn is_named_as_list(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let number = ending.strip_prefix('r').unwrap_or_default();
    ending == "crl" || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

//! S/MIME (RFC 8551): whether a mail as a whole is signed, by whom and when. OpenSSL is named in this folder only.
//!
//! Signature, chain, purpose, dates and revocation are OpenSSL's to check. A signature covers the text, and neither author
//! nor subject; one over a part of the mail counts for nothing, and so does one that is old or undated: somebody may have
//! kept the mail. The desk reads the very text that is checked here
//! ([`opened`]), however the mail around it is built.

mod authorities;
mod certificate;
mod signing;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use openssl::error::ErrorStack;
use openssl::pkcs7::{Pkcs7, Pkcs7Flags};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509Ref};

use crate::mail::authres::MethodResult;
use crate::mail::parse::{digest, header_fields, verbatim};
use crate::mail::smime::{IDENTIFIER, METHOD, PRINT, REASON, SUBJECT};
pub use authorities::Authorities;
use signing::Signing;

/// Largest mail whose signature is looked at.
const LARGEST_MAIL: usize = 64 << 20;
/// Certificates that a mail may bring along.
const MOST_CERTIFICATES: usize = 20;
/// The folder is read again when what was read of it is older: revocation lists come several times a day.
const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// Checks signatures against a folder of certificate authorities.
#[derive(Debug)]
pub struct Verifier {
    folder: PathBuf,
    limit: Duration,
    oldest_signature: SignedDuration,
    read: Mutex<Option<(Timestamp, Arc<Authorities>)>>,
}

impl Verifier {
    /// `limit`: how long one mail may take. `oldest_signature`: an older one proves nothing.
    pub fn new(folder: &Path, limit: SignedDuration, oldest_signature: SignedDuration) -> Arc<Self> {
        let (folder, limit) = (folder.to_owned(), limit.unsigned_abs());
        Arc::new(Self { folder, limit, oldest_signature, read: Mutex::new(None) })
    }

    /// What a mail's signature is worth; nothing where the mail as a whole bears none.
    pub async fn check(self: &Arc<Self>, raw: &[u8], now: Timestamp) -> Option<MethodResult> {
        let entity = signed_entity(raw)?;
        let this = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || this.judge(&entity, now));
        let judged = match tokio::time::timeout(self.limit, work).await {
            Ok(Ok(judged)) => judged,
            Ok(Err(_)) => Err("it could not be checked".to_owned()),
            Err(_) => Err("it could not be checked in time".to_owned()),
        };
        let (result, properties) = match judged {
            Ok(signer) => ("pass", signer),
            Err(because) => ("fail", vec![(REASON.to_owned(), because)]),
        };
        Some(MethodResult { method: METHOD.to_owned(), result: result.to_owned(), properties })
    }

    /// Who signed, as properties; the error says why it proves nothing.
    fn judge(&self, entity: &[u8], now: Timestamp) -> Result<Vec<(String, String)>, String> {
        let signed = Signed::read(entity)?;
        let signer = signed.signer()?;
        let store = self.authorities(now)?.store(&signer, now)?;
        let detached = signed.detached.as_deref();
        let verified = none().and_then(|none| signed.data.verify(&none, &store, detached, None, Pkcs7Flags::empty()));
        verified.map_err(|error| fault(&error))?;
        let print = self.print(&signed.data, &signer, now)?;
        let addresses = certificate::addresses(&signer).into_iter().map(|address| (IDENTIFIER.to_owned(), address));
        let subject = certificate::name(signer.subject_name()).map(|subject| (SUBJECT.to_owned(), subject));
        Ok(addresses.chain(subject).chain([(PRINT.to_owned(), print)]).collect())
    }

    /// Digest of what was signed and by which key: the same in every mail that somebody makes of it. A signature itself
    /// can be written in several ways.
    fn print(&self, signature: &Pkcs7, signer: &X509Ref, now: Timestamp) -> Result<String, String> {
        let signing = Signing::read(&signature.to_der().map_err(|error| fault(&error))?)?;
        if now.duration_since(signing.at) > self.oldest_signature {
            return Err(format!("it is of {}, older than proof.oldest_signature", signing.at.strftime("%Y-%m-%d")));
        }
        let key = signer.public_key().and_then(|key| key.public_key_to_der()).map_err(|error| fault(&error))?;
        Ok(digest(&[signing.bytes, key].concat()).0)
    }

    fn authorities(&self, now: Timestamp) -> Result<Arc<Authorities>, String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read.as_ref() {
            Some((at, known)) if now.duration_since(*at).abs() < FRESH => Ok(Arc::clone(known)),
            _ => {
                let known = Arc::new(Authorities::read(&self.folder)?);
                let before = read.as_ref().map(|(_, before)| before.broken_lists()).unwrap_or_default();
                let new = known.broken_lists().into_iter().filter(|one| !before.contains(one));
                new.for_each(|one| tracing::error!("{one}"));
                *read = Some((now, Arc::clone(&known)));
                Ok(known)
            }
        }
    }
}

/// The mail with the signed text in the place of the envelope around it, checked or not; any other mail as it is. From
/// the signed text come the fields that describe it, and no author and no subject.
pub fn opened(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(content) = signed_entity(raw).and_then(|entity| Signed::read(&entity).ok()?.content()) else {
        return raw.into();
    };
    let (fields, _) = verbatim(raw);
    let (described, text) = verbatim(&content);
    let outer = fields.into_iter().filter(|(name, _)| !describes_content(name));
    let inner = described.into_iter().filter(|(name, _)| describes_content(name));
    let mut mail = head(outer.chain(inner));
    mail.extend_from_slice(text);
    mail.into()
}

/// What describes the body of a mail that is signed as a whole, and the body: what OpenSSL reads.
fn signed_entity(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.len() > LARGEST_MAIL {
        return None;
    }
    let (fields, body) = verbatim(raw);
    let first = |name: &str| fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).copied();
    let (_, content_type) = first("content-type")?;
    let content_type = header_fields(&String::from_utf8_lossy(content_type)).pop()?.value.to_lowercase();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let is_signed = match kind {
        "multipart/signed" => content_type.contains("pkcs7-signature"),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => !content_type.contains("enveloped-data"),
        _ => false,
    };
    is_signed.then(|| {
        let described = [first("content-type"), first("content-transfer-encoding")];
        let mut entity = b"MIME-Version: 1.0\r\n".to_vec();
        entity.extend(head(described.into_iter().flatten()));
        entity.extend_from_slice(body);
        entity
    })
}

fn describes_content(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("content-") || name == "mime-version"
}

/// Fields as they stand, and the blank line.
fn head<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut head = Vec::new();
    for (_, field) in fields {
        head.extend_from_slice(field.trim_ascii_end());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// A signed entity, taken apart.
struct Signed {
    data: Pkcs7,
    /// What is signed, where it stands beside the signature and not inside it.
    detached: Option<Vec<u8>>,
}

impl Signed {
    fn read(entity: &[u8]) -> Result<Self, String> {
        let (data, detached) = Pkcs7::from_smime(entity).map_err(|error| fault(&error))?;
        let signed = data.signed().ok_or("it is no signed data")?;
        if signed.certificates().is_some_and(|known| known.len() > MOST_CERTIFICATES) {
            return Err("it brings too many certificates".to_owned());
        }
        Ok(Self { data, detached })
    }

    /// The one who signed: with several signatures nobody could tell for whom a mail speaks.
    fn signer(&self) -> Result<X509, String> {
        let signers = none().and_then(|none| self.data.signers(&none, Pkcs7Flags::empty()));
        let signers = signers.map_err(|error| fault(&error))?;
        match signers.iter().collect::<Vec<_>>()[..] {
            [signer] => Ok(signer.to_owned()),
            _ => Err("it has several signers".to_owned()),
        }
    }

    /// What is signed, whatever the signature is worth.
    fn content(self) -> Option<Vec<u8>> {
        if self.detached.is_some() {
            return self.detached;
        }
        let mut content = Vec::new();
        let (none, nobody) = (none().ok()?, X509StoreBuilder::new().ok()?.build());
        let unchecked = Pkcs7Flags::NOVERIFY | Pkcs7Flags::NOSIGS;
        self.data.verify(&none, &nobody, None, Some(&mut content), unchecked).ok()?;
        Some(content)
    }
}

fn none() -> Result<Stack<X509>, ErrorStack> {
    Stack::new()
}

/// OpenSSL's reason; what is wrong with a chain it tells beside its reason.
fn fault(error: &ErrorStack) -> String {
    let told = error.errors().iter().find_map(|one| Some(one.data()?.strip_prefix("Verify error: ")?.to_owned()));
    let reason = || error.errors().iter().find_map(|one| one.reason().map(str::to_owned));
    told.or_else(reason).unwrap_or_else(|| "it can't be read".to_owned())
}

//! What a signer signs beside the text (RFC 5652 section 11): when it was. Read from a signature that OpenSSL has found
//! good; it verifies nothing. Of the rest of the signature nothing is looked at, so odd certificates do no harm.

use cms::attr::SigningTime;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedAttributes, SignerInfo};
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, ErrorKind, Reader, SliceReader};
use jiff::Timestamp;

const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");

/// One act of signing.
pub struct Signing {
    pub at: Timestamp,
    /// The very bytes that are signed: among them the text's digest and the time.
    pub bytes: Vec<u8>,
}

impl Signing {
    /// Reads the only signer's; the error says why it proves nothing.
    pub fn read(signature: &[u8]) -> Result<Self, String> {
        let unreadable = |error: der::Error| format!("its signing time can't be read: {error}");
        let attributes = only_signer(signature).map_err(unreadable)?.signed_attrs;
        let dated = attributes.map(|attributes| Ok((signing_time(&attributes)?, attributes.to_der()?))).transpose();
        match dated.map_err(unreadable)? {
            Some((Some(at), bytes)) => Ok(Self { at, bytes }),
            _ => Err("it does not say when it was made".to_owned()),
        }
    }
}

/// The signers are the last of what signed data consists of.
fn only_signer(signature: &[u8]) -> der::Result<SignerInfo> {
    let info = ContentInfo::from_der(signature)?;
    let mut rest = SliceReader::new(info.content.value())?;
    let mut last = None;
    while !rest.is_finished() {
        last = Some(AnyRef::decode(&mut rest)?);
    }
    SignerInfo::from_der(last.ok_or(ErrorKind::Failed)?.value())
}

fn signing_time(attributes: &SignedAttributes) -> der::Result<Option<Timestamp>> {
    let Some(attribute) = attributes.iter().find(|one| one.oid == SIGNING_TIME) else { return Ok(None) };
    let value = attribute.values.get(0).ok_or(ErrorKind::Failed)?;
    let since_epoch = SigningTime::from_der(&value.to_der()?)?.to_unix_duration();
    Ok(i64::try_from(since_epoch.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()))
}

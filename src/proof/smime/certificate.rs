//! What a certificate says of its owner: a name and addresses, as text.

use openssl::nid::Nid;
use openssl::x509::{X509NameEntryRef, X509NameRef, X509Ref};

/// The addresses that it is for: those of its alternative names, else those in its subject (RFC 8550 section 3).
pub fn addresses(certificate: &X509Ref) -> Vec<String> {
    let alternative = certificate.subject_alt_names();
    let named: Vec<String> = alternative
        .iter()
        .flatten()
        .filter_map(|name| name.email().map(str::to_owned))
        .filter(|one| one.is_ascii())
        .collect();
    if !named.is_empty() {
        return named;
    }
    let in_subject = certificate.subject_name().entries_by_nid(Nid::PKCS9_EMAILADDRESS);
    in_subject.filter_map(value).filter(|one| one.is_ascii()).collect()
}

/// `/C=DE/O=GermanGrid/CN=Anna Rossi`, as grid software writes it. `None` where a value could be taken for further parts
/// of the name: somebody may have asked for a certificate of just that value.
pub fn name(name: &X509NameRef) -> Option<String> {
    let mut text = String::new();
    for entry in name.entries() {
        let value = value(entry)?;
        let looks_like_parts = value.split('/').skip(1).any(|part| part.contains('='));
        if looks_like_parts || value.chars().any(char::is_control) {
            return None;
        }
        text.push_str(&format!("/{}={value}", kind(entry)));
    }
    Some(text)
}

fn value(entry: &X509NameEntryRef) -> Option<String> {
    entry.data().to_string().ok()
}

/// The short name of an attribute; its number where it has none.
fn kind(entry: &X509NameEntryRef) -> String {
    let object = entry.object();
    match object.nid() {
        Nid::UNDEF => object.to_string(),
        known => known.short_name().map_or_else(|_| object.to_string(), str::to_owned),
    }
}

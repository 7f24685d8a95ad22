//! A person on a list of the settings, known by certificate: by its subject, or by an address that it is for.

use serde::Deserialize;

use crate::mail::Address;
use crate::mail::smime::Signer;

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Person {
    Address(Address),
    /// Subject of the certificate, in the spelling under which equal ones meet.
    Subject(String),
}

impl Person {
    /// Reads `anna@infn.example` or `/C=IT/O=INFN/CN=Anna Rossi`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().starts_with('/') {
            true => Some(subject_key(text)).filter(|key| key.contains('=')).map(Self::Subject),
            false => Address::parse(text).map(Self::Address),
        }
    }

    /// Whether a good signature is theirs.
    pub fn is(&self, signer: &Signer) -> bool {
        match self {
            Self::Address(address) => signer.addresses.contains(address),
            Self::Subject(subject) => *subject == subject_key(&signer.subject),
        }
    }
}

impl TryFrom<String> for Person {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || {
            format!(
                "{text:?} is nobody; write a@b.example, or a certificate's subject as /C=DE/O=GermanGrid/CN=Anna Rossi"
            )
        };
        Self::parse(&text).ok_or_else(wrong)
    }
}

/// Types of attributes have several spellings, values one. A slash may be part of a value: `/CN=robot/shift.example`.
fn subject_key(subject: &str) -> String {
    let mut key = String::new();
    for part in subject.trim().split('/').skip(1) {
        match part.split_once('=') {
            Some((kind, value)) => {
                let kind = kind.trim().to_lowercase();
                let kind = match kind.as_str() {
                    "e" | "email" => "emailaddress",
                    "userid" => "uid",
                    other => other,
                };
                key.push_str(&format!("/{kind}={}", value.trim()));
            }
            None => key.push_str(&format!("/{part}")),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(listed: &str, subject: &str, addresses: &[&str]) -> bool {
        let addresses = addresses.iter().filter_map(|one| Address::parse(one)).collect();
        Person::parse(listed).unwrap().is(&Signer { subject: subject.to_owned(), addresses, print: None })
    }

    #[test]
    fn a_person_is_known_by_subject_or_address() {
        assert!(is("/C=IT/O=INFN/CN=Anna Rossi", "/C=IT/O=INFN/CN=Anna Rossi", &[]));
        assert!(is("/c=IT/Email=a@x.example", "/C=IT/emailAddress=a@x.example", &[]));
        assert!(is("/DC=ch/CN=robot/shift.example", "/DC=ch/CN=robot/shift.example", &[]));
        assert!(is("Anna@x.example", "/CN=Anna", &["b@x.example", "anna@x.example"]));
        for (listed, subject) in [
            ("/C=IT/CN=Anna", "/C=IT/CN=anna"),
            ("/C=IT/CN=Anna", "/C=IT/O=INFN/CN=Anna"),
            ("/C=IT/CN=Anna", "/C=IT/CN=Anna/CN=proxy"),
            ("/C=IT/CN=Anna", ""),
            ("anna@x.example", "/CN=anna@x.example"),
        ] {
            assert!(!is(listed, subject, &[]), "{listed} {subject}");
        }
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in ["", "/", "Anna Rossi", "CN=Anna,O=INFN,C=IT"] {
            assert_eq!(Person::parse(text), None, "{text}");
        }
    }
}

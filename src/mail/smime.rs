//! Whose S/MIME signature a mail bears, as the gateway's own check tells in the words of RFC 7281.
//!
//! It checks nothing itself, and it refuses to judge what a signer may do.

use super::Digest;
use super::address::Address;
use super::authres::MethodResult;

/// Name of the method, and of the properties that the check writes.
pub const METHOD: &str = "smime";
pub const IDENTIFIER: &str = "body.smime-identifier";
pub const SUBJECT: &str = "body.smime-subject";
pub const PRINT: &str = "body.smime-print";
pub const REASON: &str = "reason";

/// What a mail's signature is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// There is none over the whole mail, or nobody has checked.
    #[default]
    Missing,
    /// There is one, and it proves nothing.
    Worthless { because: String },
    /// It is good, and made by this person.
    Valid(Signer),
}

/// A person or a program that has a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Subject of the certificate, `/C=DE/O=GermanGrid/CN=Anna Rossi`; empty where it can't be written unmistakably.
    pub subject: String,
    /// The addresses that the certificate is for.
    pub addresses: Vec<Address>,
    /// Of this one act of signing: a text that is signed once and sent twice has it twice.
    pub print: Option<Digest>,
}

impl Signature {
    /// What the results of the gateway's own check say. They must be its own: anybody can write a header field.
    pub fn of(results: &[MethodResult]) -> Self {
        let Some(found) = results.iter().find(|one| one.method == METHOD) else { return Self::Missing };
        let named = |name: &str| {
            let of_name = found.properties.iter().filter(move |(key, _)| key == name);
            of_name.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        if found.result != "pass" {
            return Self::Worthless { because: named(REASON).join(", ") };
        }
        let addresses = named(IDENTIFIER).into_iter().filter_map(Address::parse).collect();
        let print = named(PRINT).first().map(|print| Digest((*print).to_owned()));
        Self::Valid(Signer { subject: named(SUBJECT).concat(), addresses, print })
    }

    /// The signer, where the signature is good.
    pub fn signer(&self) -> Option<&Signer> {
        match self {
            Self::Valid(signer) => Some(signer),
            Self::Missing | Self::Worthless { .. } => None,
        }
    }
}

impl Signer {
    /// As people are told of them.
    pub fn words(&self) -> String {
        match (self.subject.is_empty(), self.addresses.first()) {
            (false, _) => self.subject.clone(),
            (true, Some(address)) => address.to_string(),
            (true, None) => "somebody without a name".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(result: &str, properties: &[(&str, &str)]) -> MethodResult {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        MethodResult { method: METHOD.to_owned(), result: result.to_owned(), properties }
    }

    #[test]
    fn only_a_pass_names_a_signer() {
        assert_eq!(Signature::of(&[]), Signature::Missing);
        let named = [(IDENTIFIER, "anna@x.example"), (IDENTIFIER, "no address"), (SUBJECT, "/CN=Anna")];
        let signed = Signature::of(&[result("pass", &named)]);
        let signer = signed.signer().unwrap();
        assert_eq!((signer.subject.as_str(), signer.addresses.len()), ("/CN=Anna", 1));
        let failed = Signature::of(&[result("fail", &[(IDENTIFIER, "anna@x.example"), (REASON, "expired")])]);
        assert_eq!(failed, Signature::Worthless { because: "expired".to_owned() });
        assert_eq!(failed.signer(), None);
    }
}

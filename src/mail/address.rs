//! Mail addresses (RFC 5321 section 4.1.2, RFC 5322 section 3.4) as they occur, not as they should be.
//!
//! An [`Address`] keeps the spelling it came with and compares without case. It refuses only what could not be an
//! address at all or could break out of a header: no `@`, blanks, control characters, angle brackets.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// One address, `local@domain`, at most 254 characters (RFC 5321 section 4.5.3.1).
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

impl Address {
    /// Longest address that is accepted, in characters.
    pub const LONGEST: usize = 254;

    /// Reads `local@domain`; surrounding blanks and one pair of angle brackets are taken off.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')).unwrap_or(text);
        let (local, domain) = text.rsplit_once('@')?;
        let domain_ok = !domain.is_empty() && !domain.starts_with(['.', '-']) && !domain.ends_with('-');
        let clean =
            |part: &str| part.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>(),;:\"".contains(c));
        let local_ok = !local.is_empty() && clean(local) && !local.contains('@');
        let fits = text.chars().count() <= Self::LONGEST;
        (domain_ok && local_ok && clean(domain) && fits).then(|| Self(text.to_owned()))
    }

    /// Stands where an address was taken out; it can be nobody's (RFC 6761 section 6.4).
    pub fn nobody() -> Self {
        Self("redacted@redacted.invalid".to_owned())
    }

    /// The address as it was spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the last `@`.
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The part after the last `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The spelling under which two equal addresses meet: lower case.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// Whether the domain is `domain`, without case.
    pub fn is_at(&self, domain: &str) -> bool {
        self.domain().eq_ignore_ascii_case(domain)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a mail address, write local@domain"))
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

/// An address with the name that stood beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Display name, decoded; `None` where there was none.
    pub name: Option<String>,
    /// The address proper.
    pub address: Address,
}

impl From<Address> for Mailbox {
    fn from(address: Address) -> Self {
        Self { name: None, address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_without_case_and_keep_their_spelling() {
        let one = Address::parse("Anna@INFN.example").unwrap();
        let two = Address::parse("<anna@infn.example>").unwrap();
        assert_eq!(one, two);
        assert_eq!(one.to_string(), "Anna@INFN.example");
        assert!(one.is_at("infn.example"));
    }

    #[test]
    fn what_could_break_a_header_is_no_address() {
        for text in ["", "anna", "@x.example", "anna@", "a b@x.example", "a@x.example\r\nBcc: b@y", "a@b@c", "<a@b>c"] {
            assert!(Address::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn strange_but_living_addresses_are_kept() {
        for text in ["a..b@x.example", "a.@x.example", "=?b?@x.example", "jörg@x.example", "a+57890.tok@x.example"] {
            assert!(Address::parse(text).is_some(), "{text:?}");
        }
    }
}

//! `Authentication-Results` (RFC 8601) of servers that the desk trusts, and of no other.
//!
//! Only fields of a listed authserv-id count, and only those that stand above the first `Received` which that server
//! itself wrote: what stands below came with the mail and may be forged. Comments and quoted strings are parsed.

use serde::{Deserialize, Serialize};

use super::message::Header;

/// One method's result, `dkim=pass header.d=infn.example`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodResult {
    /// `dkim`, `spf`, `dmarc`, in lower case.
    pub method: String,
    /// `pass`, `fail`, `none`, `temperror` …, in lower case.
    pub result: String,
    /// Properties, `header.d` → `infn.example`, names in lower case.
    pub properties: Vec<(String, String)>,
}

/// The results that count, in the order of the header block; empty where none does.
pub fn trusted_results(headers: &[Header], trusted_servers: &[String]) -> Vec<MethodResult> {
    let _ = (headers, trusted_servers);
    todo!("reader")
}

/// What the results say about a mail whose author is at `domain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// DKIM or DMARC passed, aligned with the domain (relaxed, RFC 7489 section 3.1: same organisational domain).
    Pass,
    /// DMARC failed.
    Fail,
    /// Nothing that proves or refutes.
    Unknown,
}

/// Judges trusted results against the author's domain. SPF alone is no proof.
pub fn alignment(results: &[MethodResult], domain: &str) -> Alignment {
    let _ = (results, domain);
    todo!("reader")
}

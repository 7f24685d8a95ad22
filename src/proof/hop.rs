//! The last hop: from which server the desk's own mail server took a mail (RFC 5321 section 4.4). Only a `Received` field
//! that a trusted server wrote tells; all others came with the mail.

use std::net::IpAddr;

use crate::mail::Header;
use crate::mail::authres::received_from;

/// The peer of the desk's mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub ip: IpAddr,
    /// The name that it gave in its greeting.
    pub hello: String,
    /// Envelope sender; empty for the null sender, and where it is not told.
    pub envelope_sender: String,
}

impl Hop {
    /// The hop into the first trusted server, where its field says so.
    pub fn last(headers: &[Header], trusted_servers: &[String]) -> Option<Self> {
        let (at, peer) = received_from(headers, trusted_servers)?;
        let envelope_sender = headers[..at].iter().find(|field| field.name.eq_ignore_ascii_case("return-path"));
        let envelope_sender =
            envelope_sender.map_or("", |field| field.value.trim().trim_matches(['<', '>'])).to_owned();
        Some(Self { ip: peer.ip, hello: peer.hello, envelope_sender })
    }

    /// Domain of the envelope sender; of the greeting where the sender is null (RFC 7208 section 2.4).
    pub fn sender_domain(&self) -> &str {
        self.envelope_sender.rsplit_once('@').map_or(&self.hello, |(_, domain)| domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(fields: &[(&str, &str)], trusted: &[&str]) -> Option<Hop> {
        let headers: Vec<Header> = fields
            .iter()
            .map(|(name, value)| Header { name: (*name).to_owned(), value: (*value).to_owned() })
            .collect();
        Hop::last(&headers, &trusted.iter().map(|server| (*server).to_owned()).collect::<Vec<_>>())
    }

    const TAKEN: (&str, &str) =
        ("Received", "from mail.infn.example (unknown [192.0.2.7]) by mx.ggus.example (Postfix) with ESMTP id 1; now");

    #[test]
    fn the_trusted_server_tells_from_whom_it_took_a_mail() {
        let found = hop(&[("Return-Path", "<a@infn.example>"), TAKEN], &["mx.ggus.example"]).unwrap();
        assert_eq!((found.ip.to_string().as_str(), found.hello.as_str()), ("192.0.2.7", "mail.infn.example"));
        assert_eq!((found.envelope_sender.as_str(), found.sender_domain()), ("a@infn.example", "infn.example"));
        let null = hop(&[("Return-Path", "<>"), TAKEN], &["mx.ggus.example"]).unwrap();
        assert_eq!((null.envelope_sender.as_str(), null.sender_domain()), ("", "mail.infn.example"));
        let six = "from x.example (x.example [IPv6:2001:db8::1]) by MX.ggus.example with LMTP";
        assert_eq!(hop(&[("Received", six)], &["mx.ggus.example"]).unwrap().ip.to_string(), "2001:db8::1");
    }

    #[test]
    fn what_came_with_the_mail_tells_nothing() {
        let below = [TAKEN, ("Return-Path", "<forged@infn.example>")];
        assert_eq!(hop(&below, &["mx.ggus.example"]).unwrap().envelope_sender, "");
        assert_eq!(hop(&[TAKEN], &[]), None);
        assert_eq!(hop(&[TAKEN], &["other.example"]), None);
        let inner = ("Received", "from mx.ggus.example (mx [192.0.2.1]) by store.ggus.example with LMTP");
        assert_eq!(hop(&[inner, TAKEN], &["store.ggus.example", "mx.ggus.example"]), None);
        let greeting = "from x ([192.0.2.9]) by (unknown [192.0.2.7]) by mx.ggus.example with ESMTP";
        assert_eq!(hop(&[("Received", greeting)], &["mx.ggus.example"]), None);
    }
}

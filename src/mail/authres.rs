//! `Authentication-Results` (RFC 8601) of servers that the desk trusts, and of no other.
//!
//! Only fields of a listed authserv-id count, and only those that stand above the first `Received` which that server
//! itself wrote: what stands below came with the mail and may be forged. Comments and quoted strings are parsed.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::message::Header;
use super::pattern::Pattern;

/// How Postfix, Sendmail and Exim name a peer: its greeting, then in brackets what they saw of it.
static PEER: Pattern = Pattern::new(concat!(
    r"(?i)^from\s{1,5}(?P<hello>[!-'*-~]{1,255})\s{1,5}\((?:[!-'*-Z^-~]{1,255}\s{1,5})?",
    r"\[(?:IPv6:)?(?P<ip>[0-9a-f.:]{2,45})\](?:[^()]{0,100})\)\s{1,5}by\s",
));

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

/// Results kept of one mail.
const MOST_RESULTS: usize = 100;

/// The results that count, in the order of the header block; empty where none does.
pub fn trusted_results(headers: &[Header], trusted_servers: &[String]) -> Vec<MethodResult> {
    let reach: Vec<(&str, usize)> =
        trusted_servers.iter().map(|server| (server.as_str(), reach_of(headers, server))).collect();
    let fields = headers.iter().enumerate().filter(|(_, field)| is_called(field, "authentication-results"));
    let counted = fields.filter_map(|(at, field)| parse(&field.value, |id| covers(&reach, id, at)));
    counted.flatten().take(MOST_RESULTS).collect()
}

fn is_called(field: &Header, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name)
}

/// Whether `id` is a trusted server's and that server itself may have written the field at `at`.
fn covers(reach: &[(&str, usize)], id: &str, at: usize) -> bool {
    reach.iter().any(|(server, end)| is_same_host(server, id) && at < *end)
}

/// How far down the header block a server's own fields reach: to the first `Received` that it wrote; where none names
/// it, to the first at all.
///
/// A `Received` that can't be read is a wall as well: the peer chooses the name in its greeting, and must not be able to
/// make the server's own field unreadable, so that a forged one further down is taken for it.
fn reach_of(headers: &[Header], server: &str) -> usize {
    let received = || headers.iter().enumerate().filter(|(_, field)| is_called(field, "received"));
    let wall = received().find(|(_, field)| match received_by(&field.value) {
        Written::By(host) => is_same_host(&host, server),
        Written::Unclear => true,
        Written::ByNobody => false,
    });
    wall.or_else(|| received().next()).map_or(headers.len(), |(at, _)| at)
}

/// The server that a `Received` field names (RFC 5321 section 4.4).
enum Written {
    By(String),
    /// No words at all but comments: hand-overs inside one host, such as qmail writes.
    ByNobody,
    Unclear,
}

/// Only `from X by Y` and `by Y` are clear, with no other `by` behind: X is the peer's own word, which may be `by` too.
fn received_by(value: &str) -> Written {
    let Some(clauses) = clauses(value) else { return Written::Unclear };
    let words: Vec<&str> = clauses.first().into_iter().flatten().map(String::as_str).collect();
    let is = |word: &str, keyword: &str| word.eq_ignore_ascii_case(keyword);
    let again = |host: &str, rest: &[&str]| is(host, "by") || rest.iter().any(|word| is(word, "by"));
    match words[..] {
        [] => Written::ByNobody,
        [from, _, by, host, ref rest @ ..] if is(from, "from") && is(by, "by") && !again(host, rest) => {
            Written::By(host.to_owned())
        }
        [by, host, ref rest @ ..] if is(by, "by") && !again(host, rest) => Written::By(host.to_owned()),
        _ => Written::Unclear,
    }
}

/// The peer from which a server took a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub ip: IpAddr,
    /// The name in its greeting.
    pub hello: String,
}

/// From whom the trusted server took the mail, and the place of the field that says so. Nothing where several of them
/// wrote one, since the outermost can't be told from one that was forged.
pub fn received_from(headers: &[Header], trusted_servers: &[String]) -> Option<(usize, Peer)> {
    let own = |server: &String| {
        let is_own = |field: &Header| {
            is_called(field, "received")
                && matches!(received_by(&field.value), Written::By(host) if is_same_host(&host, server))
        };
        headers.iter().position(is_own)
    };
    let mut places = trusted_servers.iter().filter_map(own);
    let at = places.next().filter(|_| places.next().is_none())?;
    let found = PEER.captures(&headers[at].value)?;
    let peer = Peer { ip: found["ip"].parse().ok()?, hello: found["hello"].to_owned() };
    Some((at, peer))
}

/// Results in an `ARC-Authentication-Results` field, `i=1; mx.example; dkim=pass …` (RFC 8617 section 4.1.1). Whether its
/// seal holds is for the caller to know.
pub fn sealed_results(value: &str) -> Vec<MethodResult> {
    let clauses = clauses(value).unwrap_or_default();
    clauses.iter().skip(2).filter_map(|words| method(words)).take(MOST_RESULTS).collect()
}

fn is_same_host(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// One field's results; `None` where its authserv-id does not count or it is of a version that is not known.
fn parse(value: &str, counts: impl Fn(&str) -> bool) -> Option<Vec<MethodResult>> {
    let clauses = clauses(value)?;
    let (server, results) = clauses.split_first()?;
    let id = match &server[..] {
        [id] => id,
        [id, version] if version == "1" => id,
        _ => return None,
    };
    counts(id).then(|| results.iter().filter_map(|words| method(words)).collect())
}

/// `dkim=pass reason="…" header.d=x.example`; the blanks around `=` are gone.
fn method(words: &[String]) -> Option<MethodResult> {
    let (name, result) = words.first()?.split_once('=')?;
    let property = |word: &String| word.split_once('=').map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Some(MethodResult {
        // `dkim/1` names a version of the method.
        method: name.split('/').next().unwrap_or(name).to_lowercase(),
        result: result.to_lowercase(),
        properties: words.iter().skip(1).filter_map(property).collect(),
    })
}

/// The value's clauses between semicolons, each as words; comments are dropped, quoted strings are one word's part.
/// `None` where a quote or a comment does not end: such a field says nothing.
fn clauses(value: &str) -> Option<Vec<Vec<String>>> {
    let mut clauses = vec![vec![String::new()]];
    let (mut quoted, mut comment, mut escaped) = (false, 0_usize, false);
    for c in value.chars() {
        let words = clauses.last_mut()?;
        match c {
            _ if escaped => {
                escaped = false;
                if comment == 0 {
                    words.last_mut()?.push(c);
                }
            }
            '\\' if quoted || comment > 0 => escaped = true,
            '"' if comment == 0 => quoted = !quoted,
            _ if quoted => words.last_mut()?.push(c),
            '(' => comment += 1,
            ')' => comment = comment.checked_sub(1)?,
            _ if comment > 0 => {}
            ';' => clauses.push(vec![String::new()]),
            c if c.is_whitespace() => {
                let word = words.last()?;
                if !word.is_empty() && !word.ends_with('=') {
                    words.push(String::new());
                }
            }
            '=' if words.last()?.is_empty() && words.len() > 1 => {
                words.pop();
                words.last_mut()?.push('=');
            }
            c => words.last_mut()?.push(c),
        }
    }
    clauses.iter_mut().for_each(|words| words.retain(|word| !word.is_empty()));
    (!quoted && comment == 0).then_some(clauses)
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
    let property = |result: &MethodResult, name: &str| {
        let found = result.properties.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.trim_start_matches('@').to_lowercase())
    };
    let about_author = |one: &MethodResult| property(one, "header.from").is_none_or(|from| is_aligned(&from, domain));
    if results.iter().any(|one| one.method == "dmarc" && one.result == "fail" && about_author(one)) {
        return Alignment::Fail;
    }
    let signed = results.iter().filter(|one| one.method == "dkim" && one.result == "pass").any(|one| {
        let signer = property(one, "header.d").or_else(|| {
            let identity = property(one, "header.i")?;
            Some(identity.rsplit('@').next()?.to_owned())
        });
        signer.is_some_and(|signer| is_aligned(&signer, domain))
    });
    let named = results.iter().any(|one| {
        let from = property(one, "header.from");
        one.method == "dmarc" && one.result == "pass" && from.is_some_and(|from| from.eq_ignore_ascii_case(domain))
    });
    if signed || named { Alignment::Pass } else { Alignment::Unknown }
}

/// Relaxed alignment: the same organisational domain by the list of public suffixes. A suffix itself is nobody's.
fn is_aligned(signer: &str, author: &str) -> bool {
    let organisation = |domain: &str| psl::domain_str(domain).map(str::to_owned);
    let (signer, author) = (signer.trim_end_matches('.').to_lowercase(), author.trim_end_matches('.').to_lowercase());
    organisation(&signer).is_some_and(|one| organisation(&author).as_ref() == Some(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "mx.ggus.example";

    fn judged(fields: &[(&str, &str)], domain: &str) -> Alignment {
        let headers: Vec<Header> = fields
            .iter()
            .map(|(name, value)| Header { name: (*name).to_owned(), value: (*value).to_owned() })
            .collect();
        alignment(&trusted_results(&headers, &[OURS.to_owned()]), domain)
    }

    fn one(value: &str) -> Alignment {
        judged(&[("Authentication-Results", value), ("Received", "from x by mx.ggus.example; now")], "infn.example")
    }

    #[test]
    fn an_aligned_pass_of_a_listed_server_is_proof() {
        for value in [
            "mx.ggus.example; dkim=pass header.d=infn.example",
            "MX.GGUS.example 1; spf=fail smtp.mailfrom=x; dkim = pass (1024-bit key) header.i=@mail.infn.example",
            "mx.ggus.example; dmarc=pass (p=none) header.from=infn.example",
            "mx.ggus.example; dkim=pass reason=\"good; signature\" header.d=\"infn.example\"",
            "\"mx.ggus.example\" (our (own) server); (a) dkim (b) = (c) pass (d) header.d (e) = (f) infn.example",
            "mx.ggus.example; dkim=fail header.d=x.example; dkim/1=Pass Header.D=INFN.example",
            "mx.ggus.example.;dkim=pass header.i=\"a b\"@infn.example",
        ] {
            assert_eq!(one(value), Alignment::Pass, "{value}");
        }
    }

    #[test]
    fn what_proves_nothing_proves_nothing() {
        for value in [
            "mx.ggus.example; spf=pass smtp.mailfrom=infn.example",
            "mx.ggus.example; dkim=pass header.d=evil.example",
            "mx.ggus.example; dkim=fail header.d=infn.example",
            "mx.ggus.example; dkim=pass header.d=evilinfn.example",
            "mx.ggus.example; none",
            "other.example; dkim=pass header.d=infn.example",
            "mx.ggus.example.evil.example; dkim=pass header.d=infn.example",
            "evil (mx.ggus.example); dkim=pass header.d=infn.example",
            "mx.ggus.example; dkim=none (dkim=pass header.d=infn.example)",
            "mx.ggus.example; spf=pass reason=\"; dkim=pass header.d=infn.example\"",
            "mx.ggus.example; dkim=pass header.d=infn.example (never ends",
            "mx.ggus.example; dkim=pass header.d=example",
            "mx.ggus.example 2; dkim=pass header.d=infn.example",
            "mx.ggus.example 1 x; dkim=pass header.d=infn.example",
            "mx.ggus.example; dkim=pass reason=\"x\\\" header.d=infn.example\"",
            "mx.ggus.example; dkim=pass \"header.d=infn.example",
            "mx.ggus.example; x-dkim=pass header.d=infn.example",
            "mx.ggus.example; dmarc=pass header.from=evil.example",
            "mx.ggus.example; dmarc=pass",
            "mx.ggus.example; arc=pass header.d=infn.example",
            "mx.ggus.example) dkim=pass header.d=infn.example",
            "dkim=pass header.d=infn.example",
            "",
        ] {
            assert_eq!(one(value), Alignment::Unknown, "{value}");
        }
    }

    #[test]
    fn a_failed_dmarc_beats_a_passing_signature() {
        for value in [
            "mx.ggus.example; dkim=pass header.d=infn.example; dmarc=fail header.from=infn.example",
            "mx.ggus.example; dmarc=fail (p=reject) action=none",
        ] {
            assert_eq!(one(value), Alignment::Fail, "{value}");
        }
        let other = "mx.ggus.example; dkim=pass header.d=infn.example; dmarc=fail header.from=other.example";
        assert_eq!(one(other), Alignment::Pass);
    }

    #[test]
    fn what_stands_below_the_servers_own_received_came_with_the_mail() {
        let pass = ("Authentication-Results", "mx.ggus.example; dkim=pass header.d=infn.example");
        let own = ("Received", "from x by mx.ggus.example with SMTP");
        let store = ("Received", "from mx by store.ggus.example");
        for (fields, expected) in [
            (&[own, pass][..], Alignment::Unknown),
            (&[pass, own], Alignment::Pass),
            (&[store, pass, own], Alignment::Pass),
            (&[store, own, pass], Alignment::Unknown),
            (&[store, own, pass, own], Alignment::Unknown),
            (&[store, pass], Alignment::Unknown),
            (&[pass, store], Alignment::Pass),
            (&[pass], Alignment::Pass),
        ] {
            assert_eq!(judged(fields, "infn.example"), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_peer_can_not_hide_the_servers_received_by_its_greeting() {
        for greeting in [
            "from by (evil.example [192.0.2.1]) by mx.ggus.example with SMTP",
            "from x by (evil.example [192.0.2.1]) by mx.ggus.example with SMTP",
            "from ( (evil.example [192.0.2.1]) by mx.ggus.example with SMTP",
            "from \" (evil.example [192.0.2.1]) by mx.ggus.example with SMTP",
            "from a b c by mx.ggus.example with SMTP",
            "FROM x (by store.ggus.example) BY MX.GGUS.EXAMPLE. with SMTP; now",
            "by mx.ggus.example with SMTP",
        ] {
            let forged = [
                ("Received", greeting),
                ("Authentication-Results", "mx.ggus.example; dkim=pass header.d=infn.example"),
                ("Received", "from x by mx.ggus.example with SMTP"),
            ];
            assert_eq!(judged(&forged, "infn.example"), Alignment::Unknown, "{greeting}");
        }
    }

    #[test]
    fn every_server_has_its_own_reach() {
        let servers = ["store.ggus.example".to_owned(), OURS.to_owned()];
        let field = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
        let headers = [
            field("Received", "(qmail 1 invoked by uid 0); now"),
            field("Received", "from mx by store.ggus.example"),
            field("Authentication-Results", "mx.ggus.example; dkim=pass header.d=infn.example"),
            field("Authentication-Results", "store.ggus.example; dkim=pass header.d=forged.example"),
            field("Received", "from y by mx.ggus.example"),
        ];
        let found = trusted_results(&headers, &servers);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].properties, [("header.d".to_owned(), "infn.example".to_owned())]);
        assert_eq!(trusted_results(&headers, &[]), []);
    }

    #[test]
    fn domains_are_aligned_within_one_organisation() {
        for (signer, author, aligned) in [
            ("infn.example", "INFN.example", true),
            ("infn.example", "pi.infn.example", true),
            ("mail.infn.example", "infn.example.", true),
            ("mail.infn.example", "www.infn.example", true),
            ("ac.uk", "ral.ac.uk", false),
            ("rl.ac.uk", "ral.ac.uk", false),
            ("user.github.io", "other.github.io", false),
            ("example", "infn.example", false),
            ("nfn.example", "infn.example", false),
            ("infn.example.evil.example", "infn.example", false),
            ("", "infn.example", false),
        ] {
            assert_eq!(is_aligned(signer, author), aligned, "{signer} {author}");
        }
    }
}

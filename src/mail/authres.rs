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

/// Results kept of one mail.
const MOST_RESULTS: usize = 100;

/// The results that count, in the order of the header block; empty where none does.
pub fn trusted_results(headers: &[Header], trusted_servers: &[String]) -> Vec<MethodResult> {
    let above = own_block(headers, trusted_servers);
    let fields = above.iter().filter(|field| field.name.eq_ignore_ascii_case("authentication-results"));
    fields.flat_map(|field| parse(&field.value, trusted_servers)).take(MOST_RESULTS).collect()
}

/// The fields above the first `Received` that a trusted server wrote; where none names itself, above the first at all.
fn own_block<'a>(headers: &'a [Header], trusted_servers: &[String]) -> &'a [Header] {
    let received = |field: &Header| field.name.eq_ignore_ascii_case("received");
    let by_trusted = |field: &Header| {
        let mut words = field.value.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("by"));
        let server = words.nth(1).unwrap_or_default().trim_end_matches(';');
        trusted_servers.iter().any(|trusted| trusted.eq_ignore_ascii_case(server))
    };
    let own = headers.iter().position(|field| received(field) && by_trusted(field));
    let first = headers.iter().position(received);
    &headers[..own.or(first).unwrap_or(headers.len())]
}

/// One field's results; none where its authserv-id is not trusted.
fn parse(value: &str, trusted_servers: &[String]) -> Vec<MethodResult> {
    let Some(clauses) = clauses(value) else { return Vec::new() };
    let Some((server, rest)) = clauses.split_first() else { return Vec::new() };
    // `authserv-id [version]`
    let id = server.first().map(String::as_str).unwrap_or_default();
    let trusted = server.len() <= 2 && trusted_servers.iter().any(|trusted| trusted.eq_ignore_ascii_case(id));
    if trusted { rest.iter().filter_map(|words| method(words)).collect() } else { Vec::new() }
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
    let about_author =
        |result: &MethodResult| property(result, "header.from").is_none_or(|from| from.eq_ignore_ascii_case(domain));
    let dmarc = |word: &str| results.iter().any(|one| one.method == "dmarc" && one.result == word && about_author(one));
    if dmarc("fail") {
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

/// Relaxed alignment: the same organisational domain. Without a list of public suffixes only a domain and one that lies
/// below it are taken for the same organisation, and nothing is below a single label.
fn is_aligned(signer: &str, author: &str) -> bool {
    let (signer, author) = (signer.trim_end_matches('.').to_lowercase(), author.trim_end_matches('.').to_lowercase());
    let below = |inner: &str, outer: &str| {
        let second_level = ["ac", "co", "com", "edu", "gov", "net", "or", "org"];
        let mut labels = outer.split('.');
        let suffix =
            outer.matches('.').count() == 1 && labels.next().is_some_and(|label| second_level.contains(&label));
        outer.contains('.') && !suffix && inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'))
    };
    signer == author || below(&author, &signer) || below(&signer, &author)
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
        ] {
            assert_eq!(one(value), Alignment::Unknown, "{value}");
        }
    }

    #[test]
    fn a_failed_dmarc_beats_a_passing_signature() {
        assert_eq!(
            one("mx.ggus.example; dkim=pass header.d=infn.example; dmarc=fail header.from=infn.example"),
            Alignment::Fail
        );
    }

    #[test]
    fn what_stands_below_the_servers_own_received_came_with_the_mail() {
        let pass = "mx.ggus.example; dkim=pass header.d=infn.example";
        let forged = [("Received", "from x by mx.ggus.example with SMTP"), ("Authentication-Results", pass)];
        assert_eq!(judged(&forged, "infn.example"), Alignment::Unknown);
        let inner = [
            ("Received", "from mx by store.ggus.example"),
            ("Authentication-Results", pass),
            ("Received", "from y by mx.ggus.example;"),
        ];
        assert_eq!(judged(&inner, "infn.example"), Alignment::Pass);
    }
}

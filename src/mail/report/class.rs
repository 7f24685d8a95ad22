//! Whether an address is bad, or only something was in the way: one table of what servers say about a delivery that was
//! given up. The first row that fits decides; what fits none is soft, since a good address must not be marked.
//!
//! The statuses are those of RFC 3463 and its registry (RFC 5248), null MX is RFC 7505, and what a reply to DATA is about
//! is said in RFC 5321 section 3.3. The words are what servers are known to write; which of them stand for which reason
//! agrees with what Sisimai publishes of its reasons, where that agrees with the RFCs.

use super::Delivery;
use crate::mail::pattern::Pattern;

/// What a server said about one recipient.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// Enhanced status (RFC 3463).
    pub status: Option<&'a str>,
    pub words: &'a str,
    /// It was the answer to the mail itself (DATA), not to the recipient's address (RCPT).
    pub to_data: bool,
}

/// The outcome of a delivery that was given up. Words go before the status, which many servers guess.
pub fn of_failure(said: Said<'_>) -> Delivery {
    let status = said.status.unwrap_or_default();
    // Servers fold where they like.
    let words = said.words.split_whitespace().collect::<Vec<_>>().join(" ");
    // The address was taken at RCPT: what is unknown behind it is the filter's business.
    if said.to_data && UNKNOWN_USER.is_match(&words) && !status.starts_with("5.1.1") {
        return Delivery::SoftFailed;
    }
    let fits = |row: &&Row| row.statuses.iter().any(|known| status.starts_with(known)) || row.words.is_match(&words);
    TABLE.iter().find(fits).map_or(Delivery::SoftFailed, |row| row.delivery)
}

/// The first enhanced status in a text.
pub fn status_in(text: &str) -> Option<&str> {
    STATUS.first(text)
}

/// Statuses (or their beginnings) and words that mean the same.
struct Row {
    statuses: &'static [&'static str],
    words: Pattern,
    delivery: Delivery,
}

static TABLE: [Row; 5] = [
    // No room (X.2.2, X.3.1).
    Row {
        statuses: &["5.2.2", "5.3.1"],
        words: Pattern::new(
            r"(?ix) (?:mailbox|mail\ ?folder|inbox|disk)\ (?:is\ )?full | full\ mailbox | quota | storage\ space
            | out\ of\ (?:disk\ )?space | exceeded\ the\ local\ limit | insufficient\ (?:disk|system) | too\ many\ (?:mess|mail)ages",
        ),
        delivery: Delivery::SoftFailed,
    },
    // Somebody has the address and may not use it now (X.2.1, X.7.13).
    Row {
        statuses: &["5.7.13"],
        words: Pattern::new(
            r"(?ix) (?:account|mailbox|user|address)\b.{0,60}\b(?:disabled|suspended|frozen|locked|inactive|blocked) | disabled\ recipient",
        ),
        delivery: Delivery::SoftFailed,
    },
    // For now (class 4).
    Row {
        statuses: &["4."],
        words: Pattern::new(
            r"(?ix) greylist | try\ again\ later | temporar | timed?\ ?out | sent\ to\ too\ many | too\ many\ (?:conn|recip)",
        ),
        delivery: Delivery::SoftFailed,
    },
    // The sender, the text or the way was refused (X.1.7, X.1.8, X.7), or the recipient refuses this sender.
    Row {
        statuses: &["5.1.7", "5.1.8"],
        words: Pattern::new(
            r"(?ix) sender\ (?:address\ )?(?:rejected|domain|address) | domain\ of\ sender | spam | virus | blacklist | block\ ?list
            | dmarc | \bspf\b | dkim | \bpolicy\b | relay(?:ing)?\ (?:access\ )?(?:denied|not) | too\ (?:large|big|long)
            | size\ (?:limit|exceeds) | due\ to\ recipient\ preferences | e2110",
        ),
        delivery: Delivery::SoftFailed,
    },
    // Nobody has the address, or its domain takes no mail (X.1.1 to X.1.3, X.1.6, X.1.10, X.3.2, X.4.4, X.7.27).
    Row {
        statuses: &["5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.3.2", "5.4.310", "5.4.4", "5.7.27"],
        words: Pattern::new(
            r"(?ix) user\ (?:is\ |name\ )?(?:unknown|not\ known)
            | (?:unknown|invalid|illegal|no\ such|no\ valid|not\ a\ valid|bad\ destination|not\ our)\ (?:or\ illegal\ )?(?:final\ delivery\ )?
              (?:e-?mail\ |destination\ |local\ |alias\ )?
              (?:user|recipient|address|mailbox|account|person|host|domain|local|alias|customer)
            | does\ ?n[o']t\ (?:exist|have\ an?\ [a-z.]{0,40}\ ?account) | not\ listed\ in | unrouteable
            | (?:recipient|address|user|mailbox|account|name)\ (?:is\ )?(?:unknown|not\ (?:found|recognized)|invalid)
            | unknown\ recipient | could(?:n't|\ not)\ be\ found | no\ mailbox\ here | mailbox\ unavailable
            | no\ longer\ (?:valid|available|on) | has\ moved | find\ any\ host | mail\ exchanger
            | host\ (?:or\ domain\ name\ )?(?:is\ )?(?:unknown|[a-z0-9.-]{0,80}\ ?not\ found)
            | domain\ (?:name\ )?(?:not\ found|is\ not\ reachable|may\ not\ exist) | no\ mx\b | null\ mx | indicated\ no\ smtp
            | not\ accept(?:ing)?\ (?:network\ messages|mail$) | recipient\ address\ rejected(?:\.$|:\ access\ denied)",
        ),
        delivery: Delivery::Failed,
    },
];

static STATUS: Pattern = Pattern::new(r"(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?:$|[^\d.])");
static UNKNOWN_USER: Pattern = Pattern::new(r"(?i)user unknown|unknown user|no such user");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in TABLE.iter().map(|row| &row.words).chain([&STATUS, &UNKNOWN_USER]) {
            assert!(pattern.regex().is_some());
        }
    }

    fn of(status: Option<&str>, words: &str) -> Delivery {
        of_failure(Said { status, words, to_data: false })
    }

    #[test]
    fn an_address_is_bad_only_where_somebody_says_so() {
        for (status, words) in [
            (Some("5.1.1"), "550 5.1.1 who?"),
            (Some("5.0.0"), "550 User unknown"),
            (Some("5.1.10"), "null MX"),
            (Some("5.4.1"), "550 5.4.1 Recipient address rejected: Access denied [x]"),
            (Some("5.5.0"), "550 Requested action not taken: mailbox unavailable"),
            (None, "Host or domain name not found"),
            (None, "DNS lookup failure: host x.example not found"),
        ] {
            assert_eq!(of(status, words), Delivery::Failed, "{words}");
        }
        for (status, words) in [
            (Some("5.2.2"), "552 mailbox full"),
            (Some("5.1.1"), "550 5.1.1 user is over quota"),
            (Some("5.1.8"), "553 5.1.8 Domain of sender address does not exist"),
            (Some("5.1.7"), "550 5.1.7 No such domain"),
            (Some("5.7.1"), "550 5.7.1 looks like spam"),
            (Some("5.7.1"), "550 5.7.1 relaying denied"),
            (Some("5.2.1"), "550 5.2.1 The account is disabled"),
            (Some("4.4.7"), "delivery time expired"),
            (None, ""),
        ] {
            assert_eq!(of(status, words), Delivery::SoftFailed, "{words}");
        }
    }

    #[test]
    fn who_took_the_address_refuses_only_the_mail() {
        let after = |status| of_failure(Said { status, words: "550 unknown user", to_data: true });
        assert_eq!((after(None), after(Some("5.1.1"))), (Delivery::SoftFailed, Delivery::Failed));
    }
}

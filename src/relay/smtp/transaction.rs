//! One mail transaction: MAIL, RCPT, DATA, the mail (RFC 5321 section 3.3), and what its end means.
//!
//! One recipient per transaction, so each gets an answer of its own. The only moment that leaves doubt is between the
//! final dot and its answer; everything before it can be repeated without harm.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lettre::address::Address as Path;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Severity;
use tokio::time::timeout;

use super::super::{Outcome, Parcel, Trouble};
use super::answer::{Refusal, text};
use super::connect::{Line, Offers};
use crate::mail::Address;

/// How much of a mail is written at once, in octets.
const PIECE: usize = 32 * 1024;

/// How a transaction ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub outcome: Outcome,
    pub trouble: Option<Trouble>,
    /// Whether the line can carry another mail.
    pub line_holds: bool,
}

/// Where in a transaction something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Mail,
    Rcpt,
    Data,
    /// The mail is under way, the final dot is not.
    Text,
    /// The final dot is under way.
    Dot,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Mail => "MAIL FROM",
            Self::Rcpt => "RCPT TO",
            Self::Data => "DATA",
            Self::Text | Self::Dot => "the mail",
        }
    }
}

/// Carries one parcel over an open line. `data_limit` is the time without any progress while the mail is under way.
pub(super) async fn carry(line: &mut Line, parcel: &Parcel, data_limit: Duration) -> Verdict {
    let bytes = canonical(&parcel.bytes);
    if let Some(text) = unfit(&line.offers, parcel, &bytes, line.place()) {
        return Verdict { outcome: Outcome::Permanent(text), trouble: None, line_holds: true };
    }
    match transact(line, parcel, &bytes, data_limit).await {
        Ok(answer) => {
            Verdict { outcome: Outcome::Sent(format!("{answer} ({})", line.place())), trouble: None, line_holds: true }
        }
        Err((step, refusal)) => judge(step, &refusal, line.place()),
    }
}

/// Why the server cannot take this mail at all, as its EHLO answer tells.
fn unfit(offers: &Offers, parcel: &Parcel, bytes: &[u8], place: &str) -> Option<String> {
    if let Some(most) = offers.size
        && bytes.len() as u64 > most
    {
        let size = bytes.len();
        return Some(format!("552 5.3.4 the mail has {size} octets and {place} takes {most} at most (SIZE)"));
    }
    if !offers.utf8
        && let Some(address) = envelope(parcel).find(|address| !address.as_str().is_ascii())
    {
        return Some(format!("553 5.6.7 {address} is not ASCII and {place} takes ASCII addresses only (no SMTPUTF8)"));
    }
    if !offers.eight_bit && !bytes.is_ascii() {
        return Some(format!("554 5.6.3 the mail is not ASCII and {place} takes 7-bit mails only (no 8BITMIME)"));
    }
    None
}

fn envelope(parcel: &Parcel) -> impl Iterator<Item = &Address> {
    parcel.sender.iter().chain([&parcel.recipient])
}

/// The dialogue. The answer to the final dot comes back as text.
async fn transact(
    line: &mut Line,
    parcel: &Parcel,
    bytes: &[u8],
    data_limit: Duration,
) -> Result<String, (Step, Refusal)> {
    let sender = parcel.sender.as_ref().map(path);
    let parameters = parameters(&line.offers, parcel, bytes);
    line.order(Mail::new(sender, parameters)).await.map_err(|refusal| (Step::Mail, refusal))?;
    line.order(Rcpt::new(path(&parcel.recipient), Vec::new())).await.map_err(|refusal| (Step::Rcpt, refusal))?;
    let go = line.say(Data).await.map_err(|refusal| (Step::Data, refusal))?;
    if go.code().severity != Severity::PositiveIntermediate {
        return Err((Step::Data, Refusal::unexpected(&go)));
    }
    send(line, bytes, data_limit).await
}

/// Our addresses hold nothing that could break a command line; lettre's own check refuses some that exist (`a..b@…`).
fn path(address: &Address) -> Path {
    Path::new_dangerous(address.local(), address.domain())
}

fn parameters(offers: &Offers, parcel: &Parcel, bytes: &[u8]) -> Vec<MailParameter> {
    let size = offers.knows_size.then_some(MailParameter::Size(bytes.len()));
    let body = (!bytes.is_ascii()).then_some(MailParameter::Body(MailBodyParameter::EightBitMime));
    let foreign = envelope(parcel).any(|address| !address.as_str().is_ascii());
    let utf8 = foreign.then_some(MailParameter::SmtpUtfEight);
    [size, body, utf8].into_iter().flatten().collect()
}

/// Sends the mail in pieces and waits for the answer to the final dot.
async fn send(line: &mut Line, bytes: &[u8], limit: Duration) -> Result<String, (Step, Refusal)> {
    let (pieces, dot) = (AtomicUsize::new(0), AtomicBool::new(false));
    // lettre writes the end of the last line together with the final dot.
    let mut rest = bytes.strip_suffix(b"\r\n").unwrap_or(bytes).chunks(PIECE);
    let tracked = std::iter::from_fn(|| {
        let piece = rest.next();
        pieces.fetch_add(1, Ordering::Relaxed);
        dot.store(piece.is_none(), Ordering::Relaxed);
        piece
    });
    let mut sending = Box::pin(line.connection.message_iter(tracked));
    let mut seen = 0;
    let answer = loop {
        match timeout(limit, &mut sending).await {
            Ok(Ok(answer)) if answer.code().severity == Severity::PositiveCompletion => break Ok(text(&answer)),
            Ok(Ok(answer)) => break Err(Refusal::unexpected(&answer)),
            Ok(Err(error)) => break Err(Refusal::from_error(&error)),
            Err(_) if pieces.load(Ordering::Relaxed) > seen => seen = pieces.load(Ordering::Relaxed),
            Err(_) => break Err(Refusal::silent(limit)),
        }
    };
    let step = if dot.load(Ordering::Relaxed) { Step::Dot } else { Step::Text };
    answer.map_err(|refusal| (step, refusal))
}

/// What a refusal means, by the command that it answers.
fn judge(step: Step, refusal: &Refusal, place: &str) -> Verdict {
    let said = format!("{} ({place}, answering {})", refusal.text(), step.name());
    let broken = format!("the connection to {place} broke at {}: {}", step.name(), refusal.text());
    let about_us = step == Step::Mail || refusal.is_about_login();
    let (outcome, trouble) = match refusal {
        Refusal::Broken(_) if step == Step::Dot => {
            (Outcome::Unknown(format!("{broken}; it may have arrived")), Some(Trouble::Passing(broken)))
        }
        Refusal::Broken(_) => (Outcome::Transient(broken.clone()), Some(Trouble::Passing(broken))),
        Refusal::ForNow { code: 421, .. } => (Outcome::Transient(said.clone()), Some(Trouble::Passing(said))),
        Refusal::ForNow { .. } if about_us => (Outcome::Transient(said.clone()), Some(Trouble::Passing(said))),
        Refusal::ForNow { .. } => (Outcome::Transient(said), None),
        // RFC 1870 section 6.1: the one answer to MAIL that is about the mail.
        Refusal::ForGood { code: 552, .. } => (Outcome::Permanent(said), None),
        Refusal::ForGood { .. } if about_us => {
            let hint = format!("{said}; check user, password and whether this server may send under our name");
            (Outcome::Transient(said), Some(Trouble::Blocked(hint)))
        }
        Refusal::ForGood { .. } => (Outcome::Permanent(said), None),
    };
    Verdict { outcome, trouble, line_holds: !refusal.ends_conversation() }
}

/// The mail with CRLF at the end of each line. A bare CR or LF may not go out (RFC 5321 section 2.3.8): to some servers
/// a dot between two bare LFs is the end of the mail.
fn canonical(bytes: &[u8]) -> Cow<'_, [u8]> {
    let stray = |(at, byte): (usize, &u8)| match byte {
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || bytes[at - 1] != b'\r',
        _ => false,
    };
    if !bytes.iter().enumerate().any(stray) {
        return Cow::Borrowed(bytes);
    }
    let mut mended = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' | b'\n' if stray((at, &byte)) => mended.extend_from_slice(b"\r\n"),
            _ => mended.push(byte),
        }
    }
    Cow::Owned(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(recipient: &str, bytes: &[u8]) -> Parcel {
        Parcel { sender: None, recipient: Address::parse(recipient).unwrap(), bytes: bytes.to_vec() }
    }

    fn judged(step: Step, answer: &str) -> Verdict {
        judge(step, &Refusal::sort(&format!("{answer}\r\n")).unwrap_err(), "mx.example:25")
    }

    /// `outcome trouble line`, in short.
    fn short(verdict: &Verdict) -> (&'static str, &'static str, bool) {
        let outcome = match verdict.outcome {
            Outcome::Sent(_) => "sent",
            Outcome::Transient(_) => "transient",
            Outcome::Permanent(_) => "permanent",
            Outcome::Unknown(_) => "unknown",
        };
        let trouble = match verdict.trouble {
            None => "well",
            Some(Trouble::Passing(_)) => "passing",
            Some(Trouble::Blocked(_)) => "blocked",
        };
        (outcome, trouble, verdict.line_holds)
    }

    #[test]
    fn a_refusal_means_what_its_step_makes_of_it() {
        use Step::*;
        for (step, answer, meaning) in [
            (Mail, "451 4.3.0 later", ("transient", "passing", true)),
            (Mail, "421 4.3.2 closing", ("transient", "passing", false)),
            (Mail, "550 5.7.1 sender not allowed", ("transient", "blocked", true)),
            (Mail, "530 5.7.0 login first", ("transient", "blocked", true)),
            (Mail, "552 5.3.4 too big", ("permanent", "well", true)),
            (Rcpt, "550 5.1.1 unknown", ("permanent", "well", true)),
            (Rcpt, "450 4.2.0 greylisted", ("transient", "well", true)),
            (Rcpt, "421 4.7.0 slow down", ("transient", "passing", false)),
            (Rcpt, "530 5.7.0 login first", ("transient", "blocked", true)),
            (Data, "554 5.5.1 no recipients", ("permanent", "well", true)),
            (Data, "451 4.3.0 later", ("transient", "well", true)),
            (Dot, "554 5.7.1 spam", ("permanent", "well", true)),
            (Dot, "552 5.3.4 too big", ("permanent", "well", true)),
            (Dot, "452 4.3.1 disk full", ("transient", "well", true)),
            (Dot, "421 4.3.2 closing", ("transient", "passing", false)),
        ] {
            assert_eq!(short(&judged(step, answer)), meaning, "{step:?} {answer}");
        }
    }

    #[test]
    fn only_a_cut_after_the_final_dot_leaves_doubt() {
        for step in [Step::Mail, Step::Rcpt, Step::Data, Step::Text] {
            let verdict = judge(step, &Refusal::Broken("reset".to_owned()), "mx.example:25");
            assert_eq!(short(&verdict), ("transient", "passing", false), "{step:?}");
        }
        let verdict = judge(Step::Dot, &Refusal::Broken("reset".to_owned()), "mx.example:25");
        assert_eq!(short(&verdict), ("unknown", "passing", false));
    }

    #[test]
    fn the_outcome_names_the_answer_the_server_and_the_command() {
        let text = "550 5.1.1 <x@y>: unknown (mx.example:25, answering RCPT TO)".to_owned();
        assert_eq!(judged(Step::Rcpt, "550 5.1.1 <x@y>: unknown").outcome, Outcome::Permanent(text));
    }

    #[test]
    fn a_mail_that_the_server_cannot_take_is_refused_before_it_is_tried() {
        let strict = Offers { size: Some(10), ..Offers::default() };
        let unfit = |parcel: &Parcel| unfit(&strict, parcel, &parcel.bytes, "mx.example:25").unwrap_or_default();
        assert!(unfit(&parcel("a@b.example", b"12345678901")).contains("has 11 octets and mx.example:25 takes 10"));
        assert!(unfit(&parcel("j\u{f6}rg@b.example", b"x")).contains("no SMTPUTF8"));
        assert!(unfit(&parcel("a@b.example", "\u{f6}".as_bytes())).contains("no 8BITMIME"));
        assert_eq!(unfit(&parcel("a@b.example", b"1234567890")), "");
    }

    #[test]
    fn the_envelope_says_what_is_needed_and_no_more() {
        let able = Offers { knows_size: true, eight_bit: true, utf8: true, ..Offers::default() };
        let line = |parcel: &Parcel| {
            let words: Vec<String> = parameters(&able, parcel, &parcel.bytes).iter().map(ToString::to_string).collect();
            words.join(" ")
        };
        assert_eq!(line(&parcel("a@b.example", b"hi")), "SIZE=2");
        assert_eq!(line(&parcel("\u{f6}@b.example", "\u{f6}".as_bytes())), "SIZE=2 BODY=8BITMIME SMTPUTF8");
    }

    #[test]
    fn no_bare_line_end_goes_out() {
        assert!(matches!(canonical(b"a\r\n\r\n.\r\n"), Cow::Borrowed(_)));
        assert_eq!(*canonical(b"\na\n.\nb\rc\r\r\nd\r"), *b"\r\na\r\n.\r\nb\r\nc\r\n\r\nd\r\n");
    }

    #[test]
    fn strange_but_living_addresses_are_not_refused() {
        let address = Address::parse("a..b@x.example").unwrap();
        assert_eq!(Rcpt::new(path(&address), Vec::new()).to_string(), "RCPT TO:<a..b@x.example>\r\n");
    }
}

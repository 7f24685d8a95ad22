//! The guard: mail that must not get as far as a ticket. It keeps everything and drops nothing; it only says that nothing
//! follows, or that a person must look.

use super::case::Case;
use super::decision::Verdict;
use super::inquiry::Snapshot;
use super::policy::Policy;
use super::trail::Reason;
use crate::mail::Fault;

/// What the guard found before any ticket is looked at: where to stop, or nothing.
pub fn before_matching(
    policy: &Policy,
    case: &Case<'_>,
    snapshot: &Snapshot,
    trail: &mut Vec<Reason>,
) -> Option<Verdict> {
    if snapshot.prior.is_some() {
        trail.push(Reason::AlreadyTaken);
        return Some(Verdict::Absorb);
    }
    faults(case, trail);
    if let Some(instance) = &case.signals.own_loop
        && *instance == policy.desk.instance
        && case.mail.sender().is_none_or(|sender| policy.desk.is_own(sender))
    {
        trail.push(Reason::OwnMailReturned { instance: instance.clone() });
        return Some(Verdict::Absorb);
    }
    if case.form.refused {
        return quarantine(trail, "its XML form holds a DTD or an entity");
    }
    // A delivery report counts by the address that it comes to, whoever signs it.
    if case.mail.sender().is_none() && case.report.is_none() {
        trail.push(Reason::NoAuthor);
        return quarantine(trail, "nobody can be answered");
    }
    None
}

/// Mail from our own address can name a ticket; without a key nobody knows what it is.
pub fn is_from_ourselves(policy: &Policy, case: &Case<'_>) -> bool {
    case.mail.sender().is_some_and(|sender| policy.desk.is_own(sender))
}

/// A reason for quarantine, and the verdict.
pub fn quarantine(trail: &mut Vec<Reason>, because: &str) -> Option<Verdict> {
    trail.push(Reason::Quarantined { because: because.to_owned() });
    Some(Verdict::Quarantine)
}

fn faults(case: &Case<'_>, trail: &mut Vec<Reason>) {
    for fault in &case.mail.faults {
        let fault = match fault {
            Fault::AuthorNotPlain => "From is not one plain address, so it proves nothing",
            Fault::Charset => "the declared charset was wrong",
            Fault::HeaderTooLong => "the header is over the limit, the rest of it was not read",
            Fault::NoAuthor => "no author",
            Fault::NoHeader => "no header",
            Fault::NotTakenApart => "its structure was too dangerous to take apart",
            Fault::NulBytes => "NUL bytes were taken out",
            Fault::SeveralFromFields => "several From fields, so it proves nothing",
            Fault::TextCut => "the text was cut at the limit",
            Fault::TooLarge => "over the size limit, only its beginning was read",
            Fault::TooManyParts => "too many parts, the rest was not read",
        };
        trail.push(Reason::MailFault { fault: fault.to_owned() });
    }
    for mark in &case.signals.marks {
        trail.push(Reason::Automatic { mark: format!("{mark:?}") });
    }
}

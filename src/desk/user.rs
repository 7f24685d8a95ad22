//! A user's mail to a known ticket: a comment, an answer, a confirmation, a reopening.

use jiff::Timestamp;

use super::case::Case;
use super::decision::Verdict;
use super::dialect::Kind;
use super::draft::Draft;
use super::event::{Actor, Event, Visibility};
use super::hurry;
use super::policy::Policy;
use super::ticket::{Status, Ticket};
use super::timer;
use crate::mail::control::{AskedStatus, Control};
use crate::mail::reply;
use crate::mail::signals::Mark;

/// What a user's mail comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAct {
    /// The ticket has changed, or a text was kept.
    Done(Verdict),
    /// The ticket can't change any more: the mail opens a new one.
    OpenNew,
}

/// Whether nothing a user writes can change the ticket any more: verified, closed, redacted, or past the days for
/// reopening.
pub fn is_past(policy: &Policy, ticket: &Ticket, now: Timestamp) -> bool {
    let expired = |ended| now >= timer::end_of_reopening(policy, ended);
    ticket.redacted.is_some()
        || ticket.status.is_final()
        || (!ticket.status.is_open() && ticket.ended.is_some_and(expired))
}

/// Applies a mail of the submitter (`own`), or of somebody who gets copies.
pub fn apply(draft: &mut Draft<'_>, case: &Case<'_>, actor: &Actor, own: bool) -> UserAct {
    let mut text = words(case);
    if let Some(why) = hurry::line(case).filter(|why| !why.is_empty()) {
        text = format!("{text}\n\n{why}").trim().to_owned();
    }
    let hurries = own && hurry::is_asked(case, &text);
    if let Some(verdict) = no_answer(draft, case, actor, &text) {
        return UserAct::Done(verdict);
    }
    let confirms = own && case.controls.lines.contains(&Control::Status(AskedStatus::Verified));
    let says_nothing = text.is_empty() && !hurries && case.mail.attachments.is_empty();
    if draft.ticket.status.is_open() {
        on_open(draft, actor, &text, own, hurries);
        return UserAct::Done(Verdict::Append);
    }
    if confirms || (own && says_nothing) {
        if is_past(draft.policy, &draft.ticket, draft.now) {
            draft.keep_status("it can't change any more");
            return UserAct::Done(Verdict::Append);
        }
        draft.keep(actor, Visibility::Internal, &text);
        draft.status(Status::Verified);
        draft.fact(actor, Event::Verified);
        return UserAct::Done(Verdict::Append);
    }
    if reply::only_thanks(&text) {
        draft.keep_status("the mail is only thanks");
        draft.keep(actor, Visibility::Internal, &text);
        return UserAct::Done(Verdict::Append);
    }
    if is_past(draft.policy, &draft.ticket, draft.now) {
        return UserAct::OpenNew;
    }
    let text = if text.is_empty() && hurries { HURRY.to_owned() } else { text };
    on_ended(draft, actor, &text, own);
    UserAct::Done(Verdict::Append)
}

/// What they wrote. A user's fields change nothing in a known ticket, so they are words like the others; a helpdesk that
/// brought the ticket writes without its forms and its own tags.
fn words(case: &Case<'_>) -> String {
    match case.unit {
        Some(unit) => unit.dialect.cut_own_tags(case.prose(), &unit.parameters).trim().to_owned(),
        None => case.controls.rest.trim().to_owned(),
    }
}

/// Mail that is kept and answers nothing: a machine's, or what the helpdesk behind it keeps to itself. What a list
/// passed on, came with the null sender, or only says that somebody is away, may be a person's all the same, so TPM is asked to look.
fn no_answer(draft: &mut Draft<'_>, case: &Case<'_>, actor: &Actor, text: &str) -> Option<Verdict> {
    if case.reading.internal {
        draft.keep_status("its helpdesk marks it as internal");
        draft.keep(actor, Visibility::Internal, text);
        return Some(Verdict::Append);
    }
    if may_be_a_persons(case) && !text.is_empty() {
        draft.keep_status("it came through a list, with the null sender, or says that its author is away");
        draft.keep(actor, Visibility::Internal, text);
        draft.flag("A mail of the user came through a list, with the null sender, or says that they are away: it was kept and sent to nobody.");
        return Some(Verdict::Append);
    }
    let has_words = matches!(case.reading.kind, None | Some(Kind::Comment | Kind::Question));
    if has_words && !case.is_machine() {
        return None;
    }
    draft.note("An automatic answer from the user's side was kept and changes nothing.");
    draft.keep_status("no person wrote the mail");
    Some(Verdict::Report)
}

fn may_be_a_persons(case: &Case<'_>) -> bool {
    let marks = &case.signals.marks;
    let of_list = |mark: &Mark| match mark {
        Mark::List(_) | Mark::NullSender | Mark::SaysAway => true,
        Mark::Precedence(word) => word == "list" || word == "bulk",
        _ => false,
    };
    let is_list = |mark: &Mark| matches!(mark, Mark::List(_) | Mark::NullSender | Mark::SaysAway);
    case.unit.is_none() && marks.iter().any(is_list) && marks.iter().all(of_list) && case.signals.own_loop.is_none()
}

/// What stands for a wish to hurry that has no words.
const HURRY: &str = "Please hurry.";

fn on_open(draft: &mut Draft<'_>, actor: &Actor, text: &str, own: bool, hurries: bool) {
    let attached = draft.case.is_some_and(|case| !case.mail.attachments.is_empty());
    if hurries && hurry::raise(draft, actor, text) && !attached {
        return;
    }
    let text = if hurries && text.is_empty() { HURRY } else { text };
    if text.is_empty() && draft.case.is_none_or(|case| case.mail.attachments.is_empty()) {
        return draft.note("A mail without any new text was kept.");
    }
    let waiting = draft.ticket.status == Status::WaitingForReply;
    match (waiting, own) {
        (true, true) => draft.status(Status::InProgress),
        (true, false) => draft.keep_status("only the submitter can give the answer"),
        _ => {}
    }
    draft.fact(actor, Event::Commented { visibility: Visibility::Public, text: text.to_owned() });
}

fn on_ended(draft: &mut Draft<'_>, actor: &Actor, text: &str, own: bool) {
    if !own {
        draft.keep_status("only the submitter can reopen it");
        draft.keep(actor, Visibility::Internal, text);
        return draft.flag("Somebody who gets copies wrote after the solution.");
    }
    draft.reopen();
    draft.fact(actor, Event::Reopened { text: text.to_owned() });
}

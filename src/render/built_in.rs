//! The templates that are built into the program: the files of `mail-templates/`. A test holds this list against the
//! folder.

use crate::desk::decision::Template;
use crate::mail::language::Language;

/// One template per line; its file is `mail-templates/<language>/<name>.txt`.
macro_rules! files {
    ($($language:ident $code:literal: $($template:ident $name:literal)*;)*) => {
        &[$($((
            Template::$template,
            Language::$language,
            include_str!(concat!("../../mail-templates/", $code, "/", $name, ".txt")),
        ),)*)*]
    };
}

/// Every built-in template with its language and text.
pub(super) const FILES: &[(Template, Language, &str)] = files! {
    De "de":
        AlarmReceipt "alarm-receipt" AlarmRefused "alarm-refused" Comment "comment" Digest "digest"
        Merged "merged" Question "question" Receipt "receipt" Reopened "reopened" ReplyReminder "reply-reminder" Solution "solution"
        Unanswered "unanswered" Unsolved "unsolved";
    En "en":
        AlarmReceipt "alarm-receipt" AlarmRefused "alarm-refused" Comment "comment" Merged "merged" Question "question"
        Receipt "receipt" Reopened "reopened" ReplyReminder "reply-reminder" Solution "solution"
        Unanswered "unanswered" Unsolved "unsolved"
        Alarm "alarm" Announcement "announcement" CommentUnit "comment-unit" Digest "digest"
        Dispatch "dispatch"
        HandoverAcknowledged "handover-acknowledged" LineNotUnderstood "line-not-understood"
        OperatorNotice "operator-notice" RefusalAcknowledged "refusal-acknowledged" Reminder "reminder"
        ReopenedUnit "reopened-unit" SiteCopy "site-copy" SolutionAcknowledged "solution-acknowledged"
        SolutionTextWanted "solution-text-wanted" TestEnded "test-ended" TicketEnded "ticket-ended"
        TpmNotice "tpm-notice" TriageDigest "triage-digest" Withdrawn "withdrawn";
    Es "es":
        AlarmReceipt "alarm-receipt" AlarmRefused "alarm-refused" Comment "comment" Digest "digest"
        Merged "merged" Question "question" Receipt "receipt" Reopened "reopened" ReplyReminder "reply-reminder" Solution "solution"
        Unanswered "unanswered" Unsolved "unsolved";
    Fr "fr":
        AlarmReceipt "alarm-receipt" AlarmRefused "alarm-refused" Comment "comment" Digest "digest"
        Merged "merged" Question "question" Receipt "receipt" Reopened "reopened" ReplyReminder "reply-reminder" Solution "solution"
        Unanswered "unanswered" Unsolved "unsolved";
    It "it":
        AlarmReceipt "alarm-receipt" AlarmRefused "alarm-refused" Comment "comment" Digest "digest"
        Merged "merged" Question "question" Receipt "receipt" Reopened "reopened" ReplyReminder "reply-reminder" Solution "solution"
        Unanswered "unanswered" Unsolved "unsolved";
    Ru "ru":
        AlarmReceipt "alarm-receipt" AlarmRefused "alarm-refused" Comment "comment" Digest "digest"
        Merged "merged" Question "question" Receipt "receipt" Reopened "reopened" ReplyReminder "reply-reminder" Solution "solution"
        Unanswered "unanswered" Unsolved "unsolved";
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_list_and_the_folder_are_the_same() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mail-templates");
        let mut found = BTreeSet::new();
        for language in std::fs::read_dir(&folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
            for file in std::fs::read_dir(language.path()).unwrap().map(Result::unwrap) {
                let name = format!("{}/{}", language.file_name().display(), file.file_name().display());
                found.insert((name, std::fs::read_to_string(file.path()).unwrap()));
            }
        }
        let named = |(template, language, text): &(Template, Language, &str)| {
            (format!("{}/{}.txt", language.code(), template.name()), (*text).to_owned())
        };
        assert_eq!(FILES.iter().map(named).collect::<BTreeSet<_>>(), found);
        assert_eq!(FILES.len(), found.len());
    }

    #[test]
    fn english_is_complete_and_users_read_their_language() {
        for template in Template::ALL {
            for language in Language::ALL {
                let there = FILES.iter().any(|(t, l, _)| (*t, *l) == (template, language));
                let wanted = language == Language::En || template.is_in_all_languages();
                assert_eq!(there, wanted, "{language}/{}", template.name());
            }
        }
    }
}

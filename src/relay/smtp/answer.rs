//! What a server answers, told apart: refused for now, refused for good, or no answer that could be used.
//!
//! The texts end up in logs, in the trail of a ticket and before operators' eyes: one line, bounded, no control
//! characters. It never decides what a refusal means for a parcel; that depends on the command it answers.

use std::error::Error as _;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::{Response, Severity};

/// Longest text of an answer that is kept, in characters.
const TEXT_MAX: usize = 500;

/// A negative answer, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 4yz.
    ForNow {
        /// The three digits.
        code: u16,
        /// `451 4.3.0 …`.
        text: String,
    },
    /// 5yz.
    ForGood {
        /// The three digits.
        code: u16,
        /// `550 5.1.1 …`.
        text: String,
    },
    /// Cut, silent or not SMTP: the connection is of no use any more.
    Broken(String),
}

impl Refusal {
    /// From an error of a command or of the mail itself.
    pub fn from_error(error: &Error) -> Self {
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        match error.status() {
            Some(code) if error.is_permanent() => {
                Self::ForGood { code: code.into(), text: one_line(code.into(), &said) }
            }
            Some(code) => Self::ForNow { code: code.into(), text: one_line(code.into(), &said) },
            None if said.is_empty() => Self::Broken(bounded(&error.to_string())),
            None => Self::Broken(bounded(&said)),
        }
    }

    /// Tells a positive answer from a negative one, where the answer was read without lettre.
    pub fn sort(answer: &str) -> Result<Response, Self> {
        let response: Response = answer
            .parse()
            .map_err(|_| Self::Broken(format!("this is no SMTP answer: {}", bounded(answer.trim_end()))))?;
        let code = response.code();
        match code.severity {
            Severity::TransientNegativeCompletion => Err(Self::ForNow { code: code.into(), text: text(&response) }),
            Severity::PermanentNegativeCompletion => Err(Self::ForGood { code: code.into(), text: text(&response) }),
            _ => Ok(response),
        }
    }

    /// From an answer that is positive but not the one that the command calls for.
    pub fn unexpected(response: &Response) -> Self {
        Self::Broken(format!("unexpected answer {}", text(response)))
    }

    /// No answer within `limit`.
    pub fn silent(limit: Duration) -> Self {
        Self::Broken(format!("no answer within {}", seconds(limit)))
    }

    /// What was said, or what happened.
    pub fn text(&self) -> &str {
        match self {
            Self::ForNow { text, .. } | Self::ForGood { text, .. } | Self::Broken(text) => text,
        }
    }

    /// Whether the server has said that it hangs up (RFC 5321 section 3.8), or already has.
    pub fn ends_conversation(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::ForNow { code: 421, .. } | Self::ForGood { code: 521, .. })
    }

    /// Whether the server wants a login, or another one (RFC 4954 section 6), whoever the recipient is.
    pub fn is_about_login(&self) -> bool {
        matches!(self, Self::ForGood { code: 530 | 534 | 535 | 538, .. })
    }
}

/// A whole answer on one line: the code and the texts of all its lines.
pub(super) fn text(response: &Response) -> String {
    one_line(response.code().into(), &response.message().collect::<Vec<_>>().join(" "))
}

/// A time limit in words.
pub(super) fn seconds(limit: Duration) -> String {
    match limit.as_millis() {
        millis if millis % 1000 == 0 => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    }
}

fn one_line(code: u16, said: &str) -> String {
    bounded(format!("{code} {said}").trim_end())
}

/// One line of at most [`TEXT_MAX`] characters.
pub(super) fn bounded(text: &str) -> String {
    let mut line: String = text.chars().take(TEXT_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_many_lines_becomes_one() {
        let response: Response = "550-5.7.1 No\r\n550 5.7.1 thanks\r\n".parse().unwrap();
        assert_eq!(text(&response), "550 5.7.1 No 5.7.1 thanks");
        let bare: Response = "250 \r\n".parse().unwrap();
        assert_eq!(text(&bare), "250");
    }

    #[test]
    fn answers_are_sorted_by_their_class() {
        assert!(Refusal::sort("250 ok\r\n").is_ok() && Refusal::sort("354 go\r\n").is_ok());
        let text = |text: &str| text.to_owned();
        assert_eq!(Refusal::sort("421 no\r\n"), Err(Refusal::ForNow { code: 421, text: text("421 no") }));
        assert_eq!(Refusal::sort("554 no\r\n"), Err(Refusal::ForGood { code: 554, text: text("554 no") }));
        for not_smtp in ["", "* OK IMAP4rev1 ready\r\n", "250-half\r\n", "HTTP/1.1 400 Bad\r\n"] {
            assert!(matches!(Refusal::sort(not_smtp), Err(Refusal::Broken(_))), "{not_smtp:?}");
        }
    }

    #[test]
    fn texts_are_bounded() {
        let text = bounded(&"ä\n".repeat(TEXT_MAX));
        assert_eq!(text.chars().count(), TEXT_MAX + 1);
        assert!(text.starts_with("ä ä ") && text.ends_with('…'));
    }

    #[test]
    fn who_hangs_up_says_so() {
        let refusal = |code, text: &str| Refusal::ForNow { code, text: text.to_owned() };
        assert!(refusal(421, "421 4.3.2 closing").ends_conversation());
        assert!(!refusal(451, "451 4.3.0 later").ends_conversation());
        assert!(Refusal::silent(Duration::from_millis(1500)).ends_conversation());
        assert_eq!(Refusal::silent(Duration::from_millis(1500)).text(), "no answer within 1500 ms");
    }

    #[test]
    fn a_missing_login_is_no_fault_of_the_recipient() {
        let text = "530 5.7.0 Authentication required".to_owned();
        assert!(Refusal::ForGood { code: 530, text: text.clone() }.is_about_login());
        assert!(!Refusal::ForGood { code: 550, text }.is_about_login());
    }
}

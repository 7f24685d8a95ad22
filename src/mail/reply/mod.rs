//! The newest text of a reply: what the person wrote this time, apart from quotes, signature and footers.
//!
//! It is for display and for finding control lines. The whole mail is always kept, and where cutting would leave
//! nothing of a mail that is no reply, nothing is cut. Forwarded mail is content, unless it came after a quote began.

mod hurry;
mod marks;
mod signature;
mod thanks;

pub use hurry::only_hurry;
pub use thanks::only_thanks;

use super::form::{fence_fields, ticket_lines};
use super::lines::{self, Line};
use marks::Mark;

/// A text taken apart. The three parts in order need not add up to the input (blank lines at the seams are dropped).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// What was written now.
    pub newest: String,
    /// Quoted text, with the line that introduces it.
    pub quoted: String,
    /// Signature, list footer, disclaimer.
    pub signature: String,
}

/// Cuts the newest text out of a mail's text (line ends `\n`).
///
/// A quote with words before and after it stays where it is, since the words may answer it; so do several quotes with
/// words between them. A mail of nothing but quotes has no newest text.
pub fn cut(text: &str) -> Cut {
    let mut lines = lines_of(text);
    fence_fields(&mut lines);
    let plan = Plan::new(&lines);
    if plan.end == End::Forwarded {
        return Cut { newest: lines::join(lines.iter().map(|line| line.text)), ..Cut::default() };
    }
    let fates = plan.fates(&lines);
    let part = |wanted: Fate| {
        let chosen = lines.iter().zip(&fates).filter(|(_, fate)| **fate == wanted);
        lines::join(chosen.map(|(line, _)| line.text))
    };
    Cut { newest: part(Fate::Newest), quoted: part(Fate::Quoted), signature: part(Fate::Signature) }
}

/// Splits a newest text where forwarded mail begins: what the person wrote, and what was passed on.
pub fn split_forwarded(newest: &str) -> (&str, &str) {
    let lines = lines_of(newest);
    let begins = |at: usize| {
        matches!(marks::mark(&lines, at), Some(Mark::Forwarded | Mark::OlderMail))
            || lines[at].is_quote() && marks::is_forward_mark(lines[at].bare())
    };
    match (0..lines.len()).find(|&at| begins(at)) {
        Some(at) => newest.split_at(newest.split_inclusive('\n').take(at).map(str::len).sum()),
        None => (newest, ""),
    }
}

/// Lines, where those of a `<Ticket>` form count as fenced: nothing in it is a quote, a signature or an order.
pub(in crate::mail) fn lines_of(text: &str) -> Vec<Line<'_>> {
    let mut lines = lines::lines(text);
    if let Some((start, end)) = ticket_lines(&lines).filter(|(_, end)| *end < lines.len() || text.contains("</")) {
        lines[start..end].iter_mut().for_each(|line| line.fenced = true);
    }
    lines
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Somebody's words, blank lines included.
    Own,
    /// "On … wrote:".
    Introduction,
    /// Lines with `>`.
    Quote,
}

/// A run of lines of one kind.
#[derive(Clone, Copy, Debug)]
struct Piece {
    kind: Kind,
    from: usize,
    to: usize,
}

/// What lies behind the pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing.
    Text,
    /// An older mail without quote marks, to the end.
    OlderMail,
    /// A forwarded mail: content.
    Forwarded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Newest,
    Quoted,
    Signature,
}

/// A text as a row of pieces.
struct Plan {
    pieces: Vec<Piece>,
    end: End,
    /// Some words were not blank.
    has_words: bool,
}

impl Plan {
    fn new(lines: &[Line]) -> Self {
        let mut plan = Self { pieces: Vec::new(), end: End::Text, has_words: false };
        let mut at = 0;
        while at < lines.len() {
            let after = plan.advance(lines, at);
            match after {
                Some(after) => at = after,
                None => break,
            }
        }
        plan
    }

    /// Takes the piece that begins at a line; `None` when nothing behind it is to be taken apart.
    fn advance(&mut self, lines: &[Line], at: usize) -> Option<usize> {
        if let Some(after) = quote_end(lines, at) {
            return self.quote(lines, at, after);
        }
        match marks::mark(lines, at) {
            Some(Mark::Forwarded) => self.stop(if self.pieces_before() { End::OlderMail } else { End::Forwarded }),
            Some(Mark::OlderMail) => self.stop(if self.begun() { End::OlderMail } else { End::Forwarded }),
            Some(Mark::Separator) if self.begun() => self.stop(End::OlderMail),
            Some(Mark::Separator) => self.push(Kind::Introduction, at, at + 1),
            Some(Mark::Introduction(count)) => {
                let quoted = lines[at + count..].iter().position(|line| !line.is_blank());
                let quoted = quoted.is_some_and(|next| quote_end(lines, at + count + next).is_some());
                if self.begun() && !quoted {
                    self.stop(End::OlderMail)
                } else {
                    self.push(Kind::Introduction, at, at + count)
                }
            }
            None => {
                // A rule on top of "Reply above this line" is no word.
                self.has_words |= !lines[at].text.trim().chars().all(|c| "-–—_=*~ ".contains(c));
                self.push(Kind::Own, at, at + 1)
            }
        }
    }

    fn quote(&mut self, lines: &[Line], at: usize, after: usize) -> Option<usize> {
        let quoted = || lines[at..after].iter().map(|line| unquoted(line.text)).skip_while(|text| text.is_empty());
        if !self.pieces_before() && quoted().take(3).any(marks::is_forward_mark) {
            return self.stop(End::Forwarded);
        }
        let introduced = marks::introduction(quoted()).is_some_and(|count| quoted().skip(count).all(str::is_empty));
        if introduced && self.has_words {
            // The program marked the introduction as quoted and left the quote itself bare.
            return self.stop(End::OlderMail);
        }
        self.push(Kind::Quote, at, after)
    }

    fn push(&mut self, kind: Kind, from: usize, to: usize) -> Option<usize> {
        match self.pieces.last_mut() {
            Some(last) if last.kind == kind => last.to = to,
            _ => self.pieces.push(Piece { kind, from, to }),
        }
        Some(to)
    }

    fn stop(&mut self, end: End) -> Option<usize> {
        self.end = end;
        None
    }

    fn pieces_before(&self) -> bool {
        self.pieces.iter().any(|piece| piece.kind != Kind::Own)
    }

    fn begun(&self) -> bool {
        self.has_words || self.pieces.iter().any(|piece| piece.kind == Kind::Quote)
    }

    /// What becomes of each line.
    fn fates(mut self, lines: &[Line]) -> Vec<Fate> {
        let mut fates = vec![Fate::Quoted; lines.len()];
        self.drop_end(lines, &mut fates);
        let introduced = self.pieces.iter().any(|piece| piece.kind == Kind::Introduction);
        let quotes = self.pieces.iter().filter(|piece| piece.kind == Kind::Quote).count();
        let mut words_before = false;
        for piece in &self.pieces {
            let stays = match piece.kind {
                Kind::Own => true,
                Kind::Introduction => false,
                // A single quote on top, introduced, with the answer below it: the answer stands for itself.
                Kind::Quote => words_before || quotes > 1 || !introduced,
            };
            words_before |= piece.kind == Kind::Own && lines[piece.from..piece.to].iter().any(|line| !line.is_blank());
            if stays {
                fates[piece.from..piece.to].fill(Fate::Newest);
            }
        }
        fates
    }

    /// Takes quotes and signatures off the end, until a piece with words is last.
    fn drop_end(&mut self, lines: &[Line], fates: &mut [Fate]) {
        while let Some(last) = self.pieces.pop() {
            if last.kind != Kind::Own {
                continue;
            }
            let is_words = |piece: &Piece| matches!(piece.kind, Kind::Own | Kind::Quote);
            let below_words = self.pieces.iter().any(is_words);
            let end = last.from + signature::text_end(&lines[last.from..last.to], below_words);
            if lines[end..last.to].iter().any(|line| !line.is_blank()) {
                fates[end..last.to].fill(Fate::Signature);
            }
            if end > last.from {
                self.pieces.push(Piece { to: end, ..last });
                return;
            }
        }
    }
}

/// End of the quote that begins at a line: lines with `>`, blank lines between them, and what a mail program wrapped
/// off the end of a quoted line.
fn quote_end(lines: &[Line], at: usize) -> Option<usize> {
    if !quotes(lines, at) {
        return None;
    }
    let mut end = at + 1;
    let mut ahead = end;
    while ahead < lines.len() {
        if quotes(lines, ahead) {
            end = ahead + 1;
        } else if !lines[ahead].is_blank() && !is_wrapped_quote(lines, ahead) {
            break;
        }
        ahead += 1;
    }
    Some(end)
}

fn quotes(lines: &[Line], at: usize) -> bool {
    let initials = |at: Option<usize>| at.and_then(|at| lines.get(at)).is_some_and(|line| has_initials(line));
    lines[at].is_quote() || initials(Some(at)) && (initials(Some(at + 1)) || initials(at.checked_sub(1)))
}

/// `AR> text`: quoting with initials; it counts on two lines in a row.
fn has_initials(line: &Line) -> bool {
    let Some((initials, _)) = line.text.split_once('>') else { return false };
    !line.fenced && matches!(initials.len(), 1 | 2) && initials.bytes().all(|b| b.is_ascii_uppercase())
}

/// A short line between two quoted ones, of which the first breaks off in mid-sentence.
fn is_wrapped_quote(lines: &[Line], at: usize) -> bool {
    let broken = |line: &Line| line.is_quote() && !line.text.ends_with(['.', '?', '!', ':', '>', '…', ')', '"']);
    at > 0 && broken(&lines[at - 1]) && lines[at].text.len() <= 60 && lines.get(at + 1).is_some_and(Line::is_quote)
}

fn unquoted(line: &str) -> &str {
    line.trim_start_matches(['>', ' ']).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(text: &str) -> String {
        cut(text).newest
    }

    #[test]
    fn a_plain_text_is_its_own_newest_text() {
        for text in ["One line.", "a\n\nb\n\n    code\n\nc", "- a\n- b", ""] {
            assert_eq!(newest(text), text);
        }
    }

    #[test]
    fn a_reply_above_its_quote() {
        let parts = cut("It works.\n\nOn 3 Mar 2009, Anna wrote:\n\n> Does it\n> work?\n\n-- \nBen");
        assert_eq!(parts.newest, "It works.");
        assert_eq!(parts.quoted, "On 3 Mar 2009, Anna wrote:\n\n> Does it\n> work?");
        assert_eq!(parts.signature, "--\nBen");
    }

    #[test]
    fn a_signature_above_the_quote() {
        assert_eq!(newest("It works.\n-- \nBen\n\nOn 3 Mar 2009, Anna wrote:\n> a"), "It works.");
    }

    #[test]
    fn a_reply_below_its_quote() {
        assert_eq!(newest("On 3 Mar 2009, Anna wrote:\n> Does it\n> work?\n\nIt does."), "It does.");
        assert_eq!(
            newest("> Does it work?\n\nIt does."),
            "> Does it work?\n\nIt does.",
            "without an introduction it may be theirs"
        );
    }

    #[test]
    fn answers_between_quotes_stay_with_them() {
        let text = "Anna <a@x.example> wrote:\n> Which site?\npic\n> Which VO?\natlas\n\n-- \nBen";
        assert_eq!(newest(text), "> Which site?\npic\n> Which VO?\natlas");
    }

    #[test]
    fn an_older_mail_without_marks_ends_the_text() {
        let older = ["-----Original Message-----\nFrom: x", "From: Anna\nSent: today\nTo: Ben\nSubject: x\n\nold"];
        for older in older.into_iter().chain(["Am 3.3.2009 schrieb Anna <a@x.example>:\n\nold", "=-=-=-=\nold"]) {
            let parts = cut(&format!("new\n\n{older}"));
            assert_eq!((parts.newest.as_str(), parts.quoted.as_str()), ("new", older));
        }
    }

    #[test]
    fn forwarded_mail_is_content() {
        let texts = [
            "see below\n\n---------- Forwarded message ---------\nFrom: a\n\ntext\n-- \nAnna",
            "---------- Forwarded message ---------\nFrom: a\n\ntext",
            "From: Anna\nSent: today\nTo: Ben\nSubject: x\n\ntext",
            "-----Original Message-----\nFrom: Anna\n\ntext",
            "see below\n\n> Begin forwarded message:\n>\n> From: a\n>\n> text",
        ];
        for text in texts {
            assert_eq!(newest(text), text.replace("-- \n", "--\n"));
        }
    }

    #[test]
    fn forwarded_mail_behind_a_quote_is_quoted() {
        let text = "ok\n\nOn 3 Mar 2009, Anna wrote:\n> x\n\n---------- Forwarded message ---------\nFrom: a\n\ntext";
        assert_eq!(newest(text), "ok");
    }

    #[test]
    fn a_separator_on_top_of_a_mail_ends_nothing() {
        let text = "-- Please reply above this line --\n\nYour request was answered.";
        assert_eq!(newest(text), "Your request was answered.");
        assert_eq!(newest(&format!("thanks\n\n{text}")), "thanks");
        let footprints = "When replying, type your text above this line.\n________\n\nIt works.";
        assert_eq!(newest(footprints), "________\n\nIt works.");
        assert_eq!(newest("—-—-—-—\n\nReply above this line.\n\nIt works."), "—-—-—-—\n\n\nIt works.");
    }

    #[test]
    fn an_introduction_on_top_of_bare_text_takes_only_itself_away() {
        assert_eq!(newest("On 3 Mar 2009, Anna wrote:\n\nThis may be all there is."), "This may be all there is.");
    }

    #[test]
    fn only_a_quote_or_a_signature_leaves_nothing() {
        for text in [
            "> x\n> y",
            "On 3 Mar 2009, Anna wrote:\n> x",
            "-- \nAnna",
            "\n \n",
            "On 3 Mar 2009, A wrote:\n> x\n-- \nA",
        ] {
            assert_eq!(newest(text), "", "{text:?}");
        }
    }

    #[test]
    fn a_quoted_introduction_before_a_bare_quote_ends_the_text() {
        assert_eq!(newest("ok\n\n> On 3 Mar 2009 Anna wrote:\n>\n>\n\nold text\nmore"), "ok");
    }

    #[test]
    fn lines_wrapped_off_a_quote_belong_to_it() {
        assert_eq!(newest("On 3 Mar 2009, A wrote:\n> a long quoted\nline\n> goes on\n\nanswer"), "answer");
    }

    #[test]
    fn quotes_with_initials() {
        assert_eq!(newest("ok\n\nAR> Does it\nAR> work?"), "ok");
        assert_eq!(newest("C> is a prompt\nok"), "C> is a prompt\nok");
    }

    #[test]
    fn code_and_forms_are_not_taken_apart() {
        for text in ["a\n```\n-- \n> x\n```", "<Ticket>\n<GHD_Description>a\n-- \n> b\n</GHD_Description>\n</Ticket>"] {
            assert_eq!(newest(text), text.replace("-- \n", "--\n"));
        }
    }

    #[test]
    fn no_value_in_a_block_ends_the_text() {
        let values = [
            "On 3 Mar 2009, Anna <a@x.example> wrote:",
            "Anna <a@x.example> wrote:",
            "type your reply above",
            "the mailing list",
            "This is confidential. If you are not the intended recipient, delete it.",
            "iPhoneから送信",
            "the queue of the computing element at the site is full since this morning\n  On 3 Mar 2009 Anna wrote --",
        ];
        for value in values {
            let rule = "=".repeat(40);
            let block = format!("{rule}\n\nTICKET: 1\nSUBJECT: {value}\nCONCERNED VO: ops");
            for text in [format!("Help.\n{block}"), format!("Help.\n{block}\nSUBJECT: {value}")] {
                assert_eq!(newest(&format!("{text}\n\n-- \nAnna")), text);
                assert_eq!(newest(&format!("{text}\n\nOn 3 Mar 2009, Anna wrote:\n> x")), text);
            }
        }
        let outlook = "From: Anna\nSent: today\nTo: Ben\nSubject: x\n\nold";
        assert_eq!(newest(&format!("VO: ops\n{outlook}")), "VO: ops", "no machine wrote that");
    }

    #[test]
    fn what_was_forwarded_is_told_apart() {
        let text = "VO: ops\n\n-----Original Message-----\nFrom: x";
        assert_eq!(split_forwarded(text), ("VO: ops\n\n", "-----Original Message-----\nFrom: x"));
        assert_eq!(split_forwarded("a\nb"), ("a\nb", ""));
        assert_eq!(split_forwarded("> Begin forwarded message:\n> x").0, "");
    }

    #[test]
    fn hostile_texts_are_read_in_one_pass() {
        for line in
            ["> x\n", "On 1 wrote\n", "From: a\n", "Sent from my x\n", "--\n", "A> \n", "<a@b.example\n", "```\n", "\n"]
        {
            let text = line.repeat(20_000);
            assert!(cut(&text).newest.len() <= text.len());
        }
    }
}

//! What stands below a person's words and is not one of them: signatures (RFC 3676 section 4.3 and worse), "Sent from my
//! phone", footers of lists, disclaimers, rules. It looks only at the end of a text and refuses to guess at names.

use crate::mail::lines::Line;
use crate::mail::pattern::Pattern;

/// A signature mark counts when at most so many filled lines follow it; a longer text below is somebody's words.
const SIGNATURE_LINES: usize = 20;
/// Paragraphs at the end among which a disclaimer is looked for.
const DISCLAIMER_PARAGRAPHS: usize = 4;
/// Longest disclaimer in bytes.
const LONGEST_DISCLAIMER: usize = 6_000;
/// Kinds of footers that may stand one below the other.
const MOST_FOOTERS: usize = 6;

/// Number of lines of the text proper; what follows is signature, footer or blank. `below_words`: these lines stand
/// below others that a person wrote or quoted.
pub(super) fn text_end(lines: &[Line], below_words: bool) -> usize {
    let mut end = filled_end(&lines[..signature_mark(lines, below_words)]);
    for _ in 0..MOST_FOOTERS {
        let before = end;
        end = without_last_lines(&lines[..end]);
        end = list_footer(&lines[..end]);
        end = disclaimer(&lines[..end]);
        if end == before {
            break;
        }
    }
    end
}

fn filled_end(lines: &[Line]) -> usize {
    lines.iter().rposition(|line| !line.is_blank()).map_or(0, |at| at + 1)
}

/// The first `--`, `__` or lone dash that few enough lines follow. A rule of underscores on top of all words ends nothing.
fn signature_mark(lines: &[Line], below_words: bool) -> usize {
    let mut following = lines.iter().filter(|line| !line.is_blank()).count();
    let mut words = below_words;
    for (at, line) in lines.iter().enumerate() {
        words |= line.text.contains(char::is_alphanumeric);
        following -= usize::from(!line.is_blank());
        let few = following <= SIGNATURE_LINES;
        if few && !line.fenced && is_signature_mark(line.text) && (words || !line.text.contains("__")) {
            return at;
        }
    }
    lines.len()
}

fn is_signature_mark(line: &str) -> bool {
    let bare = line.trim();
    matches!(bare, "--" | "—" | "–" | "- -" | "—-") || bare.len() > 1 && bare.bytes().all(|b| b == b'_')
}

/// Takes blank lines, rules and one-line footers ("Sent from my phone") off the end.
fn without_last_lines(lines: &[Line]) -> usize {
    let mut end = filled_end(lines);
    while end > 0 && !lines[end - 1].fenced && is_last_line(lines[end - 1].bare()) {
        end = filled_end(&lines[..end - 1]);
    }
    end
}

fn is_last_line(line: &str) -> bool {
    let mut marks = line.chars().filter(|c| !c.is_whitespace());
    let first = marks.next().unwrap_or(' ');
    let is_rule = "-_=*#~+–—".contains(first) && line.chars().count() > 1 && marks.all(|c| c == first);
    // U+1427 is what a mail tracker leaves behind.
    is_rule
        || line == "\u{1427}"
        || line.len() <= 250 && DEVICE.is_match(line)
        || line.len() <= 250 && PRODUCT.is_match(line)
}

static DEVICE: Pattern = Pattern::new(
    "(?i)^[^\\w]{0,3}(?:(?:sent|written|posted|typed) (?:from|via|with|by|using|on) |from my \\w+|\\p{Lu}?\\w+ from (?:my )?(?:mobile|phone|iphone|android)\\b.{0,20}$|\
     get \\[?outlook for |(?:diese (?:nachricht|e-mail|mail) wurde )?(?:von|mit|aus) .{1,80} (?:gesendet|verschickt|verfasst|geschrieben)\\W*$|\
     gesendet (?:von|mit|aus|über) |envoyé (?:depuis|de|à partir de|avec|par) |envoyée? de mon |enviado (?:desde|de|do|a partir de|con|com) |\
     inviato (?:da|dal|con|tramite) |отправлено (?:с|из|от) |надіслано (?:з|із) |verzonden (?:met|vanaf|vanuit) |verstuurd vanaf |\
     sendt fra |skickat från |sänt från |wysłano z |wysłane z |odesláno z |lähetetty |從我的 .{1,40} 傳送|从我的 .{1,40} 发送|发自我的|發自我的|\
     iphoneから送信|.{1,40}から送信$)",
);

static PRODUCT: Pattern = Pattern::new(
    "(?i)^\\W*(?:reply to this e-?mail directly(?:,| or)|you are receiving this (?:because|e-?mail)|\
     you received this message because you are subscribed|to unsubscribe from this |virus-free\\.|\
     this e-?mail has been checked for viruses|diese e-mail wurde .{0,20}auf viren|do you yahoo!\\?)",
);

/// A rule, then a few lines that name a mailing list.
fn list_footer(lines: &[Line]) -> usize {
    let from = lines.len().saturating_sub(12);
    let is_rule = |line: &Line| {
        let bare = line.bare();
        bare.len() > 15 && "_-=*#".chars().any(|mark| bare.chars().all(|c| c == mark))
    };
    let rule = (from..lines.len()).find(|&at| is_rule(&lines[at]) && !lines[at].fenced);
    match rule {
        Some(at) if lines[at..].iter().any(|line| !line.fenced && LIST.is_match(line.text)) => filled_end(&lines[..at]),
        _ => lines.len(),
    }
}

static LIST: Pattern = Pattern::new(
    "(?i)mailing.?list|mailinglist|listinfo|unsubscribe|liste de (?:diffusion|discussion)|lista de (?:correo|distribución)|\
     mailman|sympa|abbestellen|désabonner|рассылк",
);

/// The first of the last paragraphs that reads like a disclaimer, and all below it.
fn disclaimer(lines: &[Line]) -> usize {
    let mut end = filled_end(lines);
    let mut cut = lines.len();
    for _ in 0..DISCLAIMER_PARAGRAPHS {
        let start = lines[..end].iter().rposition(|line| line.is_blank() || line.fenced).map_or(0, |at| at + 1);
        let size: usize = lines[start..end].iter().map(|line| line.text.len() + 1).sum();
        if start == end || size > LONGEST_DISCLAIMER {
            break;
        }
        let paragraph: Vec<&str> = lines[start..end].iter().map(|line| line.bare()).collect();
        if size > 60 && DISCLAIMER.is_match(&paragraph.join(" ")) {
            cut = start;
        }
        end = filled_end(&lines[..start]);
        if end == 0 {
            break;
        }
    }
    if cut == lines.len() { cut } else { filled_end(&lines[..cut]) }
}

static DISCLAIMER: Pattern = Pattern::new(
    "(?i)(?:confidential.{0,300}(?:intended|recipient|privileged|addressee|disclos)|\
     (?:intended|addressed).{0,200}(?:recipient|addressee).{0,300}(?:delete|disclos|notify|prohibited|confidential)|\
     vertraulich.{0,400}(?:empfänger|adressat|irrtümlich|bestimmt)|\
     confidentiel.{0,400}(?:destinataire|erreur|destinés)|confidencial.{0,400}(?:destinatari|error|dirigid)|\
     (?:riservat|confidenzial).{0,400}(?:destinatari|errore)|конфиденциальн.{0,400}(?:получател|адресат|предназначен))",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::lines::lines;

    fn kept(text: &str) -> String {
        let lines = lines(text);
        lines[..text_end(&lines, false)].iter().map(|line| line.text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_patterns_compile() {
        assert!([&DEVICE, &PRODUCT, &LIST, &DISCLAIMER].into_iter().all(|pattern| pattern.regex().is_some()));
    }

    #[test]
    fn signature_marks_end_the_text() {
        for mark in ["-- ", "--", "__", "_______________", "—"] {
            assert_eq!(kept(&format!("text\n\n{mark}\nAnna Rossi\nINFN")), "text", "{mark:?}");
        }
    }

    #[test]
    fn a_mark_above_a_long_text_is_a_rule() {
        let text = format!("a\n--\n{}", "line\n".repeat(21));
        assert_eq!(kept(&text), text.trim_end());
    }

    #[test]
    fn lines_of_devices_in_many_languages() {
        let texts = [
            "Sent from my iPhone",
            "Sent from my Galaxy, please excuse typos",
            "(sent from a phone)",
            "Get Outlook for iOS<https://x.example>",
            "Von meinem iPhone gesendet",
            "Gesendet mit der Mail-App",
            "Diese Nachricht wurde von meinem Telefon gesendet.",
            "Envoyé de mon iPhone",
            "Enviado desde mi iPhone",
            "Inviato da iPhone",
            "Отправлено с iPhone",
            "Verzonden vanaf mijn tablet",
            "Sendt fra min iPad",
            "从我的 iPhone 发送",
        ];
        for text in texts {
            assert_eq!(kept(&format!("text\n\n{text}")), "text", "{text}");
        }
    }

    #[test]
    fn words_about_sending_are_text() {
        for text in
            ["I sent the job from my laptop", "The job was sent with the wrong proxy to X", "Mail comes from my site"]
        {
            assert_eq!(kept(text), text);
        }
    }

    #[test]
    fn rules_at_the_end_go_and_ends_of_code_stay() {
        assert_eq!(kept("text\n\n****\n----"), "text");
        for text in ["if x {\n}", "```\n--\n```", "works :-)", "a\n----\nb"] {
            assert_eq!(kept(text), text);
        }
    }

    #[test]
    fn footers_of_lists_and_disclaimers_go() {
        let list = "text\n\n----------------------------\nops mailing list\nhttps://lists.x.example/ops";
        assert_eq!(kept(list), "text");
        let texts = [
            "This mail is confidential and meant only for the recipient named above; others must not read it.",
            "Diese Nachricht ist vertraulich und nur für den genannten Empfänger bestimmt. Bitte löschen Sie sie sonst.",
            "Ce message est confidentiel. Si vous n'êtes pas son destinataire, effacez-le sans le lire, s'il vous plaît.",
        ];
        for text in texts {
            assert_eq!(kept(&format!("text\n\n{text}\n\nPlease think of the trees.")), "text", "{text}");
        }
    }

    #[test]
    fn a_text_without_any_of_it_is_whole() {
        assert_eq!(kept("a\n\nb - c\n\nd"), "a\n\nb - c\n\nd");
        assert_eq!(kept(""), "");
    }

    #[test]
    fn a_signature_alone_leaves_nothing() {
        assert_eq!(kept("-- \nAnna"), "");
        assert_eq!(kept("Sent from my iPhone"), "");
    }
}

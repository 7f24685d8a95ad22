//! Lines by which mail programs mark what is not written now: introductions of quotes ("On … wrote:"), header blocks of
//! Outlook's kind, "Original Message", "Forwarded message", and the "reply above this line" of helpdesks. It only
//! recognises them; what is cut is decided next door.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::mail::form::{fold, table};
use crate::mail::lines::Line;
use crate::mail::pattern::Pattern;

/// An introduction is wrapped over at most so many lines.
const INTRODUCTION_LINES: usize = 5;
/// Longest introduction in bytes, and longest line that is looked at for a mark.
const LONGEST: usize = 400;
/// Longest name before an address, in bytes.
const LONGEST_AUTHOR: usize = 100;
/// Lines that a header block may take.
const HEADER_LINES: usize = 14;

/// What begins at a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// "On … wrote:", over so many lines.
    Introduction(usize),
    /// `From:`, `Sent:`, `To:`, `Subject:` of an older mail, or a line "Original Message".
    OlderMail,
    /// "Forwarded message".
    Forwarded,
    /// "Please reply above this line".
    Separator,
}

/// The mark that begins at line `at`, if one does.
pub(super) fn mark(lines: &[Line], at: usize) -> Option<Mark> {
    let line = lines[at];
    if line.fenced || line.is_blank() || line.text.len() > LONGEST {
        return None;
    }
    let bare = line.bare();
    if is_forward_mark(bare) {
        Some(Mark::Forwarded)
    } else if SEPARATOR.is_match(bare) {
        Some(Mark::Separator)
    } else if ORIGINAL.is_match(bare) || is_header_block(lines, at) {
        Some(Mark::OlderMail)
    } else {
        introduction(lines.iter().skip(at).map(|line| line.bare())).map(Mark::Introduction)
    }
}

/// "Forwarded message" and its kin, also where the line is quoted.
pub(super) fn is_forward_mark(line: &str) -> bool {
    line.len() <= LONGEST && FORWARDED.is_match(line)
}

static SEPARATOR: Pattern = Pattern::new(
    "(?i)(?:^(?:=-){3,}=?$|^[-=#*~ >]*[^\\w]*(?:please )?(?:type your )?reply above this line|above this line to reply|\
     type your (?:reply|text) above|^\\W*(?:bitte )?(?:antworten sie )?(?:oberhalb|über) dieser (?:zeile|linie)|\
     ^\\W*(?:veuillez )?répond\\w+ au-dessus de cette ligne|^\\W*(?:por favor,? )?\\w+ (?:por )?encima de esta línea|\
     ^\\W*(?:si prega di )?rispond\\w+ sopra questa (?:riga|linea)|^\\W*(?:пожалуйста,? )?\\w+ выше этой (?:строки|линии))",
);

static ORIGINAL: Pattern = Pattern::new(
    "(?i)^[*_> ]*-{2,}[*_ ]*(?:original message|original appointment|reply message|ursprüngliche nachricht|\
     originalnachricht|original-nachricht|mensaje original|message d.origine|message original|messaggio originale|\
     исходное сообщение|оригинальное сообщение|oryginalna wiadomość|wiadomość oryginalna|mensagem original|\
     oorspronkelijk bericht|ursprungligt meddelande|originalmeddelande|oprindelig meddelelse|opprinnelig melding|\
     původní zpráva|原始邮件|原始郵件|元のメッセージ)[*_ ]*-*[*_ ]*$",
);

static FORWARDED: Pattern = Pattern::new(
    "(?i)^[*_> ]*(?:-{2,}[*_ ]*(?:forwarded message|forwarded by .{1,100}|weitergeleitete nachricht|\
     mensaje reenviado|message transféré|message réexpédié|messaggio inoltrato|пересылаемое сообщение|\
     пересланное сообщение|перенаправленное сообщение|wiadomość przekazana|przekazana wiadomość|mensagem encaminhada|\
     doorgestuurd bericht|vidarebefordrat meddelande|videresendt meddelelse|videresendt melding|\
     přeposlaná zpráva|转发的邮件|轉寄的郵件|転送メッセージ)[*_ ]*-*|begin forwarded message ?:|\
     anfang der weitergeleiteten (?:nachricht|e-mail) ?:|début du message (?:réexpédié|transféré) ?:|\
     inizio messaggio inoltrato ?:|inicio del mensaje reenviado ?:|начало переадресованного сообщения ?:|\
     начало пересылаемого сообщения ?:)[*_ ]*$",
);

/// Lines of the introduction that begins at the first of these lines.
pub(super) fn introduction<'a>(lines: impl Iterator<Item = &'a str>) -> Option<usize> {
    let mut joined = String::new();
    let mut blanks = 0;
    for (at, line) in lines.take(INTRODUCTION_LINES).enumerate() {
        if line.is_empty() {
            blanks += 1;
            continue;
        }
        // A blank line inside is only what the link of an address leaves behind.
        let in_address = line.starts_with('<') || joined.matches('<').count() > joined.matches('>').count();
        if joined.len() + line.len() > LONGEST || blanks > 1 || blanks == 1 && !in_address {
            return None;
        }
        if at == 0 && !may_introduce(line) {
            return None;
        }
        joined.push_str(if joined.is_empty() || joined.ends_with('<') { "" } else { " " });
        joined.push_str(line);
        if (at == 0 || line.ends_with([':', '：', '-'])) && is_introduction(&joined) {
            return Some(at + 1);
        }
    }
    None
}

/// Whether a line could be the first of an introduction: it begins with a date, or with a name and (the beginning of) an
/// address.
fn may_introduce(line: &str) -> bool {
    let dated = || line.bytes().any(|b| b.is_ascii_digit()) && START.is_match(line);
    line.find(['<', '[']).is_some_and(|at| (1..=LONGEST_AUTHOR).contains(&at)) || dated()
}

fn is_introduction(joined: &str) -> bool {
    let addressed = joined.ends_with(">:") || joined.ends_with(">：");
    if DATE_AND_NAME.is_match(joined) || addressed && START.is_match(joined) && TIME.is_match(joined) {
        return true;
    }
    let ends = joined.ends_with([':', '：']) || joined.ends_with("--");
    let certain = START.is_match(joined) && joined.bytes().any(|b| b.is_ascii_digit()) || ADDRESS.is_match(joined);
    ends && certain && VERB.is_match(joined) && !OWN_WORDS.is_match(joined)
}

static START: Pattern = Pattern::new(
    "(?i)^[->* ]*(?:(?:on|at|in|am|le|il|el|op|em|dnia|w dniu|den|dne|på|pe|de|в|от|в чт)\\b|\\d{1,4}[-./ 年]|\\d{1,2}:\\d\\d|在|\
     (?:понедельник|вторник|сред[ау]|четверг|пятниц[ау]|суббот[ау]|воскресенье|пн|вт|ср|чт|пт|сб|вс|mon|tue|wed|thu|fri|sat|\
     sun|lun|mar|mer|jeu|ven|sam|dim|mo|di|mi|do|fr|sa|so|gio|sab|dom)\\w*[., ])",
);

static TIME: Pattern = Pattern::new(r"\b\d{1,2}[:.]\d{2}\b");

static ADDRESS: Pattern =
    Pattern::new(r"<[^<>\s]{0,200}(?:mailto:[^<>]{1,100}<)?[^<>\s]{1,100}@[^<>\s]{1,200}>|\[mailto:[^\]]{3,200}\]");

static VERB: Pattern = Pattern::new(
    "(?i)(?:\\b(?:wrote|writes|said|schrieb|schrieben|escribió|escribio|a écrit|a ecrit|ha scritto|scrive|написал|написала|\
     написал\\(а\\)|пишет|пише|написав|написала|schreef|geschreven|napisał|napisała|pisze|escreveu|skrev|skriver|napsal|\
     napsala|kirjoitti|írta|a scris|yazdı|έγραψε)\\b|写道|寫道|写到|書きました|書いた)",
);

static OWN_WORDS: Pattern =
    Pattern::new(r"(?i)\b(?:I wrote|schrieb ich|ich schrieb|j.ai écrit|ho scritto io|yo escribí|я написал)");

static DATE_AND_NAME: Pattern = Pattern::new(
    r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[ ,T]+\d{1,2}:\d{2}(?::\d{2})?)?(?:\s+(?:GMT|UTC)\s?[+-]\d{1,2}:?\d{0,2}\s+[^<>]{1,120}(?:<[^<>]{3,200}>)?:?|\s+[^<>]{1,120}<[^<>]{3,200}>:?)$",
);

/// The kinds of lines in a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    From,
    Date,
    To,
    Subject,
    Other,
}

const LABELS: &[(Label, &str)] = &[
    (Label::From, "from|von|de|da|van|från|fra|od|от|от кого|отправитель|lähettäjä|gönderen|发件人|寄件者|差出人"),
    (
        Label::Date,
        "sent|date|gesendet|datum|enviado|enviado el|enviada em|fecha|data|envoyé|envoyé le|inviato|verzonden",
    ),
    (Label::Date, "skickat|sendt|dato|wysłano|отправлено|дата|odesláno|lähetetty|发送时间|日期|寄件日期|送信日時|日時"),
    (Label::To, "to|an|para|a|à|aan|till|til|do|pro|komu|кому|vastaanottaja|收件人|收件者|宛先"),
    (
        Label::Subject,
        "subject|betreff|asunto|assunto|objet|oggetto|onderwerp|ämne|emne|temat|тема|předmět|aihe|主题|主旨|件名",
    ),
    (Label::Other, "cc|bcc|reply-to|kopie|copie|copia|kopia|копия|antwort an|répondre à|risposta|importance|priority"),
    (Label::Other, "wichtigkeit|priorität|抄送|副本"),
];

fn label(line: &str) -> Option<Label> {
    static NAMES: LazyLock<BTreeMap<String, Label>> = LazyLock::new(|| table(LABELS));
    let (name, _) = line.trim_matches(['*', '_', ' ', '>']).split_once([':', '：'])?;
    let name = name.trim_matches(['*', '_', ' ']);
    if name.len() > 40 { None } else { NAMES.get(&fold(name)).copied() }
}

/// A rule or nothing, then at least three kinds of header lines together, the sender among them.
fn is_header_block(lines: &[Line], at: usize) -> bool {
    let ahead = &lines[at..(at + HEADER_LINES).min(lines.len())];
    let is_rule = |line: &Line| line.bare().len() > 4 && line.bare().chars().all(|c| "_-=* ".contains(c));
    let first = if is_rule(&lines[at]) {
        ahead.iter().skip(1).position(|line| !line.is_blank()).map(|n| n + 1)
    } else {
        Some(0)
    };
    let Some(first) = first.filter(|first| *first <= 3) else { return false };
    if label(ahead[first].bare()).is_none() {
        return false;
    }
    let mut seen: Vec<Label> = Vec::new();
    let mut strange = 0;
    for line in &ahead[first..] {
        match label(line.bare()) {
            Some(kind) => {
                strange = 0;
                seen.push(kind);
            }
            None => strange += 1,
        }
        if strange > 2 {
            break;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    seen.contains(&Label::From) && seen.iter().filter(|kind| **kind != Label::Other).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::lines::lines;

    fn at_first(text: &str) -> Option<Mark> {
        mark(&lines(text), 0)
    }

    #[test]
    fn the_patterns_compile() {
        let all = [&SEPARATOR, &ORIGINAL, &FORWARDED, &START, &TIME, &ADDRESS, &VERB, &OWN_WORDS, &DATE_AND_NAME];
        for pattern in all {
            assert!(pattern.regex().is_some());
        }
    }

    #[test]
    fn introductions_of_many_languages_and_programs() {
        let one_line = [
            "On Tue, 3 Mar 2009 at 10:02, Anna Rossi <anna@x.example> wrote:",
            "On 3/3/09 10:02 AM, Anna Rossi wrote:",
            "At 10:02 03/03/2009, you wrote:",
            "Anna Rossi <anna@x.example> wrote:",
            "Am 03.03.2009 um 10:02 schrieb Anna Rossi:",
            "Am Di., 3. März 2009 um 10:02 Uhr schrieb Anna <anna@x.example>:",
            "Anna <anna@x.example> schrieb am Di. 3. März 2009 um 10:02:",
            "Le mar. 3 mars 2009 à 10:02, Anna Rossi <anna@x.example> a écrit :",
            "Il giorno mar 3 mar 2009 alle ore 10:02 Anna Rossi <anna@x.example> ha scritto:",
            "El mar, 3 mar 2009 a las 10:02, Anna (<anna@x.example>) escribió:",
            "вт, 3 мар. 2009 г. в 10:02, Anna <anna@x.example>:",
            "3 марта 2009 г., 10:02, Анна написала:",
            "Op di 3 mrt. 2009 om 10:02 schreef Anna <anna@x.example>:",
            "W dniu 03.03.2009 o 10:02, Anna pisze:",
            "Em ter., 3 de mar. de 2009 às 10:02, Anna <anna@x.example> escreveu:",
            "Den tis 3 mars 2009 kl 10:02 skrev Anna <anna@x.example>:",
            "Den 03.03.2009 10.02, skrev Anna:",
            "Dne 3.3.2009 v 10:02 Anna napsal(a):",
            "Anna <anna@x.example> 于2009年3月3日周二 写道：",
            "2009年3月3日(火) 10:02 Anna <anna@x.example>:",
            "2009-03-03 10:02 GMT+01:00 Anna Rossi <anna@x.example>:",
            "---- On Tue, 03 Mar 2009 10:02:00 +0100 Anna wrote ----",
        ];
        for text in one_line {
            assert_eq!(at_first(text), Some(Mark::Introduction(1)), "{text}");
        }
    }

    #[test]
    fn introductions_may_be_wrapped() {
        assert_eq!(
            at_first("On Tue, 3 Mar 2009, Anna Rossi\n<anna@x.example>\nwrote:\n> x"),
            Some(Mark::Introduction(3))
        );
        assert_eq!(at_first("Am 3. März 2009 schrieb Anna Rossi <\nanna@x.example>:"), Some(Mark::Introduction(2)));
        assert_eq!(at_first("On 3 Mar 2009 Anna\n\n<\nanna@x.example\n> wrote:"), Some(Mark::Introduction(5)));
    }

    #[test]
    fn prose_is_no_introduction() {
        let texts = [
            "On Tuesday the site broke and I wrote:",
            "On 3 March we saw this error:",
            "Anna wrote:",
            "In my mail of 3 March I wrote:",
            "On 3 March she wrote that it works.",
            "On this day\nI wrote\non 3 March:",
            "Steps to reproduce:",
            "",
        ];
        for text in texts {
            assert_eq!(at_first(text), None, "{text}");
        }
    }

    #[test]
    fn header_blocks_in_many_languages() {
        let blocks = [
            "From: Anna\nSent: Tuesday\nTo: Desk\nSubject: x",
            "________________________________\nFrom: Anna\nSent: Tuesday\nTo: Desk\nSubject: x",
            "*From:* Anna\n*Date:* Tuesday\n*To:* Desk",
            "Von: Anna\nGesendet: Dienstag\nAn: Desk\nCc: Ben\nBetreff: x",
            "De : Anna\nEnvoyé : mardi\nÀ : Desk\nObjet : x",
            "Da: Anna\nInviato: martedì\nA: Desk\nOggetto: x",
            "De: Anna\nEnviado el: martes\nPara: Desk\nAsunto: x",
            "От: Анна\nОтправлено: вторник\nКому: Desk\nТема: x",
            "Subject: a title that\n goes on\nDate: today\nFrom: Anna\nTo: Desk",
        ];
        for text in blocks {
            assert_eq!(at_first(text), Some(Mark::OlderMail), "{text}");
        }
    }

    #[test]
    fn fields_of_a_form_are_no_header_block() {
        for text in ["Subject: x\nSite: pic\nVO: ops\nTo: y", "From: here\nit goes on", "TO: x\nDATE: y\nSUBJECT: z"] {
            assert_eq!(at_first(text), None, "{text}");
        }
    }

    #[test]
    fn marks_of_older_and_forwarded_mail() {
        for text in
            ["-----Original Message-----", "-----Ursprüngliche Nachricht-----", "*-------- Original Message --------*"]
        {
            assert_eq!(at_first(text), Some(Mark::OlderMail), "{text}");
        }
        let forwarded = ["---------- Forwarded message ---------", "-------- Weitergeleitete Nachricht --------"];
        for text in forwarded.into_iter().chain(["Begin forwarded message:", "Début du message réexpédié :"]) {
            assert_eq!(at_first(text), Some(Mark::Forwarded), "{text}");
        }
        assert_eq!(at_first("The original message is lost"), None);
        assert_eq!(at_first("I have forwarded message 5"), None);
    }

    #[test]
    fn separators_of_helpdesks() {
        let texts =
            ["-- Please reply above this line --", "##- Please type your reply above this line -##", "=-=-=-=-=-="];
        for text in texts
            .into_iter()
            .chain(["-- reply above this line --", "##- Bitte antworten Sie oberhalb dieser Zeile -##"])
        {
            assert_eq!(at_first(text), Some(Mark::Separator), "{text}");
        }
        assert_eq!(at_first("See the log above this line"), None);
    }
}

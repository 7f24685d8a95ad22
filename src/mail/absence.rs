//! Absence notices that say so in words alone, in the languages of helpdesks: by their subject, or by how their text begins.
//! Most vacation programs mark their mail (RFC 3834); this is for those that do not. A mail that only speaks of a vacation
//! is none.

use super::message::Mail;
use super::pattern::Pattern;

/// How the subjects of absence notices begin. Lower case.
const SUBJECTS: [&str; 63] = [
    // English
    "out of office",
    "out of the office",
    "automatic reply",
    "automatic response",
    "autoreply",
    "auto-reply",
    "auto reply",
    "auto:",
    "vacation reply",
    "vacation notice",
    "vacation message",
    "vacation response",
    "on vacation",
    "away from my mail",
    "away from the office",
    "away from office",
    "on leave until",
    // German
    "abwesend",
    "abwesenheit:",
    "abwesenheit bis",
    "abwesenheitsnotiz",
    "abwesenheitsnachricht",
    "abwesenheitsbenachrichtigung",
    "automatische antwort",
    "nicht im büro",
    "im urlaub bis",
    // French
    "absence du bureau",
    "absence :",
    "absence:",
    "absent du bureau",
    "message d'absence",
    "notification d'absence",
    "réponse automatique",
    // Italian
    "risposta automatica",
    "fuori ufficio",
    "fuori sede",
    "assente dall'ufficio",
    // Russian
    "автоответ",
    "автоматический ответ",
    "нет на месте",
    "в отпуске до",
    "в отпуске с",
    // Spanish
    "respuesta automática",
    "fuera de la oficina",
    "ausencia de la oficina",
    "mensaje de ausencia",
    "aviso de ausencia",
    // Dutch
    "automatisch antwoord",
    "afwezig:",
    "afwezigheidsbericht",
    "niet op kantoor",
    // Portuguese
    "resposta automática",
    "ausência do escritório",
    "ausente do escritório",
    "fora do escritório",
    // Polish
    "odpowiedź automatyczna",
    "automatyczna odpowiedź",
    "poza biurem",
    "nieobecność w biurze",
    // Czech
    "automatická odpověď",
    "mimo kancelář",
    "nepřítomnost v kanceláři",
    // Danish, Norwegian, Swedish
    "autosvar",
];

/// Longest text that can be nothing but a notice, in characters.
const LONGEST: usize = 800;
/// What may stand before its first sentence, in lines.
const GREETINGS: usize = 2;

/// The words of an absence notice at the beginning of a subject, behind reply prefixes and tags.
pub fn in_subject(subject: &str) -> Option<&'static str> {
    let lower = subject.trim().to_lowercase();
    let bare = PREFIXES.regex().and_then(|pattern| pattern.find(&lower)).map_or("", |found| &lower[found.end()..]);
    let found = |text: &str| SUBJECTS.into_iter().find(|words| text.trim_start().starts_with(words));
    found(&lower).or_else(|| found(bare))
}

/// Whether a mail that answers another is a notice by its newest text: short, asks nothing, and its first sentence says that
/// somebody is away and until when, or whom to ask.
pub fn in_text(mail: &Mail, newest: &str) -> bool {
    let answers = !mail.in_reply_to.is_empty() || !mail.references.is_empty();
    if !answers || newest.contains('?') || newest.chars().nth(LONGEST).is_some() {
        return false;
    }
    let lines = newest.lines().map(str::trim).filter(|line| !line.is_empty());
    let begins = lines.take(GREETINGS + 1).any(|line| AWAY.is_match(line));
    begins && UNTIL.is_match(newest)
}

static PREFIXES: Pattern = Pattern::new(r"^(?:\s*(?:\p{L}{1,4}\s*:|\[[^\[\]]{0,80}\]))+");
/// Somebody is away; the beginning of a line, in the first person.
static AWAY: Pattern = Pattern::new(
    r"(?ix) ^ (?:[\p{L}\ ]{1,30},\ )? (?:
      i\ am\ (?:currently\ |now\ )?(?:out\ of\ (?:the\ |my\ )?office|on\ (?:vacation|leave|holidays?)|away\ from\ (?:the|my)\ office)
    | i(?:'ll|\ will)\ be\ (?:out\ of\ (?:the\ )?office|on\ (?:vacation|leave)|away\ from\ the\ office)
    | ich\ bin\ (?:derzeit\ |zur\ zeit\ |zurzeit\ |momentan\ |aktuell\ |bis\ .{1,30})?(?:nicht\ im\ (?:büro|haus)|abwesend|im\ urlaub|außer\ haus)
    | ich\ befinde\ mich\ (?:derzeit\ |zur\ zeit\ |bis\ .{1,30})?im\ urlaub
    | je\ suis\ (?:actuellement\ )?(?:absente?\b|en\ (?:congés?|vacances)|hors\ du\ bureau)
    | je\ serai\ (?:absente?\b|en\ (?:congés?|vacances))
    | (?:sono|sarò)\ (?:attualmente\ )?(?:fuori\ (?:ufficio|sede)|assente|in\ ferie)
    | (?:я\ )?(?:сейчас\ )?(?:нахожусь\ в\ отпуске|в\ отпуске|буду\ отсутствовать|отсутствую)
    | (?:me\ encuentro|estoy|estaré)\ (?:actualmente\ )?(?:fuera\ de\ la\ oficina|ausente|de\ vacaciones)
    | ik\ ben\ (?:momenteel\ |tot\ .{1,30})?(?:afwezig|niet\ (?:op\ kantoor|aanwezig)|met\ vakantie|op\ vakantie)
    | (?:estou|estarei)\ (?:atualmente\ |de\ momento\ )?(?:ausente|fora\ do\ escritório|de\ férias)
    | (?:obecnie\ )?(?:jestem\ (?:obecnie\ )?(?:nieobecn[ya]|poza\ biurem|na\ urlopie)|przebywam\ na\ urlopie)
    | (?:momentálně\ )?(?:jsem|budu)\ (?:momentálně\ )?(?:mimo\ kancelář|nepřítom(?:en|na)|na\ dovolené)
    )",
);
/// Until when, or whom to ask instead.
static UNTIL: Pattern = Pattern::new(
    r"(?ix) \b(?:until|till|return|back\ (?:on|in)|contact|bis|zurück|wenden|jusqu|retour|contacter|fino|rientr|torner|contattare
    | до|вернусь|обращайтесь|hasta|vuelta|regres|contact[ea]|tot|terug|até|volt|contacte|do\ \d|wracam|wrócę|proszę\ o\ kontakt|vrátím|obraťte)",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::MessageId;
    use crate::mail::message::sample;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&PREFIXES, &AWAY, &UNTIL] {
            assert!(pattern.regex().is_some());
        }
    }

    #[test]
    fn subjects_say_it_behind_prefixes_and_tags() {
        for subject in [
            "Out of Office: Anna Rossi",
            "Re: [GGUS:57890] Automatic reply: CE down",
            "AW: Abwesenheitsnotiz: CE down",
            "[rt.x.example #7] [GGUS:1] Réponse automatique : CE down",
            "Risposta automatica: CE down",
            "Автоматический ответ: CE down",
            "Respuesta automática: CE down",
            "Automatisch antwoord: CE down",
            "Resposta automática: CE down",
            "Odpowiedź automatyczna: CE down",
            "Automatická odpověď: CE down",
        ] {
            assert!(in_subject(subject).is_some(), "{subject}");
        }
    }

    #[test]
    fn a_subject_that_speaks_of_absences_is_no_notice() {
        for subject in [
            "Vacation calendar is broken",
            "Absence of our site in the information system",
            "Tickets during my vacation",
            "Support desk out of office hours",
            "CE down: out of office hours, who helps?",
            "Abwesenheitskalender lädt nicht",
            "Ausencia de datos en el catálogo",
            "Absence de données au CC",
            "Afwezige node in de BDII",
            "Отпуск и доступ к системе",
        ] {
            assert_eq!(in_subject(subject), None, "{subject}");
        }
    }

    fn is_notice(text: &str) -> bool {
        let mut mail = sample("Re: [GGUS:1] CE down", text);
        mail.in_reply_to = MessageId::parse("1.1.x@ggus.example").into_iter().collect();
        in_text(&mail, text)
    }

    #[test]
    fn texts_say_it_first() {
        for text in [
            "Hello,\n\nI am currently out of the office until 3 January. Please contact help@x.example.",
            "I will be on vacation until Monday.\nAnna",
            "Sehr geehrte Damen und Herren,\n\nich bin bis 3.1. nicht im Büro. Bitte wenden Sie sich an die Hotline.",
            "Bonjour,\n\nJe suis actuellement en congé jusqu'au 3 janvier.",
            "Sono fuori ufficio fino al 3 gennaio.",
            "Здравствуйте,\n\nя нахожусь в отпуске до 3 января.",
            "Estaré fuera de la oficina hasta el 3 de enero.",
            "Ik ben momenteel afwezig tot 3 januari.",
            "Estou de férias até 3 de janeiro.",
            "Jestem obecnie na urlopie do 3 stycznia.",
            "Dobrý den,\n\nbudu nepřítomna, vrátím se 3. ledna.",
        ] {
            assert!(is_notice(text), "{text}");
        }
    }

    #[test]
    fn who_only_speaks_of_a_vacation_answers() {
        for text in [
            "The long queue. By the way, I am on vacation until Monday.",
            "I am on vacation until Monday, can Ben do it?",
            "My colleague is out of office until Monday; I restarted it.",
            "I was on leave until yesterday, the CE is still down.",
            "Die Queue ist long. Ich bin ab morgen im Urlaub bis Montag.",
            "Pendant mes vacances jusqu'au 3 janvier, le CE est tombé.",
            "The user is away until Monday. Please wait.",
        ] {
            assert!(!is_notice(text), "{text}");
        }
        assert!(
            !in_text(&sample("CE down", ""), "I am out of office until Monday, the CE is down."),
            "it answers nothing"
        );
    }
}

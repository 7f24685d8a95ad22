//! Words by which helpdesks say what has happened, in the languages of the desk and some more. They are a guess that the
//! proposal says it has made; a dialect has the helpdesk's own sentences.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Kind;

/// What a mail says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meaning {
    pub kind: Kind,
    pub internal: bool,
}

const fn of(kind: Kind) -> Meaning {
    Meaning { kind, internal: false }
}

const INTERNAL: Meaning = Meaning { kind: Kind::Comment, internal: true };

/// In the order in which they are looked for: "not resolved" before "resolved", "reopened" before "opened".
const WORDS: [(Meaning, &str); 12] = [
    (
        INTERNAL,
        r"not (?:be )?(?:sent|e-?mailed) to the (?:requestor|submitter|customer)|private (?:note|comment|message)s?|internal (?:note|comment)s?|work ?notes?|comment\]|nicht an den anfragenden|nicht an den ersteller|interne (?:notiz|anmerkung|note)|private (?:notiz|notizen)|notes? privées?|nota interna|nota privata|note private|notas? privadas?|частн\w+|внутренн\w+ (?:заметк|комментари)\w*",
    ),
    (
        of(Kind::Ignore),
        r"survey|satisfaction|how (?:did we do|would you rate)|(?:your|reset|new) .{0,40}password|password (?:reset|change)|user activation|finish signing up|welcome to|verify your|account (?:activation|verification|registration)|(?:owner|priority|queue|category|field|assignee)s? (?:has |have |was |were )?(?:been )?(?:changed|set)|assigned to|dependency|umfrage|zufriedenheit|kennwort|passwort|enquête|mot de passe|sondaggio|encuesta|contraseña|пароль|опрос",
    ),
    (
        of(Kind::Refused),
        r"reject(?:ed|ion)|refused|declined|cancell?ed|deleted|deletion|not (?:be )?(?:recorded|processed|created|accepted|taken)|(?:creation|processing) failed|could not (?:be )?(?:created?|processed?|found?|find)|limit reached|not authori[sz]ed|unknown sender|abgelehnt|abgewiesen|storniert|zurückgewiesen|rejetée?|refusée?|annulée?|rifiutat[oa]|respint[oa]|annullat[oa]|rechazad[oa]|cancelad[oa]|отклон[её]н\w*|отмен[её]н\w*",
    ),
    (
        of(Kind::Unsolved),
        r"unsolved|unresolved|not (?:solved|resolved|done|reproducible)|won.?t (?:fix|do)|wontfix|can ?not (?:be )?(?:fixed|reproduced?)|cantfix|invalid|worksforme|nicht (?:gelöst|lösbar|reproduzierbar)|ungelöst|non résolue?|non risolt[oa]|no resuelt[oa]|не решен\w*",
    ),
    (
        of(Kind::Reopened),
        r"re-?open(?:ed|ing)?|wieder ?(?:ge)?öffnet|wiedereröffnet|rouverte?|réouverte?|riapert[oa]|reabiert[oa]|переоткрыт\w*|возобновл\w*",
    ),
    (
        of(Kind::Solved),
        r"solved|resolv(?:ed|ing)|resolution|clos(?:ed|ing|ure)|completed|fixed|solution|gelöst|geschlossen|erledigt|behoben|abgeschlossen|lösung|résolue?|fermée?|close?|clôturée?|risolt[oa]|chius[oa]|resuelt[oa]|cerrad[oa]|solucionad[oa]|решен[оаы]?|решён|закрыт[оаы]?|gesloten|opgelost|zamknięt\w*|rozwiązan\w*|uzavřen\w*|vyřešen\w*",
    ),
    (
        of(Kind::Question),
        r"(?:awaiting|waiting (?:for|on)|pending) .{0,30}(?:customer|client|reply|response|info\w*|requester|feedback)|waiting for customer|client action required|feedback|need(?:s|ed)? (?:more )?info\w*|more information (?:is )?(?:needed|required)|needinfo|rückfrage|wartet auf|warten auf|rückmeldung|en attente d\w*|commentaire requis|in attesa di|esperando|se necesitan datos|ожида\w+|обратная связь",
    ),
    (
        of(Kind::Accepted),
        r"in progress|(?:is|was|been) (?:accepted|taken|started)|work (?:has )?started|being worked|status (?:has )?changed to:? open|in bearbeitung|in arbeit|angenommen|en cours|pris en charge|in lavorazione|in elaborazione|preso in carico|en curso|en progreso|в работе|в процессе|принят[оа]? в работу",
    ),
    (
        of(Kind::Acknowledgement),
        r"auto-?reply|automatic(?:ally)? (?:response|reply|generated)|(?:new|your) (?:ticket|issue|bug|case|request|incident|inquiry)(?: (?:has been|was|is))? (?:opened|created|received|logged|registered|submitted)|new (?:ticket|issue|bug|case|request|incident)|thanks? (?:you )?for your (?:inquiry|request|message|mail|e-?mail|follow-?up|report)|(?:opened|created|received|logged|registered|submitted|reported|confirmation|acknowledge\w*)|got your (?:request|message|mail)|has been (?:assigned|noted)|assigned (?:an? )?(?:id|number)|eingang\w*|eingegangen|erhalten|erfasst|registriert|angelegt|eröffnet|erstellt|bestätig\w*|vielen dank für ihre|reçue?|enregistrée?|ouverte?|créée?|merci pour votre|nouveau ticket|nouvelle demande|réponse automatique|ricevut[oa]|registrat[oa]|apert[oa]|creat[oa]|grazie per la|recibid[oa]|registrad[oa]|cread[oa]|abiert[oa]|gracias por su|получен\w*|зарегистрирован\w*|создан\w*|спасибо за|otrzymal\w*|utworzon\w*|ontvangen|aangemaakt",
    ),
    (of(Kind::Ignore), r"updated? of (?:a|the) ticket|ticket updated without|status changed|stay in the loop"),
    (
        of(Kind::Comment),
        r"(?:added|new|left) (?:a |an )?(?:new )?(?:comment|note|reply|answer|follow-?up|message)|comment(?:ed)?|follow-?up|has been updated|updated?|repl(?:y|ied)|answer(?:ed)?|correspondence|antwort|kommentar|kommentiert|aktualisiert|mise? à jour|commentaire|nouveau suivi|suivi|réponse|aggiornat[oa]|commento|risposta|actualizad[oa]|comentario|respuesta|обновлен\w*|комментарий|ответ",
    ),
    (
        of(Kind::HandedOver),
        r"(?:has been |was )?(?:transferred|handed over|forwarded|moved) to|weitergeleitet an|weitergegeben an|transférée? à|trasferit[oa] a|transferid[oa] a|передан\w* в",
    ),
];

/// What a ticket is called: a sentence with a word of the list and one of these is a machine's.
const THINGS: &str = r"ticket|issue|bug|case|request|incident|inquiry|enquiry|problem|report|status|message|mail|question|comment|conversation|anfrage|vorgang|fall|meldung|störung|nachricht|kundenvorgang|demande|dossier|appel|message|incident|richiesta|segnalazione|solicitud|petición|incidencia|consulta|заявк|запрос|обращени|тикет|задач|this as|zgłoszen|melding|aanvraag";

/// How a sentence begins that asks for something or supposes it.
const CONDITIONS: &str = r"^(?:if|when|should|unless|please|to|in case|in order|you can|there is no need|wenn|falls|sollte|bitte|um|si|pour|merci de|se|per|para|por favor|если|чтобы|пожалуйста|unfortunately if|we hope)\b";

static PATTERNS: LazyLock<Vec<(Meaning, Regex)>> = LazyLock::new(|| {
    let compiled = WORDS
        .iter()
        .filter_map(|(meaning, words)| Some((*meaning, compiled(&format!(r"(?i)\b(?:{words})(?:\b|$|\s)"))?)));
    compiled.collect()
});
static THING: LazyLock<Option<Regex>> = LazyLock::new(|| compiled(&format!(r"(?i)\b(?:{THINGS})")));
/// A field that says how things are, in a table or in a line for the desk, and not what has happened.
static STATE: LazyLock<Option<Regex>> =
    LazyLock::new(|| compiled(r"(?i)^\W{0,3}[\p{L} ]{2,30} ?[:|] ?[\p{L} ]{1,30}$"));
static CHANGE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let forms = [
        r"(?i)\b(?:status|statut|stato|estado|статус)\b.{0,40}\b(?:from|von|de|da|с)\b ?(.{1,30}?) (?:to|zu|auf|à|a|на) ['\x22]?(\p{L}[\p{L} _'’-]{0,28}\p{L})",
        r"(?i)\bstatus ?: ?(.{1,30}?) ?[-=]> ?(\p{L}[\p{L} _-]{0,28}\p{L})",
        r"(?i)^ ?status ?\| ?(.{1,30}?) ?\| ?(\p{L}[\p{L} _-]{0,28}\p{L})",
    ];
    forms.into_iter().filter_map(compiled).collect()
});
static CONDITION: LazyLock<Option<Regex>> = LazyLock::new(|| compiled(&format!("(?i){CONDITIONS}")));

fn compiled(source: &str) -> Option<Regex> {
    Regex::new(source).ok()
}

/// The word in a text of few words, such as a subject's beginning.
pub fn in_phrase(text: &str) -> Option<(Meaning, Range<usize>)> {
    PATTERNS.iter().find_map(|(meaning, pattern)| {
        let found = pattern.find(text)?;
        let range = found.start()..found.start() + found.as_str().trim_end().len();
        Some((*meaning, range))
    })
}

/// The word in a sentence about a ticket, which it may call by its id; none where the sentence only supposes it.
pub fn in_sentence(text: &str, by_id: bool) -> Option<(Meaning, Range<usize>)> {
    let is = |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(text));
    if is(&CONDITION) || is(&STATE) || !(by_id || is(&THING)) {
        return None;
    }
    in_phrase(text)
}

/// A change of the status, `from new to closed`: what it means, the old status, and where the new one ends. A ticket that
/// was closed and is no more is open again.
pub fn in_change(text: &str) -> Option<(Meaning, Option<Range<usize>>, usize)> {
    let found = CHANGE.iter().find_map(|pattern| pattern.captures(text))?;
    let groups: Vec<Range<usize>> = found.iter().skip(1).flatten().map(|group| group.range()).collect();
    let [from, to] = &groups[..] else { return None };
    let solved =
        |range: &Range<usize>| in_phrase(&text[range.clone()]).is_some_and(|(meaning, _)| meaning.kind == Kind::Solved);
    let meaning = match in_phrase(&text[to.clone()]) {
        Some((meaning, _)) => meaning,
        None if solved(from) => of(Kind::Reopened),
        None => return None,
    };
    let gap = if meaning.kind == Kind::Reopened { None } else { Some(from.clone()) };
    Some((meaning, gap, to.end))
}

/// Whether a sentence says something by itself, and does not only ask or suppose.
pub fn is_a_fact(text: &str) -> bool {
    !CONDITION.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// Whether a word is one that helpdesks call a ticket by.
pub fn names_a_ticket(word: &str) -> bool {
    const MORE: [&str; 14] =
        ["call", "id", "nr", "no", "ref", "sr", "call id", "task", "so", "tt", "ticket id", "case id", "job", "bug id"];
    let word = word.trim().to_lowercase();
    let thing = |thing: &str| !thing.is_empty() && word == thing;
    THINGS.split('|').any(thing) || MORE.iter().any(|more| thing(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_of_words_compiles() {
        assert_eq!(PATTERNS.len(), WORDS.len());
        assert!(THING.is_some() && CONDITION.is_some() && STATE.is_some() && CHANGE.len() == 3);
    }

    #[test]
    fn what_has_happened_is_told_apart() {
        let kind = |text: &str| in_phrase(text).map(|(meaning, _)| meaning.kind.word());
        for (text, expected) in [
            ("Eingang:", "acknowledgement"),
            ("Geschlossen:", "solved"),
            ("Ticket Reopened -", "reopened"),
            ("Status Changed to: open", "accepted"),
            ("has been cancelled", "refused"),
            ("Réponse automatique :", "acknowledgement"),
            ("закрыто", "solved"),
            ("is pending - Client action required", "question"),
            ("Please complete our survey", "ignore"),
        ] {
            assert_eq!(kind(text), Some(expected), "{text}");
        }
        assert_eq!(kind("Jobs stay in the queue"), None);
    }

    #[test]
    fn a_change_of_the_status_is_read_from_its_new_value() {
        let kind = |text: &str| in_change(text).map(|(meaning, _, end)| (meaning.kind.word(), text[..end].to_owned()));
        for (text, expected) in [
            ("Status changed from 'Open' to 'Closed'", "solved"),
            ("Status changed from Closed to Open", "reopened"),
            ("Statut changé de En cours à Fermé", "solved"),
            ("status: new => in progress", "accepted"),
            ("Status|NEW  |RESOLVED", "solved"),
        ] {
            let (word, said) = kind(text).unwrap();
            assert_eq!(word, expected, "{text}");
            assert_eq!(said.trim_end_matches('\''), text.trim_end_matches('\''));
        }
        assert_eq!(kind("STATUS: solved"), None);
    }

    #[test]
    fn a_sentence_must_be_about_a_ticket_and_say_that_it_is_so() {
        assert!(in_sentence("Your case 00001234 has been closed.", false).is_some());
        for text in ["The user says that the shop was closed.", "If you believe that the ticket is not resolved, reply"]
        {
            assert!(in_sentence(text, false).is_none(), "{text}");
        }
    }
}

//! What a digest says in each language of the desk. The words around the list are the template's.

use jiff::civil::Date;

use super::list::Expected;
use crate::desk::policy::UnitName;
use crate::desk::ticket::Status;
use crate::mail::language::Language::{self, De, En, Es, Fr, It, Ru};

/// Until when something is expected, in the unit's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    Ahead(String),
    Over(String),
}

/// The subject of a unit's digest. No number stands in it that a helpdesk or the desk would take for a ticket's.
pub fn subject(language: Language, unit: &UnitName, day: Date) -> String {
    match language {
        De => format!("Offene Tickets bei {unit} am {day}"),
        En => format!("Open tickets at {unit} on {day}"),
        Es => format!("Tickets abiertos en {unit} el {day}"),
        Fr => format!("Tickets ouverts chez {unit} le {day}"),
        It => format!("Ticket aperti presso {unit} il {day}"),
        Ru => format!("Открытые заявки у {unit} на {day}"),
    }
}

/// How old a ticket is.
pub fn age(language: Language, days: i64) -> String {
    let one = days == 1;
    let unit = match language {
        De => ["Tage", "Tag"][usize::from(one)],
        En => ["days", "day"][usize::from(one)],
        Es => ["días", "día"][usize::from(one)],
        Fr => ["jours", "jour"][usize::from(days < 2)],
        It => ["giorni", "giorno"][usize::from(one)],
        Ru => match (days % 10, days % 100) {
            (_, 11..=14) => "дней",
            (1, _) => "день",
            (2..=4, _) => "дня",
            _ => "дней",
        },
    };
    format!("{days} {unit}")
}

/// The state of an open ticket.
pub fn status(language: Language, status: Status) -> &'static str {
    let [de, en, es, fr, it, ru] = match status {
        Status::New => ["neu", "new", "nuevo", "nouveau", "nuovo", "новая"],
        Status::Assigned => ["zugewiesen", "assigned", "asignado", "attribué", "assegnato", "назначена"],
        Status::InProgress => ["in Arbeit", "in progress", "en curso", "en cours", "in lavorazione", "в работе"],
        Status::WaitingForReply => [
            "wartet auf Antwort",
            "waiting for reply",
            "a la espera de respuesta",
            "en attente de réponse",
            "in attesa di risposta",
            "ждёт ответа",
        ],
        Status::OnHold => ["zurückgestellt", "on hold", "en pausa", "en pause", "sospeso", "отложена"],
        Status::Reopened => ["wieder offen", "reopened", "reabierto", "rouvert", "riaperto", "снова открыта"],
        Status::Solved | Status::Unsolved | Status::Verified | Status::Closed => [status.words(); 6],
    };
    pick(language, [de, en, es, fr, it, ru])
}

/// The number that the unit's helpdesk gave the ticket.
pub fn yours(language: Language, id: &str) -> String {
    match language {
        De => format!("bei Ihnen {id}"),
        En => format!("your {id}"),
        Es => format!("para ustedes {id}"),
        Fr => format!("chez vous {id}"),
        It => format!("da voi {id}"),
        Ru => format!("у вас {id}"),
    }
}

/// So many tickets more than are listed.
pub fn more(language: Language, count: u64) -> String {
    match language {
        De => format!("… und {count} weitere"),
        En => format!("… and {count} more"),
        Es => format!("… y {count} más"),
        Fr => format!("… et {count} de plus"),
        It => format!("… e altri {count}"),
        Ru => format!("… и ещё {count}"),
    }
}

/// What is expected of whom, and until when.
pub fn expected(language: Language, expected: Expected, until: Option<Until>) -> String {
    let (whom, what) = match expected {
        Expected::Answer => (OF_USER, ANSWER),
        Expected::Acknowledgement => (OF_YOU, ACKNOWLEDGEMENT),
        Expected::AnotherLook => (OF_YOU, ANOTHER_LOOK),
        Expected::FirstAnswer => (OF_YOU, FIRST_ANSWER),
        Expected::Reason => (OF_YOU, REASON),
        Expected::Solution => (OF_YOU, SOLUTION),
        Expected::SolutionText => (OF_YOU, SOLUTION_TEXT),
        Expected::TakingUp => (OF_YOU, TAKING_UP),
        Expected::Waking(day) => return waking(language, day),
    };
    let until = match until {
        None => String::new(),
        Some(Until::Ahead(at)) => format!("\n    {} {at}", pick(language, AHEAD)),
        Some(Until::Over(at)) => format!("\n    {} {at}", pick(language, OVER)),
    };
    let colon = if language == Fr { " :" } else { ":" };
    format!("{}{colon} {}{until}", pick(language, whom), pick(language, what))
}

fn waking(language: Language, day: Date) -> String {
    match language {
        De => format!("bis {day} von niemandem etwas"),
        En => format!("nothing of anybody until {day}"),
        Es => format!("nada de nadie hasta el {day}"),
        Fr => format!("rien de personne avant le {day}"),
        It => format!("nulla da nessuno fino al {day}"),
        Ru => format!("до {day} ни от кого ничего"),
    }
}

/// In the order of [`Language::ALL`].
type Phrase = [&'static str; 6];

fn pick(language: Language, phrase: Phrase) -> &'static str {
    match language {
        De => phrase[0],
        En => phrase[1],
        Es => phrase[2],
        Fr => phrase[3],
        It => phrase[4],
        Ru => phrase[5],
    }
}

const OF_YOU: Phrase = [
    "erwartet von Ihnen",
    "expected of you",
    "se espera de ustedes",
    "attendu de vous",
    "atteso da voi",
    "ждём от вас",
];
const OF_USER: Phrase = [
    "erwartet vom Benutzer",
    "expected of the user",
    "se espera del usuario",
    "attendu de l'utilisateur",
    "atteso dall'utente",
    "ждём от пользователя",
];
const AHEAD: Phrase = ["bis", "by", "antes del", "avant le", "entro il", "до"];
const OVER: Phrase =
    ["überfällig seit", "overdue since", "vencido desde el", "en retard depuis le", "scaduto dal", "просрочено с"];
const ACKNOWLEDGEMENT: Phrase = [
    "Ihre eigene Ticketnummer, oder ein erstes Wort",
    "your own number for it, or a first word",
    "su propio número, o una primera palabra",
    "votre propre numéro, ou un premier mot",
    "il vostro numero, o una prima parola",
    "ваш номер заявки или первое слово",
];
const ANOTHER_LOOK: Phrase = [
    "noch ein Blick darauf, es ist nicht gelöst",
    "another look, it is not solved",
    "otro vistazo, no está resuelto",
    "un nouveau regard, ce n'est pas résolu",
    "un altro sguardo, non è risolto",
    "посмотреть ещё раз, проблема не решена",
];
const ANSWER: Phrase = [
    "eine Antwort auf Ihre Frage",
    "an answer to your question",
    "una respuesta a su pregunta",
    "une réponse à votre question",
    "una risposta alla vostra domanda",
    "ответ на ваш вопрос",
];
const FIRST_ANSWER: Phrase = [
    "eine erste Antwort",
    "a first answer",
    "una primera respuesta",
    "une première réponse",
    "una prima risposta",
    "первый ответ",
];
const REASON: Phrase = [
    "der Grund, warum es nicht zu lösen ist",
    "the reason why it can't be solved",
    "el motivo por el que no se puede resolver",
    "la raison pour laquelle c'est insoluble",
    "il motivo per cui non si può risolvere",
    "причина, по которой решить нельзя",
];
const SOLUTION: Phrase = ["die Lösung", "the solution", "la solución", "la solution", "la soluzione", "решение"];
const SOLUTION_TEXT: Phrase = [
    "ein Text zur Lösung für den Benutzer",
    "a text for the user about the solution",
    "un texto sobre la solución para el usuario",
    "un texte sur la solution pour l'utilisateur",
    "un testo sulla soluzione per l'utente",
    "текст о решении для пользователя",
];
const TAKING_UP: Phrase = [
    "es wieder aufzunehmen",
    "to take it up again",
    "que lo retomen",
    "de le reprendre",
    "che lo riprendiate",
    "вернуться к ней",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_people_do() {
        let russian: Vec<String> = [0, 1, 2, 5, 11, 12, 21, 24, 111].map(|days| age(Ru, days)).into();
        let wanted = ["0 дней", "1 день", "2 дня", "5 дней", "11 дней", "12 дней", "21 день", "24 дня", "111 дней"];
        assert_eq!(russian, wanted);
        assert_eq!([0, 1, 2].map(|days| age(Fr, days)), ["0 jour", "1 jour", "2 jours"]);
        assert_eq!([0, 1, 2].map(|days| age(En, days)), ["0 days", "1 day", "2 days"]);
    }

    #[test]
    fn no_line_is_too_long() {
        let all = [
            Expected::Acknowledgement,
            Expected::AnotherLook,
            Expected::Answer,
            Expected::FirstAnswer,
            Expected::Reason,
            Expected::Solution,
            Expected::SolutionText,
            Expected::TakingUp,
            Expected::Waking("2026-12-01".parse().unwrap()),
        ];
        for language in Language::ALL {
            for expects in all {
                let text = expected(language, expects, Some(Until::Over("2026-11-24 10:00 CEST".to_owned())));
                assert!(text.lines().all(|line| line.chars().count() <= 71), "{text}");
            }
        }
    }
}

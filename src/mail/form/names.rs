//! Names of fields and words of value lists, as people and machines write them in the desk's six languages (protocol
//! section 4). Tables only: what a field may do, and who may set it, is the desk's business.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Field;

/// No name or list value is longer, in characters; what lies beyond is not compared.
const LONGEST: usize = 256;

/// Lower case (after NFKC), with every run of hyphens, underscores and white space as one blank, none at the ends.
/// Two names, sites or list values are the same when this is. Only the first 256 characters count.
pub fn normalise(text: &str) -> String {
    join_words(text.trim().chars().take(LONGEST).nfkc())
}

/// [`normalise`] without accents (`priorite`, `решен` for `решён`), for words that people write by hand.
pub(crate) fn fold(text: &str) -> String {
    let plain = text.trim().chars().take(LONGEST).nfkd().filter(|c| !is_combining_mark(*c));
    join_words(plain).replace('ß', "ss")
}

fn join_words(text: impl Iterator<Item = char>) -> String {
    let lower: String = text.flat_map(char::to_lowercase).collect();
    let is_gap = |c: char| c.is_whitespace() || matches!(c, '-' | '_' | '\u{2010}'..='\u{2015}');
    lower.split(is_gap).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a value means "absent": `none`, `n/a`, nothing but hyphens, empty.
pub fn is_absent(value: &str) -> bool {
    matches!(normalise(value).as_str(), "" | "none" | "n/a")
}

/// The field that a written name means: without case, hyphen, underscore and blank alike, with or without `GHD_`,
/// in the six languages.
pub fn field_named(name: &str) -> Option<Field> {
    static FIELDS: LazyLock<BTreeMap<String, Field>> = LazyLock::new(|| table(FIELD_NAMES));
    let plain = fold(name);
    FIELDS.get(plain.strip_prefix("ghd ").unwrap_or(&plain)).copied()
}

/// The priority that a word of the six languages means, in the words of protocol section 4: `less urgent`, `urgent`,
/// `very urgent`, `top priority`.
pub fn priority_named(text: &str) -> Option<&'static str> {
    static WORDS: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| table(PRIORITIES));
    WORDS.get(&fold(text)).copied()
}

/// The type of ticket that a word of the six languages means: `USER`, `TEAM`, `ALARM`, `OPS`.
pub fn type_named(text: &str) -> Option<&'static str> {
    static WORDS: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| table(TYPES));
    WORDS.get(&fold(text)).copied()
}

/// The status that a word of the six languages means, in the words of protocol section 4: `in progress`, `solved`, ….
pub fn status_named(text: &str) -> Option<&'static str> {
    static WORDS: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| table(STATES));
    WORDS.get(&fold(text)).copied()
}

/// Spellings separated by `|`, folded once, each leading to its meaning.
pub(crate) fn table<M: Copy>(rows: &[(M, &str)]) -> BTreeMap<String, M> {
    rows.iter().flat_map(|(meaning, words)| words.split('|').map(move |word| (fold(word), *meaning))).collect()
}

const FIELD_NAMES: &[(Field, &str)] = &[
    (Field::CarbonCopy, "carbon copy|carboncopy|cc|kopie|copia|copie|копия"),
    (Field::Description, "description|beschreibung|descripción|descrizione|описание"),
    (Field::DetailedSolution, "detailed solution|solution|lösung|loesung|solución|soluzione|решение"),
    (Field::DetailedSolution, "ausführliche lösung|solución detallada|solution détaillée|soluzione dettagliata"),
    (Field::DiaryOfSteps, "diary of steps|diary"),
    (Field::Experiment, "experiment|experimento|expérience|esperimento|эксперимент"),
    (Field::InternalDiary, "internal diary|internes tagebuch|diario interno|journal interne|внутренний журнал"),
    (Field::Involve, "involve|beteiligen|involucrar|impliquer|coinvolgere|привлечь"),
    (Field::LoginName, "loginname|login name|login|benutzername|nombre de usuario|identifiant|nome utente|логин"),
    (Field::OriginId, "origin id"),
    (Field::OriginSystem, "origin sg|origin system"),
    (Field::ParentId, "parent id|parent ticket"),
    (Field::Phone, "phone|telephone|telefon|teléfono|téléphone|telefono|телефон"),
    (Field::Priority, "priority|priorität|prioritaet|prioridad|priorité|priorità|приоритет"),
    (Field::PublicDiary, "public diary|öffentliches tagebuch|diario público|journal public|diario pubblico"),
    (Field::PublicDiary, "публичный журнал"),
    (Field::RelatedIssue, "related issue|related ticket"),
    (Field::RequestId, "request id|ticket|ticket id|ggus ticket id|ggus ticket"),
    (Field::ResponsibleUnit, "responsible unit|assign to|zuständige einheit|zuständige stelle|zuweisen an"),
    (Field::ResponsibleUnit, "unidad responsable|asignar a|unité responsable|assigner à|attribuer à"),
    (Field::ResponsibleUnit, "unità responsabile|assegnare a|ответственная группа|ответственное подразделение"),
    (Field::ResponsibleUnit, "назначить"),
    (
        Field::ShortSolution,
        "short solution|kurze lösung|solución breve|solution courte|soluzione breve|краткое решение",
    ),
    (Field::Site, "affected site|notified site|concerned site|site|standort|betroffener standort|betroffene site"),
    (Field::Site, "sitio|sitio afectado|sitio notificado|site concerné|site affecté|site notifié"),
    (Field::Site, "sito|sito interessato|sito notificato|сайт|затронутый сайт|площадка"),
    (Field::Status, "status|zustand|estado|statut|état|stato|статус|состояние"),
    (Field::Subject, "short description|subject|kurzbeschreibung|betreff|titel|asunto|descripción breve"),
    (Field::Subject, "objet|description courte|oggetto|descrizione breve|тема|краткое описание"),
    (Field::SubmitterMail, "e-mail|email|submitter mail|submitter e-mail|correo electrónico|courriel"),
    (Field::SubmitterMail, "posta elettronica|электронная почта"),
    (Field::SubmitterName, "name|submitter|submitter name|nombre|nom|nome|имя"),
    (Field::TicketType, "ticket type|type|typ|tickettyp|ticket-typ|tipo|tipo de ticket|type de ticket"),
    (Field::TicketType, "tipo di ticket|тип|тип заявки"),
    (Field::TimeOfProblem, "date time of problem|date of problem|time of problem|zeitpunkt des problems"),
    (Field::TimeOfProblem, "fecha del problema|date du problème|data del problema|время проблемы"),
    (Field::TypeOfProblem, "type of problem|problem type|art des problems|problemtyp|tipo de problema"),
    (Field::TypeOfProblem, "type de problème|tipo di problema|тип проблемы"),
    (Field::Vo, "affected vo|concerned vo|vo|virtual organisation|virtual organization|betroffene vo"),
    (Field::Vo, "vo afectada|vo concernée|vo affectée|vo interessata|во|виртуальная организация"),
];

const PRIORITIES: &[(&str, &str)] = &[
    ("less urgent", "less urgent|weniger dringend|menos urgente|moins urgent|meno urgente|менее срочно|не срочно"),
    ("less urgent", "weniger dringlich|moins urgente|менее срочный|несрочно|несрочный"),
    ("urgent", "urgent|dringend|dringlich|urgente|срочно|срочный"),
    ("very urgent", "very urgent|sehr dringend|sehr dringlich|muy urgente|très urgent|très urgente|molto urgente"),
    ("very urgent", "очень срочно|очень срочный"),
    ("top priority", "top priority|höchste priorität|hoechste prioritaet|oberste priorität|máxima prioridad"),
    ("top priority", "prioridad máxima|priorité maximale|priorité absolue|massima priorità|priorità massima"),
    ("top priority", "наивысший приоритет|высший приоритет|высочайший приоритет"),
];

const TYPES: &[(&str, &str)] = &[
    ("ALARM", "alarm|alarma|alarme|allarme|тревога|аварийная"),
    ("OPS", "ops|operations|operational|betrieb|operaciones|opérations|operazioni|эксплуатация"),
    ("TEAM", "team|equipo|équipe|squadra|группа|команда"),
    ("USER", "user|benutzer|anwender|nutzer|usuario|utilisateur|utente|пользователь"),
];

const STATES: &[(&str, &str)] = &[
    ("new", "new|neu|nuevo|nueva|nouveau|nouvelle|nuovo|nuova|новый|новая"),
    ("assigned", "assigned|zugewiesen|asignado|assigné|attribué|assegnato|назначен|назначена|назначено"),
    ("in progress", "in progress|in bearbeitung|in arbeit|en curso|en progreso|en proceso|en cours"),
    ("in progress", "en cours de traitement|in corso|in lavorazione|в работе|в процессе"),
    ("waiting for reply", "waiting for reply|waiting for answer|wartet auf antwort|warten auf antwort"),
    ("waiting for reply", "esperando respuesta|en espera de respuesta|en attente de réponse|attente de réponse"),
    ("waiting for reply", "in attesa di risposta|ожидание ответа|ожидает ответа|ждёт ответа"),
    ("on hold", "on hold|angehalten|zurückgestellt|zurueckgestellt|pausiert|en espera|aplazado|en attente|suspendu"),
    ("on hold", "in attesa|sospeso|in sospeso|отложен|отложена|отложено|приостановлен|приостановлена|приостановлено"),
    ("reopened", "reopened|wieder geöffnet|wiedereröffnet|reabierto|reabierta|rouvert|réouvert|riaperto"),
    ("reopened", "открыт заново|открыта заново|открыто заново|вновь открыт|вновь открыта"),
    ("solved", "solved|resolved|gelöst|geloest|resuelto|resuelta|solucionado|solucionada|résolu|résolue"),
    ("solved", "risolto|risolta|решён|решена|решено"),
    ("unsolved", "unsolved|not solved|unresolved|ungelöst|ungeloest|nicht gelöst|no resuelto|sin resolver"),
    ("unsolved", "non résolu|non résolue|non risolto|irrisolto|не решён|не решена|не решено|нерешён"),
    ("verified", "verified|verifiziert|bestätigt|bestaetigt|verificado|verificada|vérifié|vérifiée|confirmé"),
    ("verified", "confirmado|verificato|verificata|confermato|проверен|проверена|проверено|подтверждено"),
    ("closed", "closed|geschlossen|cerrado|cerrada|fermé|clos|chiuso|chiusa|закрыт|закрыта|закрыто"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_hyphen_underscore_and_blank_are_alike() {
        for text in ["INFN-T1", "infn_t1", " Infn  T1 ", "infn\u{a0}t1", "infn\u{2011}t1", "ｉｎｆｎ-t1"] {
            assert_eq!(normalise(text), "infn t1", "{text:?}");
        }
        assert_eq!(normalise("IISAS-Bratislava"), "iisas bratislava");
        assert_ne!(normalise("Málaga"), normalise("Malaga"), "accents tell places apart");
    }

    #[test]
    fn a_field_has_many_spellings() {
        let cases = [
            ("GHD_Request-ID", Field::RequestId),
            ("GHD_Request_ID", Field::RequestId),
            ("TICKET", Field::RequestId),
            ("GGUS-Ticket-ID", Field::RequestId),
            ("ghd affected vo", Field::Vo),
            ("CONCERNED VO", Field::Vo),
            ("GHD_Experiment", Field::Experiment),
            ("NOTIFIED SITE", Field::Site),
            ("Notified-Site", Field::Site),
            ("ASSIGN TO", Field::ResponsibleUnit),
            ("GHD_E-Mail", Field::SubmitterMail),
            ("Email", Field::SubmitterMail),
            ("GHD_CarbonCopy", Field::CarbonCopy),
            ("GHD_Type_Of_Problem", Field::TypeOfProblem),
            ("SOLUTION", Field::DetailedSolution),
            ("GHD_Short_Solution", Field::ShortSolution),
            ("GHD_Date_Time_Of_Problem", Field::TimeOfProblem),
            ("GHD_Origin_SG", Field::OriginSystem),
        ];
        for (name, field) in cases {
            assert_eq!(field_named(name), Some(field), "{name}");
        }
    }

    #[test]
    fn names_are_read_in_six_languages_with_and_without_accents() {
        let priority = ["Priorität", "PRIORITAET", "prioritat", "Prioridad", "Priorité", "PRIORITE", "Приоритет"];
        for name in priority.into_iter().chain(["Priorità", "GHD_Priority", "Priorita\u{308}t"]) {
            assert_eq!(field_named(name), Some(Field::Priority), "{name}");
        }
        for name in ["Standort", "Sitio", "Site concerné", "Sito", "Сайт"] {
            assert_eq!(field_named(name), Some(Field::Site), "{name}");
        }
    }

    #[test]
    fn a_word_that_no_field_has_is_none() {
        for name in ["", "Error", "GHD", "GHD_", "Dear", "Sitecore", "Ticket number 5", "http"] {
            assert_eq!(field_named(name), None, "{name}");
        }
    }

    #[test]
    fn absent_values_are_few() {
        for value in ["", "  ", "none", "None", "NONE", "n/a", "N/A", "-", "--", "—"] {
            assert!(is_absent(value), "{value:?}");
        }
        for value in ["no", "0", "nones", "unknown", "atlas"] {
            assert!(!is_absent(value), "{value:?}");
        }
    }

    #[test]
    fn priorities_types_and_states_have_words_in_six_languages() {
        for text in ["top-priority", "TOP PRIORITY", "Höchste Priorität", "prioridad_maxima", "Наивысший приоритет"]
        {
            assert_eq!(priority_named(text), Some("top priority"), "{text}");
        }
        for text in ["Less_Urgent", "weniger dringend", "meno urgente", "moins urgent", "менее срочно"] {
            assert_eq!(priority_named(text), Some("less urgent"), "{text}");
        }
        for text in ["ALARM", "Alarme", "allarme", "тревога"] {
            assert_eq!(type_named(text), Some("ALARM"), "{text}");
        }
        for text in ["in-progress", "In Bearbeitung", "en cours", "in lavorazione", "en curso", "в работе"] {
            assert_eq!(status_named(text), Some("in progress"), "{text}");
        }
        for text in ["solved", "Gelöst", "решён", "решен", "Résolu", "resuelto", "risolto"] {
            assert_eq!(status_named(text), Some("solved"), "{text}");
        }
        assert_eq!(priority_named("asap"), None);
        assert_eq!(type_named("incident"), None);
        assert_eq!(status_named("frobnicate"), None);
    }

    #[test]
    fn no_word_has_two_meanings() {
        let all = FIELD_NAMES.iter().flat_map(|(field, words)| words.split('|').map(move |w| (fold(w), *field)));
        for (word, field) in all {
            assert_eq!(field_named(&word), Some(field), "{word}");
        }
        for rows in [PRIORITIES, TYPES, STATES] {
            let words = table(rows);
            for (meaning, spellings) in rows {
                assert!(spellings.split('|').all(|w| words[&fold(w)] == *meaning), "{meaning}: {spellings}");
            }
        }
    }

    #[test]
    fn a_long_name_costs_little() {
        assert_eq!(field_named(&"site ".repeat(100_000)), None);
        assert!(normalise(&"x".repeat(1_000_000)).len() <= LONGEST);
    }
}

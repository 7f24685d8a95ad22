//! The words of control lines, in the desk's languages. It knows what a word asks for, and not where it may stand.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::mail::form::{fold, table};

/// What a keyword asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    AssignTo,
    Hurry,
    Internal,
    LocalId,
    Master,
    MergeInto,
    Parent,
    Refuse,
    RelatedTo,
    Solution,
    Status,
    Wake,
}

const KEYWORDS: &[(Keyword, &str)] = &[
    (Keyword::AssignTo, "assign to|zuweisen an|zuweisen|weiterleiten an|übergeben an|asignar a|assigner à|attribuer à"),
    (Keyword::AssignTo, "assegnare a|assegna a|назначить|передать"),
    (
        Keyword::Hurry,
        "hurry|please hurry|hurry up|escalate|please escalate|eilt|eilt sehr|eskalieren|urge|escalar|escalader",
    ),
    (Keyword::Hurry, "sollecito|sollecitare|срочно|поторопитесь"),
    (Keyword::Internal, "internal|intern|interno|interna|interne|внутреннее|внутренний|внутренне"),
    (
        Keyword::LocalId,
        "local id|lokale id|lokale nummer|id local|número local|identifiant local|numéro local|id locale",
    ),
    (Keyword::LocalId, "numero locale|локальный id|локальный номер|местный номер"),
    // Orders of the desk's own people.
    (Keyword::Master, "master|slave of"),
    (Keyword::MergeInto, "merge into|duplicate of"),
    (Keyword::Parent, "parent|part of"),
    (Keyword::RelatedTo, "related to"),
    (Keyword::Refuse, "refuse|refused|reject|rejected|ablehnen|abgelehnt|ablehnung|rechazar|rechazado|rechazo|refuser"),
    (Keyword::Refuse, "refusé|refus|rifiutare|rifiuta|rifiutato|rifiuto|отказ|отказать|отклонить|отклонено"),
    (Keyword::Solution, "solution|lösung|loesung|solución|soluzione|решение"),
    (Keyword::Status, "status|zustand|estado|statut|état|stato|статус|состояние"),
    (
        Keyword::Wake,
        "wake|wake up|wiedervorlage|wecken|despertar|reanudar|reprise|réveil|riprendere|ripresa|возобновить",
    ),
    (Keyword::Wake, "напомнить"),
];

/// The keyword that a name means, and whether it has the prefix `GGUS-`.
pub fn keyword(name: &str) -> Option<(Keyword, bool)> {
    static WORDS: LazyLock<BTreeMap<String, Keyword>> = LazyLock::new(|| table(KEYWORDS));
    let plain = fold(name);
    match plain.strip_prefix("ggus ") {
        Some(rest) => WORDS.get(rest).map(|keyword| (*keyword, true)),
        None => WORDS.get(&plain).map(|keyword| (*keyword, false)),
    }
}

//! Answers that are only thanks. A word that is not in the list makes it more than thanks: a ticket reopened without
//! need costs less than a user's problem that nobody sees again.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::mail::form::fold;
use crate::mail::lines;

/// More words than this are more than thanks.
const MOST_WORDS: usize = 40;
/// Longest text in bytes that is looked at.
const LONGEST: usize = 1_000;
/// Names in the last lines, in words.
const MOST_NAMES: usize = 4;

/// Whether a text is only thanks: short, in one of the six languages, without a "but", a question or a number.
/// Quoted lines are passed over.
pub fn only_thanks(newest: &str) -> bool {
    let said = || newest.lines().filter(|line| !lines::is_quote(line) && !line.trim().is_empty());
    let asks_or_counts = |line: &str| line.contains(['?', '¿', '？']) || line.chars().any(char::is_numeric);
    if newest.len() > LONGEST || said().any(asks_or_counts) {
        return false;
    }
    let mut thanked = false;
    let mut names = 0;
    let mut count = 0;
    for line in said() {
        let greeting = count == 0;
        let mut previous = String::new();
        for word in words(line) {
            let plain = fold(word);
            count += 1;
            thanked |= THANKS.contains(&plain.as_str());
            let known = is_polite(&plain) || is_again(&previous, &plain);
            let may_be_name =
                word.starts_with(char::is_uppercase) && (thanked || greeting) && !TROUBLE.contains(&plain.as_str());
            if !known && !may_be_name {
                return false;
            }
            names += usize::from(!known);
            previous = plain;
        }
    }
    thanked && names <= MOST_NAMES && count <= MOST_WORDS
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphabetic() && !is_mark(c)).filter(|word| !word.is_empty())
}

/// Combining accents, as in a decomposed `ü`.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// "Thanks again" is thanks; "again" anywhere else is trouble.
fn is_again(previous: &str, word: &str) -> bool {
    let again = ["again", "nochmal", "nochmals", "ещё", "еще", "encore", "ancora", "nuevamente"];
    again.iter().any(|known| fold(known) == word) && (is_polite(previous) && previous != "problem")
}

fn is_polite(word: &str) -> bool {
    static WORDS: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| POLITE.iter().flat_map(|words| words.split(' ')).map(fold).collect());
    WORDS.contains(word) || THANKS.contains(&word)
}

/// Words, folded, that are no names however they are written.
const TROUBLE: &[&str] = &[
    "but",
    "not",
    "no",
    "still",
    "however",
    "unfortunately",
    "please",
    "error",
    "broken",
    "aber",
    "nicht",
    "kein",
    "keine",
    "nein",
    "leider",
    "jedoch",
    "trotzdem",
    "bitte",
    "fehler",
    "mais",
    "non",
    "pas",
    "malheureusement",
    "erreur",
    "pero",
    "lamentablemente",
    "ma",
    "pero",
    "purtroppo",
    "errore",
    "но",
    "не",
    "нет",
    "однако",
    "ошибка",
    "пожалуиста",
];

/// Words of thanks, folded.
const THANKS: &[&str] = &[
    "thanks",
    "thank",
    "thx",
    "thanx",
    "thankyou",
    "ty",
    "cheers",
    "danke",
    "dank",
    "dankeschon",
    "merci",
    "gracias",
    "grazie",
    "спасибо",
    "благодарю",
    "благодарим",
    "agradezco",
    "ringrazio",
    "remercie",
    "bedanke",
];

/// Words that may stand around thanks, by language. No negation, no "but", no request, no trouble.
const POLITE: &[&str] = &[
    "a all am and are best colleague colleagues cool dear done everybody everyone everything excellent fine fixed for from \
     fast good great greetings hello help hi i indeed is it job kind lot many me mr mrs much my nice now of ok okay \
     perfect prompt quick quickly regards resolved response reply really s so solved solution support team that the this ticket \
     to us very was we well with wonderful work working works you your yours sincerely effort care taking looking into",
    "alle alles an aus bearbeitung beste besten bin das dem den der die dr es euch eure euer fein für frau freundliche \
     freundlichen funktioniert ganz gelöst gern geht gruss gruß grüße grüßen gut hallo herr herzlich herzlichen hilfe ihnen \
     ihre im ist jetzt klappt kollegen läuft lg liebe lieben lieber lösung mfg mich mit nun prima schnelle schnellen schöne sehr \
     sich super tausend team toll und unterstützung viele vielen von wieder wunderbar",
    "a amigo amigos ahora atentamente ayuda bien buenas buenos cordial de del el equipo es estimada estimado estimados está excelente \
     funciona genial hola la las lo los mil muchas muchísimas muy para perfecto por problema rápida rápido resuelto respuesta saludo \
     saludos solución solucionado su todo todos tu un una vuestra vuestro y ya",
    "à aide beaucoup bien bonjour bonne chère chers cher cordialement de des du est et fonctionne infiniment intervention j journée \
     je l la le les marche merveilleux mille maintenant parfait pour problème rapide rapidement réglé réponse résolu salut salutations soirée \
     solution sincères tout toute toutes tous très un une vos votre vous équipe c ça",
    "a adesso aiuto bene buona buongiorno buonasera cari caro cara ciao cordiali di distinti e è gentile giornata gentilissimi il infinite l \
     la le mille molto molte ora ottimo per perfetto perfettamente problema rapida risolto risposta saluti salve soluzione \
     supporto tante tanti tutto tutti un una va vi vostra vostro funziona",
    "большое огромное вам всё все всем вас за здравствуйте и коллеги заработало искренне быструю быстро быстрый добрый день вечер \
     уважаемые уважаемый уважаемая помощь поддержку работу отлично ответ прекрасно проблема решена решено решение работает теперь \
     уважением с хорошо команда команде очень супер привет",
    "problem issue ok super bravo team ggus support tpm",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thanks_in_six_languages() {
        let texts = [
            "Thanks!",
            "Thank you very much for your quick help.\n\nBest regards,\nAnna Rossi",
            "Dear Paolo,\n\nthanks a lot, it works now :-)\n\nAnna",
            "thx",
            "Thanks again!",
            "Thank you, the problem is solved.",
            "Danke, es funktioniert jetzt.\nViele Grüße\nJörg",
            "Herzlichen Dank für die schnelle Hilfe!",
            "Merci beaucoup, ça marche.\nCordialement,\nHélène",
            "Muchas gracias, ya funciona todo.\nSaludos\nÁngel",
            "Grazie mille per l'aiuto, ora funziona.\nCordiali saluti\nAnna",
            "Большое спасибо, всё работает!\nС уважением,\nАнна",
            "Thanks!\n> Is it solved now?\n> 42",
        ];
        for text in texts {
            assert!(only_thanks(text), "{text}");
        }
    }

    #[test]
    fn more_than_thanks() {
        let texts = [
            "Thanks, but it still fails.",
            "Thanks, it does not work.",
            "Thanks. Could you close it?",
            "Thanks, 3 jobs are left.",
            "Thanks, please restart the CE too.",
            "Thanks, the problem is there again.",
            "Danke, aber es geht nicht.",
            "Danke. Leider geht es wieder nicht.",
            "Merci, mais ça ne marche pas.",
            "Gracias, pero no funciona.",
            "Grazie, ma non funziona.",
            "Спасибо, но не работает.",
            "It works now.",
            "No thanks",
            "Danke. Leider.",
            "Thanks. Error.",
            "",
            "> Thanks",
        ];
        for text in texts {
            assert!(!only_thanks(text), "{text}");
        }
    }

    #[test]
    fn long_texts_are_more_than_thanks() {
        assert!(!only_thanks(&"thanks ".repeat(41)));
        assert!(!only_thanks(&"thanks ".repeat(1_000_000)));
        assert!(!only_thanks("Thanks Anna Berta Carla Dora Emma"), "too many names");
    }
}

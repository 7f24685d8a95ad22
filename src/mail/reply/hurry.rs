//! Answers that ask for nothing but speed ("Please hurry!"). Each sentence must be one of a short list, or a greeting: a
//! text that says anything else is a comment, whatever it says of hurry.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::mail::form::fold;
use crate::mail::lines;

/// Longest text in bytes that is looked at.
const LONGEST: usize = 400;
/// Words of a name below the text.
const MOST_NAMES: usize = 3;

/// Whether a text asks for speed and says nothing else. Quoted lines are passed over.
pub fn only_hurry(newest: &str) -> bool {
    if newest.len() > LONGEST || newest.contains(['?', '？']) && newest.matches(['?', '？']).count() > 1 {
        return false;
    }
    let said = newest.lines().filter(|line| !lines::is_quote(line));
    let sentences = said.flat_map(|line| line.split(['.', '!', '?', ',', ';', ':', '？', '！', '¡', '¿']));
    let mut hurries = false;
    let mut names = 0;
    for sentence in sentences {
        let words: Vec<&str> = sentence.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let plain = words.iter().map(|word| fold(word)).collect::<Vec<_>>().join(" ");
        let is_name = || hurries && words.iter().all(|word| word.starts_with(char::is_uppercase));
        match plain.as_str() {
            "" => {}
            plain if HURRY.contains(plain) => hurries = true,
            plain if POLITE.contains(plain) => {}
            _ if is_name() => names += words.len(),
            _ => return false,
        }
    }
    hurries && names <= MOST_NAMES
}

type Sentences = LazyLock<BTreeSet<String>>;

fn folded(list: &[&str]) -> BTreeSet<String> {
    list.iter().flat_map(|line| line.split('|')).map(|text| fold(text.trim())).collect()
}

/// Sentences that ask for speed, by language.
static HURRY: Sentences = LazyLock::new(|| {
    folded(&[
        "please hurry|please hurry up|hurry up|hurry up please|could you please hurry|can you please hurry",
        "this is urgent|it is urgent|it s urgent|this is very urgent|it is very urgent|this is getting urgent",
        "please speed this up|please speed it up|please escalate|please escalate this|please escalate this ticket",
        "bitte beeilen sie sich|bitte beeilt euch|es eilt|es eilt sehr|es ist dringend|das ist dringend",
        "es ist sehr dringend|bitte eskalieren|bitte eskalieren sie das ticket",
        "dense prisa por favor|por favor dense prisa|es urgente|es muy urgente|por favor escalen el ticket",
        "c est urgent|c est très urgent|dépêchez vous s il vous plaît|merci de vous dépêcher",
        "è urgente|è molto urgente|per favore fate presto|fate presto per favore|vi prego di fare presto",
        "это срочно|это очень срочно|очень срочно|пожалуйста поторопитесь|поторопитесь пожалуйста|поторопитесь",
    ])
});

/// Greetings and thanks that may stand around them.
static POLITE: Sentences = LazyLock::new(|| {
    folded(&[
        "hello|hi|dear all|dear colleagues|please|thanks|thank you|many thanks|thanks a lot|regards|best regards|kind regards|cheers",
        "hallo|bitte|danke|vielen dank|viele grüße|mit freundlichen grüßen|liebe kollegen",
        "hola|por favor|gracias|muchas gracias|saludos|un saludo|bonjour|merci|merci beaucoup|cordialement|s il vous plaît",
        "buongiorno|ciao|grazie|per favore|cordiali saluti|saluti|здравствуйте|добрый день|спасибо|пожалуйста|с уважением",
    ])
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_speed_and_nothing_else() {
        for text in [
            "Please hurry!",
            "Hello,\n\nthis is urgent. Please hurry up!\n\nBest regards,\nAnna Rossi",
            "Es eilt sehr. Danke!\n\n> On Monday GGUS wrote:\n> no",
            "Bonjour,\nc'est très urgent.\nMerci",
            "È urgente, per favore fate presto.",
            "Пожалуйста, поторопитесь. Это срочно!",
            "Could you please hurry? Thanks",
        ] {
            assert!(only_hurry(text), "{text}");
        }
    }

    #[test]
    fn whatever_says_more_is_a_comment() {
        for text in [
            "",
            "Thanks",
            "Anna",
            "This is not urgent",
            "There is no hurry",
            "Please hurry, the disk of ce01 is full",
            "It is urgent. STATUS: solved",
            "this is urgent because my thesis is due",
            "You need not hurry up",
            "Please hurry! Is it the proxy? Or the CE?",
        ] {
            assert!(!only_hurry(text), "{text}");
        }
    }
}

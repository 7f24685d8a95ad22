//! Every template in every language, filled as the desk would fill it, against the mails in `tests/templates/`: there a
//! reviewer reads what people read. `UPDATE=1 cargo test --test templates` writes them anew.

use std::fs;
use std::path::PathBuf;

use ggus_gateway::desk::decision::{Template, Words};
use ggus_gateway::mail::language::Language;
use ggus_gateway::render::Templates;

/// Our own words are no wider; those of others are not wrapped.
const WIDTH: usize = 76;

fn every_mail() -> impl Iterator<Item = (Template, Language)> {
    let wanted = |template: Template, language| language == Language::En || template.is_in_all_languages();
    let all = Template::ALL.into_iter().flat_map(|template| Language::ALL.map(|language| (template, language)));
    all.filter(move |(template, language)| wanted(*template, *language))
}

#[test]
fn every_mail_reads_as_it_should() {
    let templates = Templates::built_in();
    let mut changed = Vec::new();
    for (template, language) in every_mail() {
        let mail = templates.fill(template, language, &words(template, language));
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/templates")
            .join(language.code())
            .join(format!("{}.txt", template.name()));
        if fs::read_to_string(&path).ok().as_ref() == Some(&mail) {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &mail).unwrap();
        } else {
            changed.push(format!("{}:\n{mail}", path.display()));
        }
    }
    assert!(changed.is_empty(), "run with UPDATE=1 if this is meant:\n{}", changed.join("\n"));
}

#[test]
fn no_mail_is_kept_that_nothing_makes() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/templates");
    let mut files = 0;
    for language in Language::ALL {
        files += fs::read_dir(root.join(language.code())).unwrap().count();
    }
    assert_eq!(files, every_mail().count());
}

#[test]
fn our_own_words_are_narrow() {
    let templates = Templates::built_in();
    let mut wide = Vec::new();
    for (template, language) in every_mail() {
        for days in ["1", "10"] {
            let words = Words { reopen_days: days.to_owned(), ..words(template, language) };
            let mail = templates.fill(template, language, &words);
            let found = mail.lines().filter(|line| line.chars().count() > WIDTH && !words.text.contains(line));
            wide.extend(found.map(|line| format!("{language}/{}: {line}", template.name())));
        }
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

#[test]
fn what_does_not_apply_leaves_no_gap() {
    let templates = Templates::built_in();
    for (template, language) in every_mail() {
        let all = words(template, language);
        let few = Words {
            ticket: all.ticket,
            tag: all.tag,
            title: all.title,
            text: "Their words.".to_owned(),
            author: all.author,
            desk: all.desk,
            desk_address: all.desk_address,
            submitter: "anna.rossi@infn.example".to_owned(),
            reopen_days: all.reopen_days,
            ..Words::default()
        };
        let mail = templates.fill(template, language, &few);
        let name = format!("{language}/{}:\n{mail}", template.name());
        assert!(!mail.contains("\n\n\n"), "two blank lines in {name}");
        assert!(mail.lines().all(|line| line == line.trim_end()), "a blank at the end of a line of {name}");
        for gap in ["  ", " ,", " .", "()", "\n:", "\n,"] {
            let body: String = mail.lines().filter(|line| !line.starts_with("    ")).collect::<Vec<_>>().join("\n");
            assert!(!body.contains(gap), "{gap:?} in {name}");
        }
    }
}

/// Words as they occur, with the texts in the language of the mail.
fn words(template: Template, language: Language) -> Words {
    let said = said(language);
    let text = match template {
        Template::Comment => said.comment,
        Template::Question | Template::ReplyReminder | Template::Unanswered => said.question,
        Template::Solution => said.solution,
        Template::Unsolved => said.unsolved,
        Template::CommentUnit => "It is better since noon, but two of five jobs still fail.\n\nAnna",
        Template::Alarm | Template::Dispatch | Template::SiteCopy => said.request,
        Template::Merged => "57881",
        Template::LineNotUnderstood => "STATUS: almost solved",
        Template::OperatorNotice => {
            "Mail 12 of ticket 57890 to grid-support@infn.example could not be delivered\n\
             for five days and is given up: 550 5.1.1 mailbox unavailable."
        }
        Template::Digest => said.digest,
        Template::TriageDigest => {
            "No unit has these tickets (1)\n-----------------------------\n\n57890   3 days   new\n    Jobs fail at INFN-T1"
        }
        Template::Announcement => "Dear ROC_Italy,\n\nfrom Monday on tickets come by mail.",
        Template::RefusalAcknowledged => "This CE is not ours, it belongs to INFN-PADOVA.",
        Template::ReopenedUnit => "The first job ran, the second one fails again with the same error.",
        Template::Reminder => {
            "This ticket came to you on 2026-11-23 10:00 CET, and nothing has come back: your helpdesk has told no number\n\
             of its own, and nobody has accepted it."
        }
        Template::TestEnded => "It works.",
        Template::SolutionAcknowledged => "The disk of the CE was full. Log rotation is repaired.",
        Template::TpmNotice => {
            "Mail to grid-support@infn.example could not be delivered: 550 5.1.1 mailbox unavailable"
        }
        // The user's own answer has opened it: there is no text.
        Template::Reopened if language != Language::En => "",
        Template::Reopened => "The CE is down again, so we work on it once more.",
        Template::AlarmReceipt
        | Template::AlarmRefused
        | Template::HandoverAcknowledged
        | Template::Receipt
        | Template::SolutionTextWanted
        | Template::TicketEnded
        | Template::Withdrawn => "",
    };
    let to_unit = !template.is_for_users() && !matches!(template, Template::Alarm | Template::SiteCopy);
    let author = match template {
        Template::CommentUnit | Template::Dispatch | Template::ReopenedUnit | Template::SiteCopy => {
            "Anna Rossi <anna.rossi@infn.example>"
        }
        Template::Reminder
        | Template::Merged
        | Template::ReplyReminder
        | Template::Reopened
        | Template::TpmNotice
        | Template::Unanswered => "GGUS Support",
        _ => "ROC_Italy",
    };
    let status = match template {
        Template::SolutionAcknowledged | Template::TicketEnded => "solved",
        Template::Unanswered | Template::Unsolved => "unsolved",
        _ => "assigned",
    };
    let only = |there: bool, value: &str| if there { value.to_owned() } else { String::new() };
    if template == Template::OperatorNotice {
        // There is no ticket to tell of.
        let (desk, desk_address) = ("GGUS Support".into(), "support@ggus.example".into());
        return Words { desk, desk_address, tag: "[GGUS]".into(), text: text.into(), ..Words::default() };
    }
    Words {
        desk: "GGUS Support".into(),
        desk_address: "support@ggus.example".into(),
        ticket: "57890".into(),
        tag: "[GGUS:57890]".into(),
        title: said.title.into(),
        status: status.into(),
        priority: "urgent".into(),
        kind: "USER".into(),
        vo: "atlas".into(),
        site: "INFN-T1".into(),
        unit: "ROC_Italy".into(),
        type_of_problem: "Workload Management".into(),
        created: "2026-11-23 14:05 UTC".into(),
        submitter: "Anna Rossi <anna.rossi@infn.example>".into(),
        author: author.into(),
        text: text.into(),
        quoted: only(template.is_for_users(), &said.request.lines().map(|l| format!("> {l}\n")).collect::<String>()),
        foreign_id: only(to_unit, "4711"),
        block: only(template == Template::Dispatch, BLOCK),
        cut: only(template == Template::Comment, "core.4711 (30 MiB)"),
        other_unit: only(matches!(template, Template::HandoverAcknowledged | Template::Withdrawn), "ROC_France"),
        hints: only(template == Template::Dispatch, "The text names the site INFN-PADOVA, too."),
        known: only(template == Template::Dispatch, KNOWN),
        reopen_days: "10".into(),
        refusal: only(template == Template::AlarmRefused, "unsigned"),
    }
}

const KNOWN: &str = "57012, solved on 2026-10-02: Jobs fail at INFN-T1 with an end-of-file\n    \
                     The disk of the CE was full, and the gatekeeper could not write.";

const BLOCK: &str = "TICKET: 57890\n\
                     NAME: Anna Rossi\n\
                     SUBMITTER MAIL: anna.rossi@infn.example\n\
                     CONCERNED VO: atlas\n\
                     NOTIFIED SITE: INFN-T1\n\
                     PRIORITY: urgent\n\
                     RESPONSIBLE UNIT: ROC_Italy\n";

/// What users and units write.
struct Said {
    title: &'static str,
    request: &'static str,
    comment: &'static str,
    question: &'static str,
    solution: &'static str,
    unsolved: &'static str,
    digest: &'static str,
}

fn said(language: Language) -> Said {
    match language {
        Language::En => Said {
            title: "Jobs fail at INFN-T1",
            request: "Dear all,\n\nsince this morning all my jobs fail:\n\nERROR: 7 an end-of-file was reached\nSTATUS: aborted\n\nVO: atlas\nAnna",
            comment: "We can see the error and look into it.",
            question: "Which certificate do you use, and does it fail for a new proxy as well?",
            solution: "The disk of the CE was full. Log rotation is repaired, please submit again.",
            unsolved: "The old CE is switched off for good. Please use ce-07 instead.",
            digest: "57890   12 days   in progress   your 4711\n    Jobs fail at INFN-T1\n    expected of you: the solution",
        },
        Language::De => Said {
            title: "Jobs schlagen in INFN-T1 fehl",
            request: "Hallo,\n\nseit heute früh schlagen alle meine Jobs fehl.\n\nAnna",
            comment: "Wir sehen den Fehler und suchen die Ursache.",
            question: "Welches Zertifikat benutzen Sie?",
            solution: "Die Platte des CE war voll. Bitte schicken Sie die Jobs noch einmal ab.",
            unsolved: "Der alte CE ist endgültig abgeschaltet. Bitte benutzen Sie ce-07.",
            digest: "57890   12 Tage   in Arbeit   bei Ihnen 4711\n    Jobs schlagen in INFN-T1 fehl\n    erwartet von Ihnen: die Lösung",
        },
        Language::Es => Said {
            title: "Los trabajos fallan en INFN-T1",
            request: "Hola:\n\nDesde esta mañana fallan todos mis trabajos.\n\nAnna",
            comment: "Vemos el error y estamos buscando la causa.",
            question: "¿Qué certificado utiliza?",
            solution: "El disco del CE estaba lleno. Envíe los trabajos de nuevo, por favor.",
            unsolved: "El CE antiguo se ha apagado definitivamente. Utilice ce-07, por favor.",
            digest: "57890   12 días   en curso   para ustedes 4711\n    Los trabajos fallan en INFN-T1\n    se espera de ustedes: la solución",
        },
        Language::Fr => Said {
            title: "Les jobs échouent à INFN-T1",
            request: "Bonjour,\n\nDepuis ce matin, tous mes jobs échouent.\n\nAnna",
            comment: "Nous voyons l'erreur et cherchons la cause.",
            question: "Quel certificat utilisez-vous ?",
            solution: "Le disque du CE était plein. Vous pouvez soumettre à nouveau vos jobs.",
            unsolved: "L'ancien CE est définitivement arrêté. Merci d'utiliser ce-07.",
            digest: "57890   12 jours   en cours   chez vous 4711\n    Les jobs échouent à INFN-T1\n    attendu de vous : la solution",
        },
        Language::It => Said {
            title: "I job falliscono a INFN-T1",
            request: "Buongiorno,\n\nda stamattina tutti i miei job falliscono.\n\nAnna",
            comment: "Vediamo l'errore e stiamo cercando la causa.",
            question: "Quale certificato usa?",
            solution: "Il disco del CE era pieno. Può sottomettere di nuovo i job.",
            unsolved: "Il vecchio CE è stato spento definitivamente. Usi ce-07, per favore.",
            digest: "57890   12 giorni   in lavorazione   da voi 4711\n    I job falliscono a INFN-T1\n    atteso da voi: la soluzione",
        },
        Language::Ru => Said {
            title: "Задания не выполняются на INFN-T1",
            request: "Добрый день!\n\nС утра все мои задания завершаются с ошибкой.\n\nАнна",
            comment: "Мы видим ошибку и ищем причину.",
            question: "Какой сертификат вы используете?",
            solution: "На CE закончилось место на диске. Запустите задания ещё раз, пожалуйста.",
            unsolved: "Старый CE выключен окончательно. Пользуйтесь, пожалуйста, ce-07.",
            digest: "57890   12 дней   в работе   у вас 4711\n    Задания не выполняются на INFN-T1\n    ждём от вас: решение",
        },
    }
}

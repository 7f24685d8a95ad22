//! Users and helpdesks: what they answer by themselves, and what they write when somebody sits down to it.

use crate::dice::Dice;
use crate::letters::{Draft, Letter};

/// Who answers behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user; what answers in their absence.
    User(Absence),
    People,
    Rt,
    Otrs,
    Zammad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    None,
    /// Marked as automatic (RFC 3834).
    Marked,
    /// A program that marks nothing and answers everything.
    Unmarked,
}

/// A ticket in a helpdesk's own system.
#[derive(Clone, Debug)]
struct Local {
    id: String,
    last: Letter,
}

#[derive(Clone, Debug)]
pub struct Party {
    pub address: &'static str,
    pub kind: Kind,
    /// Automatic acknowledgements of a new local ticket.
    acknowledges: usize,
    /// Its answers lack our tag.
    strips_tags: bool,
    /// Its answers name no mail of ours.
    drops_references: bool,
    /// It answers to the author, not to Reply-To.
    answers_author: bool,
    /// It answers each mail automatically and marks nothing.
    answers_all: bool,
    locals: Vec<Local>,
    letters: Vec<Letter>,
}

pub const USERS: [&str; 3] = ["anna@lab.example", "bob@lab.example", "carla@cnrs.example"];
pub const SITES: [&str; 6] = ["INFN-T1", "FZK-LCG2", "IN2P3-CC", "RAL-LCG2", "NGI-SITE", "Atlantis"];
const UNITS: [&str; 6] = ["ROC_Italy", "ROC_DECH", "ROC_France", "People", "NGI", "Nobody"];

/// Everybody, each with habits of this seed.
pub fn all(dice: &mut Dice) -> Vec<Party> {
    let absences = [(6, Absence::None), (2, Absence::Marked), (2, Absence::Unmarked)];
    let users = USERS.map(|address| (address, Kind::User(dice.weighted(&absences))));
    let helpdesks = [
        ("tpm@tpm.example", Kind::People),
        ("tpm@ngi-tpm.example", Kind::People),
        ("people@people.example", Kind::People),
        ("people@ngi-people.example", Kind::People),
        ("helpdesk@roc-italy.example", Kind::Rt),
        ("ticket@roc-dech.example", Kind::Otrs),
        ("support@roc-france.example", Kind::Zammad),
        ("ops@ggus.example", Kind::People),
        ("ops@ngi.example", Kind::People),
    ];
    let mut party = |(address, kind)| Party {
        address,
        kind,
        acknowledges: dice.weighted(&[(2, 0), (6, 1), (2, 2)]),
        strips_tags: dice.percent(25),
        drops_references: dice.percent(35),
        answers_author: dice.percent(30),
        answers_all: dice.percent(10),
        locals: Vec::new(),
        letters: Vec::new(),
    };
    users.into_iter().chain(helpdesks).map(&mut party).collect()
}

/// Gives numbers to whatever must not be mistaken for another.
#[derive(Debug, Default)]
pub struct Names(usize);

impl Names {
    pub fn next(&mut self) -> usize {
        self.0 += 1;
        self.0
    }
}

/// A text that only its author and the desk may read, or an id that only one helpdesk may see.
#[derive(Clone, Debug)]
pub struct Secret {
    pub owner: &'static str,
    pub text: String,
}

impl Party {
    fn is_operator(&self) -> bool {
        self.address.starts_with("ops@")
    }

    /// Takes a mail of a gateway, and answers it as far as that goes without a person.
    pub fn receive(&mut self, letter: Letter, names: &mut Names, secrets: &mut Vec<Secret>) -> Vec<Draft> {
        self.letters.push(letter.clone());
        match self.kind {
            _ if self.is_operator() => Vec::new(),
            Kind::User(absence) => self.absent(absence, &letter, names).into_iter().collect(),
            Kind::People => self.any_answer(&letter, names).into_iter().collect(),
            _ => self.file(letter, names, secrets),
        }
    }

    /// Files it under its local ticket, or makes one and acknowledges it.
    fn file(&mut self, letter: Letter, names: &mut Names, secrets: &mut Vec<Secret>) -> Vec<Draft> {
        if let Some(local) = self.locals.iter_mut().find(|local| letter.subject.contains(&local.id)) {
            local.last = letter.clone();
            return self.any_answer(&letter, names).into_iter().collect();
        }
        let id = (700_000_000 + names.next()).to_string();
        secrets.push(Secret { owner: self.address, text: id.clone() });
        let local = Local { id, last: letter };
        self.locals.push(local.clone());
        (0..self.acknowledges).map(|_| self.acknowledgement(&local, names)).collect()
    }

    fn absent(&self, absence: Absence, letter: &Letter, names: &mut Names) -> Option<Draft> {
        let n = names.next();
        match absence {
            Absence::None => None,
            Absence::Marked if letter.automatic => None,
            Absence::Marked => Some(Draft {
                subject: format!("Out of office: {}", letter.subject),
                headers: vec![("Auto-Submitted", "auto-replied".to_owned())],
                text: "I am away.".to_owned(),
                ..self.answer(letter, n)
            }),
            Absence::Unmarked => Some(Draft { text: format!("I got your mail {n}."), ..self.answer(letter, n) }),
        }
    }

    fn any_answer(&self, letter: &Letter, names: &mut Names) -> Option<Draft> {
        let n = names.next();
        self.answers_all.then(|| Draft { text: format!("Your mail is number {n} here."), ..self.answer(letter, n) })
    }

    fn answer(&self, letter: &Letter, n: usize) -> Draft {
        let domain = self.address.rsplit('@').next().unwrap_or_default();
        Draft {
            from: self.address.to_owned(),
            to: if self.answers_author { letter.author.clone() } else { letter.reply_to.clone() },
            subject: format!("Re: {}", letter.subject),
            id: format!("<{n}@{domain}>"),
            answers: if self.drops_references { String::new() } else { letter.id.clone() },
            ..Draft::default()
        }
    }

    fn acknowledgement(&self, local: &Local, names: &mut Names) -> Draft {
        let mut draft = self.of_system(local, names);
        let (subject, id) = (&local.last.subject, &local.id);
        let automatic = |word: &str| ("Auto-Submitted", word.to_owned());
        match self.kind {
            Kind::Rt => {
                draft.subject = format!("[rt.roc-italy.example #{id}] AutoReply: {subject}");
                draft.headers.push(automatic("auto-replied"));
                draft.text =
                    "This message has been automatically generated in response to the\ncreation of a trouble ticket."
                        .to_owned();
            }
            Kind::Otrs => {
                let cut: String = subject.chars().take(24).collect();
                draft.subject = format!("[Ticket#{id}] RE: {cut} [...]");
                draft.headers.push(automatic("auto-generated"));
                draft.text = "Thanks for your email. A new ticket has been created.".to_owned();
            }
            _ => {
                draft.subject = format!("Thanks for your inquiry ({subject}) [Ticket#{id}]");
                draft.headers.push(automatic("auto-generated"));
                draft.text = format!("Your request (Ticket#{id}) has been received and will be reviewed.");
            }
        }
        draft
    }

    /// What every mail of its system has.
    fn of_system(&self, local: &Local, names: &mut Names) -> Draft {
        let id = &local.id;
        let mut draft = self.answer(&local.last, names.next());
        let title = if self.strips_tags { "your request" } else { &local.last.subject };
        (draft.subject, draft.headers) = match self.kind {
            Kind::Rt => (
                format!("[rt.roc-italy.example #{id}] {title}"),
                vec![("X-RT-Ticket", format!("rt.roc-italy.example #{id}")), ("Precedence", "bulk".to_owned())],
            ),
            Kind::Otrs => {
                (format!("Re: [Ticket#{id}] {title}"), vec![("X-Mailer", "OTRS Mail Service (6.0.30)".to_owned())])
            }
            Kind::Zammad => {
                (format!("RE: {title} [Ticket#{id}]"), vec![("X-Mailer", "Zammad Mail Service".to_owned())])
            }
            Kind::People | Kind::User(_) => (draft.subject, draft.headers),
        };
        draft
    }

    /// Somebody sits down to what has come, where anything has.
    pub fn work(&self, dice: &mut Dice, names: &mut Names, secrets: &mut Vec<Secret>) -> Option<Draft> {
        if self.is_operator() {
            return None;
        }
        if let Kind::User(_) = self.kind {
            return self.write(dice, names);
        }
        let mut draft = match (self.kind, dice.one(&self.locals), dice.one(&self.letters)) {
            (Kind::People, _, Some(letter)) => self.answer(letter, names.next()),
            (Kind::People, _, None) | (_, None, _) => return None,
            (_, Some(local), _) => self.of_system(local, names),
        };
        let n = names.next();
        let mut secret = || {
            let text = format!("secretword{n}x");
            secrets.push(Secret { owner: self.address, text: text.clone() });
            text
        };
        let unit = *dice.one(&UNITS)?;
        draft.text = match dice.number(0..12) {
            0 | 1 => format!("We look into it, step {n}{}.", letters_of(n)),
            2 => format!("INTERNAL\n\nThe {} has {}.", letters_of(n), secret()),
            3 if self.kind == Kind::Rt => {
                format!("This is a comment.  It is not sent to the Requestor(s):\n\nThe node {}.", secret())
            }
            3 => format!("The node {}.\n\nINTERNAL", secret()),
            4 => format!("STATUS: waiting for reply\n\nWhich queue, {}?", letters_of(n)),
            5 => "STATUS: in progress".to_owned(),
            6 | 7 => format!("The {} was restarted.\n\nSTATUS: solved", letters_of(n)),
            8 => format!("Not ours, says {}.\n\nSTATUS: unsolved", letters_of(n)),
            9 => format!("REFUSE: not for {}", letters_of(n)),
            10 => format!("ASSIGN TO: {unit}\n\nPlease see {}.", secret()),
            _ => "STATUS: solved".to_owned(),
        };
        Some(draft)
    }

    /// A user answers what they got.
    fn write(&self, dice: &mut Dice, names: &mut Names) -> Option<Draft> {
        let letter = dice.one(&self.letters)?;
        let n = names.next();
        let text = match dice.number(0..8) {
            0..4 => format!("It still fails at {}.", letters_of(n)),
            4 => "Thank you very much!".to_owned(),
            5 => "> It works again.".to_owned(),
            6 => "STATUS: verified".to_owned(),
            _ => format!("But {} is still down.", letters_of(n)),
        };
        let mut draft = self.answer(letter, n);
        if dice.percent(8) {
            draft.from = "eve@elsewhere.example".to_owned();
        }
        Some(Draft { text, ..draft })
    }
}

/// A word of letters for a number: what differs in its digits alone is a repeat to the desk.
pub fn letters_of(n: usize) -> String {
    n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).chain("word".chars()).collect()
}

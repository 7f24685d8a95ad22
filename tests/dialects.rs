//! Laws that hold for every dialect file, and the sample mails of each: what they must mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ggus_gateway::desk::dialect::{self, Dialect, Kind, Parameters};
use ggus_gateway::desk::tag::Tags;
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::{Mail, reply};
use serde::Deserialize;

/// What a sample must mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    kind: Option<Kind>,
    foreign_id: Option<String>,
    #[serde(default)]
    internal: bool,
    /// The text for people must contain this; an empty string: there is none.
    text: Option<String>,
    #[serde(default)]
    parameters: Parameters,
}

struct Sample {
    dialect: String,
    path: PathBuf,
    mail: Mail,
    expected: Expected,
}

fn samples() -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects");
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mails = files.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
    let mut all: Vec<Sample> = mails.map(sample).collect();
    all.sort_by(|one, other| one.path.cmp(&other.path));
    all
}

fn sample(path: PathBuf) -> Sample {
    let toml = path.with_extension("toml");
    let text = std::fs::read_to_string(&toml).unwrap_or_else(|error| panic!("{}: {error}", toml.display()));
    let expected = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", toml.display()));
    let dialect = path.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
    Sample { dialect, mail: parse(&std::fs::read(&path).unwrap(), &ReadLimits::default()), path, expected }
}

fn of(name: &str) -> std::sync::Arc<Dialect> {
    dialect::built_in().remove(name).unwrap_or_else(|| panic!("there is no dialect {name}"))
}

#[test]
fn every_file_compiles() {
    for (name, text) in dialect::FILES {
        Dialect::parse(name, text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/dialects");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "toml"));
    assert_eq!(files.count(), dialect::FILES.len(), "a dialect file is not built in");
}

#[test]
fn samples_mean_what_they_must() {
    for Sample { dialect, path, mail, expected } in samples() {
        let reading = of(&dialect).read(&mail, &reply::cut(&mail.text).newest, &expected.parameters);
        let path = path.display();
        assert_eq!(reading.kind, expected.kind, "{path}: {reading:#?}");
        assert_eq!(reading.foreign_id, expected.foreign_id, "{path}: {reading:#?}");
        assert_eq!(reading.internal, expected.internal, "{path}: {reading:#?}");
        match expected.text.as_deref() {
            Some("") => assert_eq!(reading.text, "", "{path}"),
            Some(text) => assert!(reading.text.contains(text), "{path}: {:?}", reading.text),
            None => {}
        }
    }
}

#[test]
fn no_dialect_claims_anothers_samples() {
    let all = dialect::built_in();
    for sample in samples() {
        let certainties: BTreeMap<&str, u8> =
            all.iter().map(|(name, dialect)| (name.as_str(), dialect.recognise(&sample.mail))).collect();
        let own = certainties[sample.dialect.as_str()];
        let other =
            certainties.iter().filter(|(name, _)| **name != sample.dialect).map(|(_, certainty)| *certainty).max();
        assert!(own == 0 && other == Some(0) || Some(own) > other, "{}: {certainties:?}", sample.path.display());
    }
}

/// What the desk writes comes back through other programs and is read.
#[test]
fn what_is_written_is_read_back() {
    let tags = Tags::new("GGUS").unwrap();
    for (name, dialect) in dialect::built_in() {
        let parameters = example_parameters(&dialect);
        let own = dialect.own_tag("20260210", &parameters);
        let subject = [
            Some(tags.write(TicketId(57890))),
            own.clone(),
            Some("CE at INFN-T1 ist für Grüße nicht erreichbar ".repeat(3)),
        ];
        let subject = subject.into_iter().flatten().collect::<Vec<_>>().join(" ");
        for way in ways(&subject) {
            let mail = parse(format!("Subject: {way}\r\n\r\nhello\r\n").as_bytes(), &ReadLimits::default());
            assert_eq!(Vec::from_iter(tags.read(&mail.subject)), [TicketId(57890)], "{name}: {way}");
        }
        let Some(own) = own else { continue };
        let mail =
            parse(format!("Subject: Re: [GGUS:57890] {own} x\r\n\r\nhello\r\n").as_bytes(), &ReadLimits::default());
        assert_eq!(dialect.read(&mail, "hello", &parameters).foreign_id.as_deref(), Some("20260210"), "{name}");
        assert!(!dialect.cut_own_tags(&mail.subject, &parameters).contains("20260210"), "{name}");
    }
}

fn example_parameters(dialect: &Dialect) -> Parameters {
    let wanted = dialect.parameters().iter().filter(|(_, spec)| spec.default.is_none());
    wanted.map(|(name, _)| (name.clone(), "rt.infn.example".to_owned())).collect()
}

/// The subject as other programs send it back: answered, folded, encoded in the middle of the tag, cut.
fn ways(subject: &str) -> Vec<String> {
    let cut = |most: usize| subject.chars().take(most).collect::<String>();
    let hex = |text: &str| text.bytes().map(|byte| format!("={byte:02X}")).collect::<String>();
    vec![
        format!("Re: {subject}"),
        format!("AW: WG: {subject}"),
        format!("RE: {} [...]", cut(24)),
        format!("[Ticket#61042] RE: {}", cut(24)),
        cut(100),
        format!("Thanks for your inquiry ({}[...])", cut(110)),
        format!("[GGUS:57890]\r\n {}", &subject[12..]),
        format!("=?utf-8?Q?{}?=\r\n =?utf-8?Q?{}?= rest", hex("[GGUS:57"), hex("890] Gr\u{fc}\u{df}e")),
    ]
}

#[test]
fn a_title_is_made_harmless_for_its_reader() {
    for (name, title) in [
        ("rt", "see [rt.cern.example #12] too"),
        ("zammad", "was [Ticket#61042]"),
        ("otrs", "Ticket#2026021010000018 again"),
    ] {
        let dialect = of(name);
        let defused = dialect.defuse(title);
        let mail = parse(format!("Subject: [GGUS:1] {defused}\r\n\r\nx").as_bytes(), &ReadLimits::default());
        assert_ne!(defused, title, "{name}");
        assert_eq!(dialect.defuse(&defused), defused, "{name}: {defused}");
        assert!(name != "rt" || dialect.read(&mail, "x", &Parameters::new()).foreign_id.is_none(), "{name}: {defused}");
    }
    assert_eq!(of("rt").defuse("CE #12 is down [GGUS:5]"), "CE #12 is down [GGUS:5]");
}

#[test]
fn an_automatic_mark_alone_decides_nothing() {
    let file = "about = \"x\"\n[[mail]]\nname = \"auto\"\nkind = \"solved\"\nwhen = { header = { Auto-Submitted = 'auto' } }\n";
    let problems = Dialect::parse("x", file).unwrap_err();
    assert_eq!((problems.len(), problems[0].line, problems[0].key.as_str()), (1, Some(3), "mail.auto.when"));
    let marks = "Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\nX-Auto-Response-Suppress: All\r\nList-Id: <x.example>\r\nSubject: hello\r\n\r\nhello\r\n";
    let mail = parse(marks.as_bytes(), &ReadLimits::default());
    for (name, dialect) in dialect::built_in() {
        assert_eq!(dialect.read(&mail, "hello", &Parameters::new()).kind, None, "{name}");
    }
}

#[test]
fn a_pattern_that_would_take_too_much_is_refused() {
    let file = "about = \"x\"\n[[id]]\nsubject = '(?:a{1000}){1000}(\\d+)'\n[[id]]\ntext = '('\n";
    let keys: Vec<String> = Dialect::parse("x", file).unwrap_err().into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["id.0", "id.1"]);
}

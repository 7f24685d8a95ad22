//! Laws that hold for every dialect file, and the sample mails of each: what they must mean.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ggus_gateway::desk::dialect::file::{Place, ToldBy};
use ggus_gateway::desk::dialect::sample::{self, Expectation};
use ggus_gateway::desk::dialect::{self, Dialect, Kind, Parameters, Reading, TagForm};
use ggus_gateway::desk::tag::Tags;
use ggus_gateway::desk::ticket::TicketId;
use ggus_gateway::mail::Mail;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use proptest::prelude::*;

struct Sample {
    dialect: String,
    path: PathBuf,
    mail: Mail,
    expected: Expectation,
}

impl Sample {
    fn reading(&self) -> Reading {
        sample::read(&of(&self.dialect), &self.mail, &self.expected.parameters)
    }
}

fn samples() -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects");
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mails = files.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
    let mut all: Vec<Sample> = mails.map(load).collect();
    all.sort_by(|one, other| one.path.cmp(&other.path));
    all
}

fn load(path: PathBuf) -> Sample {
    let toml = path.with_extension("toml");
    let text = std::fs::read_to_string(&toml).unwrap_or_else(|error| panic!("{}: {error}", toml.display()));
    let expected = Expectation::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", toml.display()));
    let dialect = path.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
    Sample { dialect, mail: parse(&std::fs::read(&path).unwrap(), &ReadLimits::default()), path, expected }
}

fn of(name: &str) -> Arc<Dialect> {
    dialect::built_in().remove(name).unwrap_or_else(|| panic!("there is no dialect {name}"))
}

fn mail(subject: &str) -> Mail {
    parse(format!("Subject: {subject}\r\n\r\nhello\r\n").as_bytes(), &ReadLimits::default())
}

/// The parameters as a unit of this dialect would give them.
fn example(dialect: &Dialect) -> Parameters {
    dialect.parameters().iter().map(|(name, spec)| (name.clone(), spec.example.clone())).collect()
}

fn problems(text: &str) -> Vec<String> {
    let problems = Dialect::parse("x", text).err().unwrap_or_default();
    let line = |line: Option<usize>| line.map(|line| line.to_string()).unwrap_or_default();
    let told = problems
        .iter()
        .map(|problem| format!("{}: {}: {} | {}", line(problem.line), problem.key, problem.message, problem.hint));
    told.collect()
}

/// An id such as a dialect's helpdesk gives, with the digits 20260210 in it.
fn id_of(dialect: &Dialect) -> &'static str {
    match dialect.name.as_str() {
        "jira" => "GRID-20260210",
        "servicenow" => "INC20260210",
        "remedy" => "INC20260210000",
        "salesforce" => "ref:_00D20260210._5003x12AbC:ref",
        _ => "20260210",
    }
}

#[test]
fn every_file_compiles_and_is_built_in() {
    for (name, text) in dialect::FILES {
        assert_eq!(problems(text), [""; 0], "{name}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/dialects");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let on_disk: BTreeSet<String> =
        files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let built_in: BTreeSet<String> = dialect::built_in().into_keys().collect();
    assert_eq!(on_disk, built_in);
    for (name, dialect) in dialect::built_in() {
        let tells = !dialect.about().contains('\n') && dialect.advice().len() > 40;
        assert!(tells, "{name} tells its administrator nothing");
    }
}

#[test]
fn samples_mean_what_they_must() {
    let mut wrong = Vec::new();
    for sample in samples() {
        let differences = sample.expected.differences(&sample.reading());
        wrong.extend(differences.iter().map(|difference| format!("{}: {difference}", sample.path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a recognised unit's mails tell of its parameters is what the sample says of them, and traps tell nothing else.
/// RT's header tells its name, and its queues may have tags of their own beside that.
#[test]
fn parameters_that_mails_tell_are_those_of_the_sample() {
    let own = Tags::new("GGUS").unwrap();
    let mut tell: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Sample { dialect, path, mail, expected } in samples() {
        for (name, value) in of(&dialect).parameters_told(&mail, &own) {
            let place = |told_by: &ToldBy| matches!(told_by.place, Place::Header { .. });
            let by_header = of(&dialect).parameters()[&name].told_by.iter().all(place);
            let mut said = expected.parameters.get(&name).into_iter().flat_map(|values| values.split(','));
            assert!(by_header || said.any(|one| one.trim_start() == value), "{}: {name} = {value:?}", path.display());
            tell.entry(dialect.clone()).or_default().insert(value);
        }
    }
    let told_by = |dialect: &Dialect| dialect.parameters().values().any(|spec| !spec.told_by.is_empty());
    for (name, dialect) in dialect::built_in().into_iter().filter(|(_, dialect)| told_by(dialect)) {
        assert!(tell.get(&name).is_some_and(|values| values.len() > 1), "{name}: {:?}", tell.get(&name));
        // A person's mail that looks like one of its.
        let subject = dialect.own_tag("20260210", &example(&dialect)).unwrap();
        assert_eq!(dialect.parameters_told(&mail(&subject), &own), Parameters::new(), "{name}");
    }
}

/// Behind the desk's tag stands a title that a user wrote, and a user may well write such words.
#[test]
fn a_users_title_says_nothing() {
    let words = "Resolved: Closed: AutoReply: request received, your ticket has been created, solved and rejected: ";
    let tag = "[GGUS:57890] ";
    let (mut tried, mut wrong) = (0, Vec::new());
    for sample in samples() {
        let Some((before, after)) = sample.mail.subject.split_once(tag) else { continue };
        // Of a title that was cut nothing follows.
        if after.ends_with("[...]") {
            continue;
        }
        let mail = Mail { subject: format!("{before}{tag}{words}{after}"), ..sample.mail.clone() };
        let reading = sample::read(&of(&sample.dialect), &mail, &sample.expected.parameters);
        let meant = |reading: &Reading| (reading.kind, reading.rule.clone(), reading.foreign_id.clone());
        let (found, expected) = (meant(&reading), meant(&sample.reading()));
        if found != expected {
            wrong.push(format!("{}: {found:?}, not {expected:?}", sample.path.display()));
        }
        tried += 1;
    }
    assert!(wrong.is_empty() && tried > 200, "{tried} tried\n{}", wrong.join("\n"));
}

/// A rule that no sample shows is a guess.
#[test]
fn every_rule_has_a_sample() {
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in samples() {
        shown.entry(sample.dialect.clone()).or_default().insert(sample.reading().rule);
    }
    for (name, dialect) in dialect::built_in() {
        let shown = shown.get(&name).unwrap_or_else(|| panic!("there are no samples of {name}"));
        let guesses: Vec<&str> = dialect.rules().filter(|rule| !shown.contains(*rule)).collect();
        assert_eq!(guesses, [""; 0], "{name}");
    }
}

#[test]
fn no_dialect_claims_anothers_samples() {
    let all = dialect::built_in();
    let mut wrong = Vec::new();
    for sample in samples() {
        let certainty = |dialect: &Dialect| dialect.recognise(&sample.mail);
        let own = certainty(&all[&sample.dialect]);
        let others = all.values().filter(|dialect| dialect.name != sample.dialect);
        if others.map(|dialect| certainty(dialect)).max() >= Some(own) {
            let found: Vec<_> = all.values().map(|dialect| (&dialect.name, certainty(dialect))).collect();
            wrong.push(format!("{}: {found:?}", sample.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(samples().iter().all(|sample| all["plain"].recognise(&sample.mail) <= 10));
}

/// What the desk writes comes back through other programs and is read, its tag and the helpdesk's own.
#[test]
fn what_is_written_is_read_back() {
    let tags = Tags::new("GGUS").unwrap();
    for (name, dialect) in dialect::built_in() {
        let parameters = example(&dialect);
        let ours = match dialect.writing().tag {
            TagForm::Historic => tags.write_historic(TicketId(57890)),
            TagForm::Short => tags.write(TicketId(57890)),
        };
        let own = dialect.own_tag(id_of(&dialect), &parameters);
        let title = "CE at INFN-T1 ist für Grüße nicht erreichbar ".repeat(3);
        let subject =
            [Some(ours.clone()), own.clone(), Some(title)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let more = [folded_at_every_blank(&subject), encoded_in_the_middle(&ours)];
        for way in ways(&subject, ours.len()).into_iter().chain(more) {
            assert_eq!(Vec::from_iter(tags.read(&mail(&way).subject)), [TicketId(57890)], "{name}: {way}");
        }
        let Some(own) = own else { continue };
        let title = "a word ".repeat(9);
        for way in [
            format!("Re: {ours} {own} x"),
            folded_at_every_blank(&format!("{title}{own} x")),
            encoded_in_the_middle(&own),
        ] {
            let mail = mail(&way);
            let reading = dialect.read(&mail, "hello", &parameters);
            assert_eq!(reading.foreign_id.as_deref(), Some(id_of(&dialect)), "{name}: {way}");
            assert!(!dialect.cut_own_tags(&mail.subject, &parameters).contains("20260210"), "{name}: {way}");
        }
    }
}

/// The subject as other programs send it back: answered, and cut at 24, 100 and 110 characters. The historic tag is longer
/// than 24 and goes to peers that cut nothing.
fn ways(subject: &str, tag: usize) -> Vec<String> {
    let cut = |most: usize| subject.chars().take(most.max(tag + 1)).collect::<String>();
    vec![
        format!("Re: {subject}"),
        format!("AW: WG: {subject}"),
        format!("RE: {} [...]", cut(24)),
        format!("[Ticket#61042] RE: {}", cut(24)),
        cut(100),
        format!("Thanks for your inquiry ({}[...])", cut(110)),
    ]
}

/// Folded wherever a blank stands, within tags too: no program folds a subject in more ways.
fn folded_at_every_blank(subject: &str) -> String {
    subject.split(' ').collect::<Vec<_>>().join("\r\n ")
}

/// RFC 2047, two words that divide the tag, and a raw rest.
fn encoded_in_the_middle(tag: &str) -> String {
    let hex = |text: &str| text.bytes().map(|byte| format!("={byte:02X}")).collect::<String>();
    let (one, other) = tag.split_at(tag.len() / 2);
    format!("=?utf-8?Q?{}?=\r\n =?utf-8?Q?{}?= rest", hex(&format!("Grüße {one}")), hex(&format!("{other} und")))
}

#[test]
fn no_dialect_takes_the_desks_tag_for_its_own() {
    for (name, dialect) in dialect::built_in() {
        for subject in ["[GGUS:57890] CE", "Re: [GGUS #57890] CE", "[GGUS-57890] CE", "GGUS-Ticket-ID: #57890 CE"] {
            for parameters in [example(&dialect), Parameters::new()] {
                let reading = dialect.read(&mail(subject), "hello", &parameters);
                assert_eq!(reading.foreign_id, None, "{name} with {parameters:?}: {subject}");
            }
        }
        let ours = "[GGUS:57890] CE";
        assert_eq!(dialect.defuse(ours, &example(&dialect)), ours, "{name} would file our mail by our own tag");
    }
}

#[test]
fn a_title_is_made_harmless_for_its_reader() {
    for (name, dialect) in dialect::built_in() {
        let parameters = example(&dialect);
        let Some(own) = dialect.own_tag(id_of(&dialect), &parameters) else { continue };
        for title in [format!("see {own} too"), format!("{own}{own}"), format!("x {own} y {own}"), own.to_uppercase()] {
            let defused = dialect.defuse(&title, &parameters);
            let again = dialect.read(&mail(&format!("[GGUS:1] {defused}")), "hello", &parameters);
            assert_ne!(defused, title, "{name}");
            assert_eq!(again.foreign_id, None, "{name}: {defused}");
            assert_eq!(dialect.defuse(&defused, &parameters), defused, "{name}");
            assert!(defused.contains("20260210"), "{name}: the number is lost: {defused}");
        }
    }
    let rt = of("rt");
    let harmless = "CE #12 is down [GGUS:5]";
    assert_eq!(rt.defuse(harmless, &example(&rt)), harmless);
    assert_eq!(rt.defuse("see [rt.infn.example #12]", &example(&rt)), "see [rt.infn.example # 12]");
}

/// What people paste, and how it reaches a helpdesk that would file the mail by it or obey it.
#[test]
fn a_text_is_made_harmless_for_its_reader() {
    for (name, said, harmless) in [
        ("bugzilla", "Hello\n@bug_status = RESOLVED\n", "Hello\n @bug_status = RESOLVED\n"),
        ("footprints", "status=Closed\nfor x in a", " status=Closed\nfor x in a"),
        ("gitlab", "/close\nsee /etc/close", " /close\nsee /etc/close"),
        ("redmine", "It is\nStatus: Closed\nAssigned to : x", "It is\n Status: Closed\n Assigned to : x"),
        ("redmine", "Priorität: hoch\nHost: a", " Priorität: hoch\nHost: a"),
        ("remedy", "as INC000000012345", "as INC 000000012345"),
        ("salesforce", "x\n[ ref:_00D58JeB.5005x1bQ:ref ]", "x\n[ ref:_ 00D58JeB.5005x1bQ:ref ]"),
        ("salesforce", "thread::aQcfKmUqLuGh::", "thread: :aQcfKmUqLuGh::"),
        ("servicenow", "Ref:MSG0012345_aLJc130 and INC0010001", "Ref:MSG 0012345_aLJc130 and INC0010001"),
        ("trac", "@status: closed", " @status: closed"),
        ("zendesk", "[L7VKGO-M25K] [ABCDEF-GHIJ]", "[L 7VKGO-M25K] [ ABCDEF-GHIJ]"),
        ("plain", "Status: Closed", "Status: Closed"),
    ] {
        assert_eq!(of(name).defuse_text(said), harmless, "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_is_obeyed_once_it_is_defused(
        text in r"(ref:|Ref:MSG|:ref|thread::|::|@status|/close|status=|Status:|INC|\[|\]|[0-9]{1,15}|[A-Z0-9]{6}-|[a-z]{4,12}| |\n|é){0,30}"
    ) {
        for (name, dialect) in dialect::built_in() {
            let defused = dialect.defuse_text(&text);
            prop_assert_eq!(dialect.defuse_text(&defused), defused.clone(), "{}: of {:?}", name, text);
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            prop_assert!(letters(&defused).len() * 2 >= letters(&text).len(), "{}: {:?} of {:?}", name, defused, text);
        }
    }

    #[test]
    fn no_title_reads_as_an_id_once_it_is_defused(
        title in r"(\[|\]|#|Ticket|rt\.infn\.example|[0-9]{1,16}| |:|\(|\)|[A-Z]{2}-|é){0,30}"
    ) {
        for (name, dialect) in dialect::built_in() {
            let parameters = example(&dialect);
            let defused = dialect.defuse(&title, &parameters);
            prop_assert_eq!(dialect.defuse(&defused, &parameters), defused.clone(), "{}", name);
            let read = dialect.read(&mail(&format!("[GGUS:1] {defused}")), "hello", &parameters);
            prop_assert_eq!(read.foreign_id, None, "{}: {:?} of {:?}", name, defused, title);
        }
    }

    #[test]
    fn no_mail_is_too_strange(subject in r"\PC{0,200}", text in r"(\PC|\n){0,2000}") {
        let mut mail = mail("x");
        (mail.subject, mail.text) = (subject, text);
        for dialect in dialect::built_in().into_values() {
            let reading = dialect.read(&mail, &mail.text, &example(&dialect));
            prop_assert!(reading.foreign_id.is_none_or(|id| !id.is_empty() && id.chars().count() <= 100));
            prop_assert!(dialect.recognise(&mail) <= 100);
        }
    }
}

/// What is long is looked at only as far as its bounds: an id behind them is not found, and nothing takes for ever.
#[test]
fn only_the_beginning_of_what_is_long_is_read() {
    let rt = of("rt");
    let far = format!("{} [rt.infn.example #4711]", "x ".repeat(600));
    let mut long = mail("x");
    long.subject = far;
    assert_eq!(rt.read(&long, "hello", &example(&rt)).foreign_id, None);
    long.subject = "x".to_owned();
    for filler in ["[Ticket#", "Your request (", "Request 1 was acted upon ", "  \n", "Ihre Anfrage ist "] {
        long.text = format!("{}(Ticket#61042) has been received", filler.repeat((1 << 20) / filler.len()));
        for (name, dialect) in dialect::built_in() {
            let reading = dialect.read(&long, &long.text, &example(&dialect));
            assert_eq!(reading.foreign_id, None, "{name}");
        }
    }
    let zammad = of("zammad");
    long.text = "Your request (Ticket#61042) has been received".to_owned();
    assert_eq!(zammad.read(&long, &long.text, &example(&zammad)).foreign_id.as_deref(), Some("61042"));
}

#[test]
fn an_automatic_mark_alone_decides_nothing() {
    let rule = |when: &str| format!("about = \"x\"\n[[mail]]\nname = \"auto\"\nkind = \"solved\"\nwhen = {when}\n");
    for when in [
        "{ header = { Auto-Submitted = 'auto' } }",
        "{ header = { Precedence = 'bulk', List-Id = 'x' } }",
        "{ no_header = ['X-RT-Ticket'] }",
        "{ header = { x-auto-response-suppress = 'All' }, no_header = ['X-RT-Ticket'] }",
        "{ any = [{ subject = 'solved' }, { header = { X-Loop = 'yes' } }] }",
        "{ header = { Precedence = 'bulk' }, wordless = true }",
        "{}",
    ] {
        let found = problems(&rule(when));
        let told = found.len() == 1 && found[0].starts_with("5: mail.auto.when: an automatic mark alone");
        assert!(told, "{when}: {found:?}");
    }
    assert_eq!(problems(&rule("{ header = { Auto-Submitted = 'auto' }, subject = 'solved' }")), [""; 0]);
    let sign = "about = \"x\"\n[[recognise]]\ncertainty = 90\nwhen = { header = { Precedence = 'bulk' } }\n";
    assert_eq!(problems(sign).len(), 1);
    let marks = "Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\nX-Auto-Response-Suppress: All\r\nX-Loop: yes\r\n\
                 List-Id: <x.example>\r\nSubject: hello\r\n\r\nhello\r\n";
    let mail = parse(marks.as_bytes(), &ReadLimits::default());
    for (name, dialect) in dialect::built_in() {
        assert_eq!(dialect.read(&mail, "hello", &example(&dialect)).kind, None, "{name}");
    }
}

/// What its people write means what it means whatever marks a server puts on it or takes off. With a mark that it had not,
/// a dialect may at most take it for a program's answer, since people's programs answer too; it never becomes another thing.
#[test]
fn a_mark_makes_no_other_thing_of_a_persons_words() {
    const MARKS: [&str; 3] = ["Auto-Submitted: auto-generated", "Precedence: bulk", "X-Auto-Response-Suppress: All"];
    let is_mark = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        MARKS.iter().any(|mark| mark.split(':').next().is_some_and(|known| known.eq_ignore_ascii_case(name)))
    };
    let words = [Kind::Comment, Kind::Question, Kind::Reopened, Kind::Solved, Kind::Unsolved];
    let mut wrong = Vec::new();
    // A program's words: with their own marks alone Zammad and OTRS tell that a ticket was closed.
    let of_a_program =
        |sample: &Sample| matches!(sample.reading().rule.as_str(), "notification of closing" | "trigger on closing");
    let by_people =
        |sample: &&Sample| sample.expected.kind.is_some_and(|kind| words.contains(&kind)) && !of_a_program(sample);
    for sample in samples().iter().filter(by_people) {
        let Ok(raw) = String::from_utf8(std::fs::read(&sample.path).unwrap()) else { continue };
        let (head, body) = raw.split_once("\n\n").unwrap();
        let (marked, bare): (Vec<&str>, Vec<&str>) = head.lines().partition(|line| is_mark(line));
        let read = |lines: &[&str]| {
            let mail = parse(format!("{}\n\n{body}", lines.join("\n")).as_bytes(), &ReadLimits::default());
            sample::read(&of(&sample.dialect), &mail, &sample.expected.parameters)
        };
        let all = [bare.as_slice(), &MARKS].concat();
        let mut ways: Vec<Reading> = vec![read(&all)];
        ways.extend(MARKS.iter().map(|mark| read(&[bare.as_slice(), &[*mark]].concat())));
        let allowed = |kind: Option<Kind>| {
            kind == sample.expected.kind || marked.is_empty() && matches!(kind, None | Some(Kind::Acknowledgement))
        };
        let fine =
            ways.iter().all(|reading| allowed(reading.kind) && reading.foreign_id == sample.reading().foreign_id);
        if !fine {
            let kinds: Vec<_> = ways.iter().map(|reading| reading.kind).collect();
            wrong.push(format!("{}: {kinds:?}", sample.path.display()));
        }
        let without = read(&bare);
        if sample.expected.kind == Some(Kind::Comment) && without.kind.is_some_and(|kind| kind != Kind::Comment) {
            wrong.push(format!("{}: without marks {:?}", sample.path.display(), without.kind));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Everything wrong at once, each with its line and what to do.
#[test]
fn a_dialect_file_is_told_all_its_mistakes() {
    let file = r#"abuot = "x"
[parameters.tag]
about = "the tag"
[[recognise]]
certainty = 101
when = { header = { X-Foo = '.' } }
[[id]]
subject = '\[foo #(\d+)\]'
[[id]]
text = '('
[[id]]
subject = 'foo (?P<number>\d{1,9})'
[[id]]
subjekt = 'x'
[[mail]]
name = "done"
kind = "solved"
internal = true
when = { subject = '(?:done)?' }
[[mail]]
name = "over"
kind = "finished"
when = { subject = 'over' }
[write]
own_tag = "[{hook} #{id}]"
[parameters.key]
about = "the key"
example = "KEY"
told_by = [{ place = { subject = '(?P<key>[A-Z]{1,9})-' }, when = { header = { X-Loop = 'x' } } }]
"#;
    let found = problems(file);
    for wanted in [
        "1: abuot: unknown key",
        ": about: it is not said what this helpdesk is | write about",
        "2: parameters.tag: missing field `example`",
        "5: recognise.1: a certainty is 0 to 100",
        r"8: id.1: a match may be of any length, write {0,80} in place of * and {1,80} in place of +",
        "10: id.2: unclosed group",
        "12: id.3: nobody knows the group number",
        "12: id.3: it is not said which part is the id | put the id's own part in (?P<id>…)",
        "14: id.4: unknown variant `subjekt`",
        "18: mail.done: only a comment is internal",
        "19: mail.done.when.subject: this matches every mail",
        "22: mail.over: unknown variant `finished`",
        "25: write.own_tag: nobody fills {hook}",
        "29: parameters.key: a user's words may stand there too | add when = { header",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(wanted)), "{wanted}\n{found:#?}");
    }
    assert_eq!(found.len(), 14, "{found:#?}");
    assert_eq!(problems("about = \"x\"\nabout = \"y\"\n").len(), 1);
}

/// What rules catch beside the id, and the solution between two marks.
#[test]
fn a_rule_catches_ids_units_reasons_and_solutions() {
    let file = r#"about = "x"
[[mail]]
name = "accepted"
kind = "accepted"
when = { text = '(?i)^we took it as (?P<id>[A-Z]{2}\d{1,9})$' }
[[mail]]
name = "handed over"
kind = "handed-over"
when = { text = '^please ask (?P<unit>\S{1,40})$' }
[[mail]]
name = "refused"
kind = "refused"
when = { text = '^not ours: (?P<reason>[^\n]{1,200})$' }
unless = { no_header = ["X-Foo"] }
[[mail]]
name = "done"
kind = "solved"
when = { header = { X-Foo = 'done' } }
solution_after = '^resolution:'
solution_until = '^-----'
"#;
    let dialect = Dialect::parse("x", file).unwrap();
    let read = |text: &str, headers: &str| {
        let raw = format!("Subject: x\r\n{headers}\r\n{}\r\n", text.replace('\n', "\r\n"));
        let mail = parse(raw.as_bytes(), &ReadLimits::default());
        dialect.read(&mail, &mail.text, &Parameters::new())
    };
    let accepted = read("Hello,\nwe took it as IN4711\n", "");
    assert_eq!((accepted.kind, accepted.foreign_id.as_deref()), (Some(Kind::Accepted), Some("IN4711")));
    assert_eq!(read("please ask ROC_France", "").values["unit"], "ROC_France");
    assert_eq!(read("not ours: wrong site", "").kind, None);
    assert_eq!(read("not ours: wrong site", "X-Foo: 1\r\n").values["reason"], "wrong site");
    let done = read("bla\nresolution: fixed\nDisk was full.\nNow it is not.\n------\nfooter", "X-Foo: done\r\n");
    assert_eq!(done.solution.as_deref(), Some("Disk was full.\nNow it is not."));
}

/// What the systems need that have no file yet: keys of configured projects only, one id in two spellings, kind and id in
/// one header, an id in the address that answers go to.
#[test]
fn ids_of_every_shape_are_found() {
    let read = |file: &str, raw: &str, parameters: &[(&str, &str)]| {
        let dialect = Dialect::parse("x", &format!("about = \"x\"\n{file}")).unwrap_or_else(|why| panic!("{why:#?}"));
        let mail = parse(raw.as_bytes(), &ReadLimits::default());
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let reading = dialect.read(&mail, &mail.text, &parameters);
        (reading.kind, reading.foreign_id)
    };
    let found = |id: &str| (None, Some(id.to_owned()));
    let keys = "[parameters.projects]\nabout = 'keys'\nexample = 'GRID'\n\
                [[id]]\nsubject = '\\b(?P<id>(?P<projects>[A-Z][A-Z0-9_]{1,30})-\\d{1,10})\\b'\n";
    let subject = "Subject: UTF-8 and SHA-256 of CVE-2024-1 [JIRA] (GRID-17) x\r\n\r\nx\r\n";
    assert_eq!(read(keys, subject, &[("projects", "OPS, GRID")]), found("GRID-17"));
    assert_eq!(read(keys, subject, &[]), (None, None));
    let zeros = "[[id]]\nmessage_id = 'GLPI(?:_[a-z0-9]{1,40})?-(?:Ticket-)?0{0,12}(?P<id>[1-9]\\d{0,9})[./]'\n\
                 [[id]]\nsubject = '\\[[^\\[\\]#]{1,60} #0{0,12}(?P<id>[1-9]\\d{0,11})\\]'\n";
    assert_eq!(read(zeros, "Subject: [GLPI #0000123] New ticket x\r\n\r\nx\r\n", &[]), found("123"));
    assert_eq!(read(zeros, "Message-ID: <GLPI_ab12-Ticket-123/new.1.2@glpi.example>\r\n\r\nx\r\n", &[]), found("123"));
    let header = "[[mail]]\nname = 'ack'\nkind = 'acknowledgement'\n\
                  when = { header = { X-Debian-PR-Message = '^ack (?P<id>\\d{1,9})' } }\n";
    let expected = (Some(Kind::Acknowledgement), Some("4711".to_owned()));
    assert_eq!(read(header, "X-Debian-PR-Message: ack 4711\r\n\r\nx\r\n", &[]), expected);
    let address = "[[id]]\nreply_to = '^support\\+id(?P<id>[0-9A-Z]{6}-[0-9A-Z]{4})@'\n";
    let raw = "Reply-To: <support+id1G7EOR-0Q2J@sub.example>\r\n\r\nx\r\n";
    assert_eq!(read(address, raw, &[]), found("1G7EOR-0Q2J"));
}

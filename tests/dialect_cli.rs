//! `dialect` as the administrator of a helpdesk meets it: no configuration, a folder with mails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");

/// Runs in a directory of its own.
fn run_in(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let done: Output = Command::new(PROGRAM)
        .args(["dialect"])
        .args(arguments)
        .current_dir(folder)
        .env_remove("GGUS_CONFIG")
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code().unwrap(), said)
}

fn run(arguments: &[&str]) -> (i32, String) {
    run_in(tempfile::tempdir().unwrap().path(), arguments)
}

fn samples(dialect: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects").join(dialect)
}

fn sample(name: &str) -> String {
    samples(name).to_string_lossy().into_owned()
}

#[test]
fn every_dialect_is_listed_and_shown() {
    let (code, list) = run(&["list"]);
    assert!(code == 0 && list.contains("rt ") && list.contains("Request Tracker"), "{list}");
    let rows: Value = serde_json::from_str(&run(&["list", "--json"]).1).unwrap();
    for row in rows.as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let (code, page) = run(&["show", name]);
        assert!(code == 0 && page.starts_with(&format!("{name}: {}", row["about"].as_str().unwrap())), "{page}");
        let (code, file) = run(&["show", name, "--toml"]);
        let written = std::fs::read_to_string(samples("../../config/dialects").join(format!("{name}.toml"))).unwrap();
        assert_eq!((code, file.trim_end()), (0, written.trim_end()));
    }
    let (_, page) = run(&["show", "rt"]);
    for line in [
        "Parameters of a unit",
        "   95  either  header X-RT-Ticket  #\\d",
        "   1. autoreply: acknowledgement",
        "  and its own, once its id is known  [{tag} #{id}]",
        "For its administrator",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert_eq!(run(&["show", "rtt"]), (1, "there is no dialect \"rtt\"; did you mean \"rt\"?\n".to_owned()));
}

#[test]
fn a_mail_is_identified_by_itself() {
    let identify = |path: &str, more: &[&str]| -> Value {
        let path = sample(path);
        let (code, line) = run(&[&["identify", "--json", path.as_str()], more].concat());
        assert_eq!(code, 0, "{line}");
        serde_json::from_str(&line).unwrap()
    };
    let told = identify("rt/acknowledgement.eml", &[]);
    let names: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["certainty", "dialect", "foreign_id", "hub_id", "index", "kind", "path"]);
    assert_eq!(
        (&told["dialect"], &told["kind"], &told["foreign_id"], &told["hub_id"]),
        (&"rt".into(), &"acknowledgement".into(), &"4711".into(), &57890.into())
    );
    assert_eq!(identify("rt/acknowledgement.eml", &["--tag", "XGUS"])["hub_id"], Value::Null);
    // No hook was given, and it is not the usual one.
    assert_eq!(identify("zammad/own-hook.eml", &[])["foreign_id"], "202611230042");
    assert_eq!(identify("plain/answer.eml", &[])["dialect"], "plain");
    assert_eq!(run(&["identify", "--tag", "G", "x"]).0, 2);
    assert_eq!(run(&["identify", "no-such-file"]).0, 65);
}

/// A helpdesk whose mails have neither a header of its own nor the desk's tag.
const BARE: &str = "From: ops <ops@x.example>\nSubject: Re: [rt.x.example #88] CE\nMessage-ID: <rt-5.0.3-1-2-3.88-4-0@x.example>\nIn-Reply-To: <57890.12.abcdefghijklmno2@ggus.example>\n\nSeen.\n";

#[test]
fn the_desks_ticket_is_known_by_the_form_of_a_message_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("box");
    std::fs::write(&path, format!("From a Mon\n{BARE}\nFrom b Tue\n{}", BARE.replace("abcdefghijklmno2", "x")))
        .unwrap();
    let ids = |more: &[&str]| -> Vec<(Value, Value)> {
        let (code, lines) = run_in(folder.path(), &[&["identify", "--json", "box"], more].concat());
        assert_eq!(code, 0, "{lines}");
        let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| (row["foreign_id"].clone(), row["hub_id"].clone())).collect()
    };
    let (id, ticket) = (|| Value::from("88"), || Value::from(57890));
    assert_eq!(ids(&[]), [(id(), ticket()), (id(), Value::Null)]);
    assert_eq!(ids(&["--domain", "ggus.example"]), [(id(), ticket()), (id(), ticket())]);
    assert_eq!(ids(&["--domain", "other.example"]), [(id(), Value::Null), (id(), Value::Null)]);
    assert_eq!(ids(&["--parameter", "tag=rt.other.example"])[0], (Value::Null, ticket()));
    let (_, table) = run_in(folder.path(), &["identify", "box"]);
    assert_eq!(
        table,
        "mail    dialect  certainty  meaning  its ticket  the desk's\n\
         box     rt       80         comment  88          57890\n\
         box[1]  rt       80         comment  88          -\n"
    );
}

#[test]
fn the_samples_of_every_built_in_dialect_pass() {
    let rows: Value = serde_json::from_str(&run(&["list", "--json"]).1).unwrap();
    for row in rows.as_array().unwrap() {
        let (code, told) = run(&["test", &sample(row["name"].as_str().unwrap())]);
        assert!(code == 0 && told.ends_with("all is well\n"), "{told}");
    }
}

#[test]
fn a_wrong_sample_is_told_field_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    let text = "about = \"x\"\n[[recognise]]\ncertainty = 90\nwhen = { header = { X-Own = '\\S' } }\n\
                [[id]]\nsubject = '\\[Case (?P<id>\\d{1,9})\\]'\n\
                [[mail]]\nname = \"done\"\nkind = \"solved\"\nwhen = { text = 'is done' }\n\
                [[mail]]\nname = \"lost\"\nkind = \"refused\"\nwhen = { text = 'is lost' }\n";
    std::fs::write(&file, text).unwrap();
    std::fs::create_dir(folder.path().join("mails")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join("mails").join(name), text).unwrap();
    write("a.eml", "X-Own: 1\nSubject: [Case 12] x\n\nIt is done.\n");
    write("a.toml", "kind = \"solved\"\nforeign_id = \"13\"\n");
    write("b.eml", "X-Own: 1\nX-RT-Ticket: x #1\nSubject: [Case 14] x\n\nIt is done.\n");
    write("b.toml", "kind = \"solved\"\nforeign_id = \"14\"\n");
    write("c.eml", "X-Own: 1\nSubject: [Case 15] x\n\nIt is done.\n");
    let (code, told) = run_in(folder.path(), &["test", "mails", "--dialect", "own.toml"]);
    let expected = r#"wrong  a.eml: solved by "done", its ticket 12
       foreign_id: expected "13", found "12"
wrong  b.eml: solved by "done", its ticket 14
       it is taken for a mail of rt, with certainty 95 against 90
wrong  c.eml: solved by "done", its ticket 15
       c.toml is missing; where this is right, write it:
           kind = "solved"
           rule = "done"
           foreign_id = "15"
           text = "It is done."

no sample shows the rule "lost"
own: 3 samples, 3 wrong; 1 rule without a sample
"#;
    assert_eq!((code, told.as_str()), (1, expected));
    std::fs::write(&file, "about = \"x\"\n[[id]]\nsubject = 'x+'\n").unwrap();
    let (code, told) = run_in(folder.path(), &["test", "mails", "--dialect", "own.toml"]);
    assert!(code == 78 && told.starts_with("own.toml:3: error: id.1: a match may be of any length"), "{told}");
    assert_eq!(run_in(folder.path(), &["test", "nowhere"]).0, 65);
}

#[test]
fn a_configurations_own_dialects_count() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new(PROGRAM).arg("init").arg(folder.path().join("config")).output().unwrap().status.success());
    std::fs::create_dir_all(folder.path().join("config/dialects")).unwrap();
    std::fs::write(folder.path().join("config/dialects/own.toml"), "about = \"our own\"\n").unwrap();
    let (code, list) = run_in(folder.path(), &["list"]);
    assert!(code == 0 && list.contains("config/dialects/own.toml  our own"), "{list}");
    std::fs::write(folder.path().join("config/dialects/own.toml"), "abuot = \"our own\"\n").unwrap();
    let (code, told) = run_in(folder.path(), &["list"]);
    assert!(code == 78 && told.contains("own.toml:1: error: abuot: unknown key"), "{told}");
    assert_eq!(run_in(folder.path(), &["--config", "none.toml", "list"]).0, 78);
}

/// The tutorial of `config/dialects/README.md`, done as it stands there.
#[test]
fn a_new_helpdesk_is_taught_as_the_tutorial_says() {
    let readme = std::fs::read_to_string(samples("../../config/dialects/README.md")).unwrap();
    let block = |mark: &str| {
        let (_, rest) = readme.split_once(&format!("```{mark}\n")).unwrap_or_else(|| panic!("no block {mark}"));
        let lines =
            rest.lines().take_while(|line| line.trim() != "```").map(|line| line.strip_prefix("   ").unwrap_or(line));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("kummer")).unwrap();
    write("kummer/opened.eml", &block("eml opened"));
    write("kummer/closed.eml", &block("eml closed"));
    let (code, told) = run_in(folder.path(), &["learn", "kummer", "--to", "learnt.toml"]);
    assert_eq!((code, told.as_str()), (0, block("text learn").as_str()));
    let learnt = std::fs::read_to_string(folder.path().join("learnt.toml")).unwrap();
    assert!(learnt.contains(&block("toml learnt")), "{learnt}");
    let (_, table) = run_in(folder.path(), &["identify", "kummer"]);
    assert_eq!(table.matches("plain    5 ").count(), 2, "{table}");
    write("kummer.toml", &block("toml"));
    let test = ["test", "kummer", "--dialect", "kummer.toml"];
    let (code, told) = run_in(folder.path(), &test);
    assert!(code == 1 && told.starts_with(&block("text")), "{told}");
    write("kummer/opened.toml", "kind = \"acknowledgement\"\nforeign_id = \"2041\"\n");
    write("kummer/closed.toml", "kind = \"solved\"\nforeign_id = \"2041\"\n");
    let (code, told) = run_in(folder.path(), &test);
    assert!(code == 0 && told.ends_with("kummer: 2 samples, all is well\n"), "{told}");
}

#[test]
fn a_dialect_is_proposed_and_nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let mail = |id: u32, what: &str| {
        format!("From: h <h@x.example>\nX-Own: y\nSubject: [Case {id}] {what}: [GGUS:{id}] CE\n\nhello {id}\n")
    };
    std::fs::create_dir(folder.path().join("mails")).unwrap();
    write("mails/solved-1.eml", &mail(12, "Fertig"));
    write("mails/b.eml", &mail(13, "Opened"));
    let (code, told) = run_in(folder.path(), &["learn", "mails"]);
    assert!(code == 0 && told.contains("when = { subject = '^\\[Case \\d{1,12}\\] Fertig:' }"), "{told}");
    write("mails/b.toml", "kind = \"acknowledgement\"\nrule = \"any\"\nforeign_id = \"99\"\n");
    let (code, told) = run_in(folder.path(), &["learn", "mails", "--to", "own.toml"]);
    assert!(code == 1 && told.contains("foreign_id: expected \"99\", found \"13\""), "{told}");
    let written = std::fs::read_to_string(folder.path().join("own.toml")).unwrap();
    let (code, told) = run_in(folder.path(), &["learn", "mails", "--to", "own.toml"]);
    assert_eq!((code, told.as_str()), (1, "own.toml is there already; name a file that is not\n"));
    assert_eq!(std::fs::read_to_string(folder.path().join("own.toml")).unwrap(), written);
    write("mails/b.toml", "kind = \"closed\"\n");
    assert_eq!(run_in(folder.path(), &["learn", "mails"]).0, 65);

    let (code, told) = run(&["learn", &sample("rt")]);
    assert!(code == 1 && told.contains("of `rt`, which the desk knows: write dialect = \"rt\" in the unit"), "{told}");
    let (code, told) = run_in(folder.path(), &["learn", "mails/solved-1.eml", &sample("rt/resolved.eml")]);
    assert!(code == 1 && told.contains("\n  `rt`: resolved.eml\n  no dialect that is known: solved-1.eml\n"), "{told}");
    write("empty", "");
    assert_eq!(run_in(folder.path(), &["learn", "empty"]).0, 1);
}

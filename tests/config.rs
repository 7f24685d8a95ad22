//! Configuration: what is wrong is told all at once, with file, line, key and a hint; what is shipped is sound.

use std::path::Path;

use ggus_gateway::config::{self, Severity, sample};

const GATEWAY: &str = "[desk]\naddress = \"support@ggus.example\"\n[store]\npath = \"x.sqlite\"\n[source.a.maildir]\npath = \"in\"\n[relay.maildir]\npath = \"out\"\n";
const ROUTING: &str = "default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@tpm.example\"\n";

/// The problems of two texts, one line each, hints behind a bar.
fn problems(gateway: &str, routing: &str) -> Vec<String> {
    let found = match config::from_texts(gateway, routing, &[7; 32]) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems.0,
    };
    found
        .into_iter()
        .map(|problem| {
            let word = if problem.severity == Severity::Error { "error" } else { "warning" };
            let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{}{line}: {word}: {}: {} | {}", problem.file.display(), problem.key, problem.message, problem.hint)
        })
        .collect()
}

/// The one problem that a text adds to a sound configuration must begin like this.
fn routing_says(text: &str, expected: &str) {
    let found = problems(GATEWAY, &format!("{ROUTING}{text}"));
    assert!(found.len() == 1 && found[0].starts_with(expected), "{text}\nexpected: {expected}\nfound: {found:#?}");
}

fn gateway_says(text: &str, expected: &str) {
    let found = problems(text, ROUTING);
    assert!(found.len() == 1 && found[0].starts_with(expected), "{text}\nexpected: {expected}\nfound: {found:#?}");
}

#[test]
fn the_smallest_configuration_is_sound() {
    assert_eq!(problems(GATEWAY, ROUTING), [""; 0]);
}

#[test]
fn each_mistake_in_routing_is_named() {
    for (text, expected) in [
        ("dialekt = \"rt\"\n", "routing.toml:4: error: unit.TPM.dialekt: unknown key | did you mean \"dialect\"?"),
        (
            "dialect = \"rtt\"\n",
            "routing.toml:4: error: unit.TPM.dialect: unknown dialect \"rtt\" | did you mean \"rt\"?",
        ),
        ("dialect = 7\n", "routing.toml:4: error: unit.TPM.dialect: invalid type: integer `7`, expected a string"),
        ("dialect = \"rt\"\n", "routing.toml:4: warning: unit.TPM.dialect: dialect rt wants the parameter tag"),
        ("parameters = { tagg = \"x\" }\n", "routing.toml:4: error: unit.TPM.parameters.tagg: unknown parameter"),
        ("language = \"xx\"\n", "routing.toml:4: error: unit.TPM.language: unknown value \"xx\""),
        (
            "time_zone = \"Europe/Rom\"\n",
            "routing.toml:4: error: unit.TPM.time_zone: unknown time zone \"Europe/Rom\" | did you mean \"Europe/Rome\"?",
        ),
        (
            "trust = \"address\"\n",
            "routing.toml:4: warning: unit.TPM.trust: whoever knows the unit's address can speak for it",
        ),
        ("reply = \"nothing\"\n", "routing.toml:4: error: unit.TPM.reply: unknown value \"nothing\""),
        ("speakers = [\"nobody\"]\n", "routing.toml:4: error: unit.TPM.speakers: \"nobody\" is no address"),
        ("[unit.A]\n", "routing.toml:4: error: unit.A: address is missing"),
        ("[unit.A]\naddress = \"a b\"\n", "routing.toml:5: error: unit.A.address: \"a b\" is not a mail address"),
        (
            "[unit.A]\naddress = \"support+x@ggus.example\"\n",
            "routing.toml:5: error: unit.A.address: support+x@ggus.example is the desk's own address",
        ),
        (
            "[unit.A]\naddress = \"tpm@tpm.example\"\n",
            "routing.toml:3: error: unit.TPM.address: A has the address tpm@tpm.example too",
        ),
        (
            "sites = [\"X-1\", \"x_1\"]\n",
            "routing.toml:4: error: unit.TPM.sites: site x_1 is known already, as X-1 of TPM",
        ),
        ("[site.X]\naliases = [\"Y\"]\n", "routing.toml:4: error: site.X: no unit has this site"),
        (
            "[site.X]\nunit = \"TMP\"\n",
            "routing.toml:5: error: site.X.unit: unknown unit \"TMP\" | did you mean \"TPM\"?",
        ),
        (
            "[[rule]]\nname = \"a\"\nunit = \"TPN\"\nvo = \"x\"\n",
            "routing.toml:6: error: rule.0.unit: unknown unit \"TPN\" | did you mean \"TPM\"?",
        ),
        (
            "[[rule]]\nname = \"a\"\nunit = \"TPM\"\nsite = \"X\"\n",
            "routing.toml:7: error: rule.0.site: unknown site \"X\"",
        ),
        (
            "[[rule]]\nname = \"a\"\nunit = \"TPM\"\nsubject = \"(\"\n",
            "routing.toml:7: error: rule.0.subject: \"(\": regex parse error",
        ),
        (
            "[[rule]]\nname = \"a\"\nunit = \"TPM\"\ntime = \"late\"\n",
            "routing.toml:7: error: rule.0.time: \"late\" is no span of the day",
        ),
        (
            "[[rule]]\nname = \"a\"\nunit = \"TPM\"\nsender = \"x\"\n",
            "routing.toml:7: error: rule.0.sender: \"x\" is no address",
        ),
        (
            "[[rule]]\nname = \"a\"\nunit = \"TPM\"\n[[rule]]\nname = \"b\"\nunit = \"TPM\"\nvo = \"x\"\n",
            "routing.toml:7: warning: rule.1: rule b is never asked",
        ),
        (
            "[[rule]]\nname = \"a\"\nunit = \"TPM\"\nvo = \"x\"\n[[rule]]\nname = \"a\"\nunit = \"TPM\"\nvo = \"y\"\n",
            "routing.toml:8: error: rule.1: two rules are called \"a\"",
        ),
        (
            "sites = [\"X\"]\n[site.X]\nemergency = \"support@ggus.example\"\n",
            "routing.toml:6: error: site.X.emergency: support@ggus.example is the desk's own",
        ),
        (
            "trust = \"smime\"\n",
            "routing.toml:4: error: unit.TPM.trust: no S/MIME signature is checked | write [smime] with ca_folder",
        ),
        ("signers = [\"Anna\"]\n", "routing.toml:4: error: unit.TPM.signers: \"Anna\" is nobody; write a@b.example"),
        (
            "[units.A]\naddress = \"a@b.example\"\n",
            "routing.toml:4: error: units: unknown key | did you mean \"unit\"?",
        ),
    ] {
        routing_says(text, expected);
    }
    let none = problems(GATEWAY, "[unit.A]\naddress = \"a@b.example\"\n");
    assert!(none[0].contains("default_unit: there is no default unit"), "{none:#?}");
}

#[test]
fn an_alarm_that_would_wake_nobody_is_told() {
    let gateway = format!("{GATEWAY}[smime]\nca_folder = \"ca\"\n");
    let said = |text: &str| problems(&gateway, &format!("{ROUTING}sites = [\"X\", \"Y\"]\n{text}"));
    let alarmer = "[[alarmer]]\nwho = \"/CN=Anna\"\n";
    let found = said(alarmer);
    assert!(found[0].contains("warning: alarmer.0: no site has an emergency address"), "{found:#?}");
    let x = "[site.X]\nemergency = \"x@x.example\"\n";
    assert_eq!(said(&format!("{x}{alarmer}")), [""; 0]);
    let found = said(&format!("{x}{alarmer}site = [\"x\", \"Y\"]\n"));
    assert!(found.len() == 1 && found[0].contains("Y has no emergency address"), "{found:#?}");
    let found = said(&format!("{x}[[alarmer]]\nwho = \"Anna\"\n"));
    assert!(found[0].contains("error: alarmer.0.who: \"Anna\" is nobody; write a@b.example, or a cert"), "{found:#?}");
    let found = said(&format!("{x}{alarmer}site = \"Z\"\n"));
    assert!(found[0].contains("error: alarmer.0.site: unknown site \"Z\""), "{found:#?}");
}

#[test]
fn each_mistake_in_the_gateway_is_named() {
    for (from, to, expected) in [
        ("[store]", "[stor]", "gateway.toml:3: error: stor: unknown key | did you mean \"store\"?"),
        (
            "address = \"support@ggus.example\"",
            "address = \"support\"",
            "gateway.toml:2: error: desk.address: \"support\" is not a mail address",
        ),
        ("[store]", "name = \"G 1\"\n[store]", "gateway.toml:3: error: desk.name: \"G 1\" can't be a tag"),
        (
            "[store]",
            "subaddress = \"\"\n[store]",
            "gateway.toml:3: warning: desk.subaddress: tagged recipient addresses are switched off",
        ),
        ("[store]", "subaddress = \"ab\"\n[store]", "gateway.toml:3: error: desk.subaddress: \"ab\" can't separate"),
        (
            "[store]",
            "submitter_trust = \"smime\"\n[store]",
            "gateway.toml:3: error: desk.submitter_trust: no S/MIME signature is checked",
        ),
        ("[store]", "[smime]\n[store]", "gateway.toml:3: error: smime: ca_folder is missing"),
        ("[store]", "first_ticket = 0\n[store]", "gateway.toml:3: error: desk.first_ticket: 0 is no ticket"),
        (
            "[store]",
            "[limits]\nmail_size = \"25 MB\"\n[store]",
            "gateway.toml:4: error: limits.mail_size: \"25 MB\" is no size",
        ),
        ("[relay.maildir]\npath = \"out\"\n", "", "gateway.toml: error: relay: no relay is configured"),
        ("[source.a.maildir]\npath = \"in\"\n", "", "gateway.toml: warning: source: no source is configured"),
        (
            "[source.a.maildir]\npath = \"in\"",
            "[source.a.imap]\nhost = \"mail.example\"\nuser = \"u\"\npassword = \"p\"\ntls = \"none\"",
            "gateway.toml:9: error: source.a.imap.tls: without encryption the password would travel in clear text",
        ),
        (
            "[source.a.maildir]\npath = \"in\"",
            "[source.a.imap]\nhost = \"mail.example\"\nuser = \"u\"",
            "gateway.toml:7: error: source.a.imap.user: there is no password and no token",
        ),
    ] {
        let text = GATEWAY.replace(from, to);
        let found = problems(&text, ROUTING);
        assert!(found.iter().any(|line| line.starts_with(expected)), "{text}\nexpected: {expected}\nfound: {found:#?}");
    }
    gateway_says(
        &GATEWAY.replace("path = \"in\"", "path = \"in\"\nbatch = 0"),
        "gateway.toml:7: error: source.a.maildir.batch: 0 would take no mail",
    );
}

#[test]
fn all_mistakes_of_all_files_come_at_once() {
    let gateway = GATEWAY.replace("[store]", "nam = \"x\"\nlanguage = \"xx\"\n[store]");
    let found = problems(
        &gateway,
        &format!("{ROUTING}dialect = \"x\"\ncolour = 1\n[unit.B]\n[[rule]]\nname = \"r\"\nunit = \"C\"\n"),
    );
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn a_syntax_error_is_told_with_its_line() {
    let found = problems(&GATEWAY.replace("[store]", "[store"), ROUTING);
    assert!(found[0].starts_with("gateway.toml:3: error: "), "{found:#?}");
}

#[test]
fn the_samples_are_sound_and_init_changes_nothing_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    sample::init(folder.path()).unwrap();
    let path = folder.path().join("gateway.toml");
    let loaded = config::load(&path).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    let secret = std::fs::read(folder.path().join("secret")).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(folder.path().join("secret")).unwrap().permissions()
        ) & 0o777,
        0o600
    );
    std::fs::write(&path, "mine").unwrap();
    sample::init(folder.path()).unwrap();
    assert_eq!(
        (std::fs::read_to_string(&path).unwrap(), std::fs::read(folder.path().join("secret")).unwrap()),
        ("mine".to_owned(), secret)
    );
}

/// Every key that exists stands in the sample: a settings struct names its fields when it is given an unknown one.
#[test]
fn the_sample_names_every_key() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/gateway.toml")).unwrap();
    for section in [
        "desk",
        "files",
        "store",
        "limits",
        "log",
        "outbox",
        "source.a.maildir",
        "source.a.imap",
        "relay.maildir",
        "relay.smtp",
    ] {
        let probe = format!("[{section}]\nno_such_key = 1\n");
        let found = problems(&probe, ROUTING);
        let hint = found
            .iter()
            .find(|line| line.contains("no_such_key: unknown key"))
            .unwrap_or_else(|| panic!("{section}: {found:#?}"));
        let known = hint.split("known here: ").nth(1).unwrap_or_else(|| panic!("{section}: {hint}"));
        for key in known.split(", ") {
            let named = |line: &str| line.trim_start_matches(['#', ' ']).starts_with(&format!("{key} ="));
            assert!(text.lines().any(named), "config/gateway.toml does not name {key} of [{section}]");
        }
    }
}

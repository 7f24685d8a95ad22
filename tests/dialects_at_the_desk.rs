//! Every dialect's sample mails, sent to a desk: what the helpdesk's first mail teaches the desk, whatever it is, and that a
//! helpdesk which answers every mail by itself is never answered.

use std::path::{Path, PathBuf};

use ggus_gateway::config::{self, Loaded};
use ggus_gateway::desk::decision::{Decision, Outbound};
use ggus_gateway::desk::dialect::sample::Expectation;
use ggus_gateway::desk::dialect::{self, Kind};
use ggus_gateway::engine::intake::{self, Rules};
use ggus_gateway::mail::Mail;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::render::template::Templates;
use ggus_gateway::source::Incoming;
use ggus_gateway::store::Store;
use jiff::{SignedDuration, Timestamp};

/// A desk with one unit, which got its first ticket just now.
struct AtTheDesk {
    loaded: Loaded,
    templates: Templates,
    store: Store,
    now: Timestamp,
    mails: usize,
    dispatch: Option<Outbound>,
}

/// A sample of a dialect with what it must mean.
struct Sample {
    path: PathBuf,
    dialect: String,
    text: String,
    expected: Expectation,
}

impl Sample {
    fn mail(&self) -> Mail {
        parse(self.text.as_bytes(), &ReadLimits::default())
    }

    /// The sample as it would come for the desk's ticket 1, in the thread of its dispatch. Each time it is another mail:
    /// the domain of its Message-ID changes, and the left side, which may say what it is, stays.
    fn about(&self, dispatch: &Outbound, time: usize) -> Vec<u8> {
        let (head, body) = self.text.split_once("\n\n").unwrap_or((&self.text, ""));
        let mut fields: Vec<String> = Vec::new();
        for line in head.lines() {
            match fields.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
                Some(field) => *field += &format!("\n{line}"),
                None => fields.push(line.to_owned()),
            }
        }
        let is = |field: &str, name: &str| field.to_lowercase().starts_with(name);
        fields.retain(|field| !is(field, "date:"));
        for field in fields.iter_mut().filter(|field| is(field, "message-id:")) {
            *field = field.replacen('@', &format!("@time-{time}."), 1);
        }
        let ours = format!("<{}>", dispatch.message_id.as_str());
        match fields.iter_mut().find(|field| is(field, "references:")) {
            Some(field) => *field += &format!("\n {ours}"),
            None => fields.push(format!("References: {ours}")),
        }
        fields.push(format!("X-Time: {time}"));
        let head = fields.join("\n").replace("57890", "1");
        format!("{head}\n\n{body}").replace('\n', "\r\n").into_bytes()
    }
}

fn samples() -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects");
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut paths: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "eml")).collect();
    paths.sort();
    paths.into_iter().filter_map(load).collect()
}

/// `None` for a sample whose bytes are no UTF-8: it can't be changed as text.
fn load(path: PathBuf) -> Option<Sample> {
    let text = String::from_utf8(std::fs::read(&path).unwrap()).ok()?.replace("\r\n", "\n");
    let expected = Expectation::parse(&std::fs::read_to_string(path.with_extension("toml")).unwrap()).unwrap();
    let dialect = path.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
    Some(Sample { path, dialect, text, expected })
}

impl AtTheDesk {
    /// A desk whose only helpdesk writes as the sample does, and has the user's ticket. It is called ROC, as in those
    /// samples that repeat the desk's dispatch.
    fn with(sample: &Sample) -> Self {
        let address = sample.mail().sender().unwrap_or_else(|| panic!("{}: nobody", sample.path.display())).to_string();
        let parameters = &sample.expected.parameters;
        let gateway = "[store]\npath = \"none\"\n[relay.maildir]\npath = \"none\"\n[source.none.maildir]\npath = \"none\"\n\
                       [desk]\nname = \"GGUS\"\naddress = \"support@ggus.example\"\n";
        let routing = format!(
            "default_unit = \"TPM\"\n[unit.TPM]\naddress = \"tpm@tpm.example\"\n[unit.ROC]\naddress = {address:?}\ndialect = {:?}\n\
             trust = \"address\"\nsites = [\"its-site\"]\nparameters = {{ {} }}\n",
            sample.dialect,
            parameters.iter().map(|(name, value)| format!("{name} = {value:?}")).collect::<Vec<_>>().join(", ")
        );
        let loaded = config::from_texts(gateway, &routing, &[7; 32]).unwrap_or_else(|problems| panic!("{problems}"));
        let mut desk = Self {
            loaded,
            templates: Templates::built_in(),
            store: Store::in_memory().unwrap(),
            now: "2026-11-23T09:00:00Z".parse::<Timestamp>().unwrap(),
            mails: 0,
            dispatch: None,
        };
        let user = "From: Anna <anna@uni.example>\r\nTo: support@ggus.example\r\nMessage-ID: <user@uni.example>\r\n\
                    Subject: Job submission fails\r\n\r\nSITE: its-site\r\n\r\nAll jobs fail.\r\n";
        let opened = desk.take(user.into());
        let sent = opened.outbound.iter().find(|mail| mail.to.to_string() == address);
        desk.dispatch = Some(sent.unwrap_or_else(|| panic!("{}: no dispatch", sample.path.display())).clone());
        desk
    }

    fn take(&mut self, raw: Vec<u8>) -> Decision {
        self.mails += 1;
        self.now = self.now.checked_add(SignedDuration::from_mins(1)).unwrap();
        let incoming = Incoming::new("test", format!("test:{}", self.mails), raw);
        let rules = Rules { policy: &self.loaded.policy, templates: &self.templates };
        intake::take(rules, &mut self.store, &[incoming], self.now).unwrap().remove(0).decision
    }

    fn take_sample(&mut self, sample: &Sample) -> Decision {
        let raw = sample.about(self.dispatch.as_ref().unwrap(), self.mails);
        self.take(raw)
    }
}

/// A missing acknowledgement is a normal state: whichever mail comes first and carries the helpdesk's id will do.
#[test]
fn the_first_mail_of_any_kind_brings_the_foreign_id() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for sample in samples() {
        let Some(id) = sample.expected.foreign_id.clone() else { continue };
        let decision = AtTheDesk::with(&sample).take_sample(&sample);
        let legs = decision.ticket.iter().flat_map(|ticket| &ticket.legs);
        let known = legs.flat_map(|leg| &leg.foreign_ids).any(|known| *known == id);
        tried += 1;
        if !known {
            wrong.push(format!("{}: {id}: {:?} {:#?}", sample.path.display(), decision.verdict, decision.trail));
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}\n{}", wrong.len(), wrong.join("\n"));
}

/// A helpdesk that confirms everything, the desk's answers too, would go on for ever if the desk answered.
#[test]
fn an_acknowledgement_is_never_answered() {
    let mut with_one = std::collections::BTreeSet::new();
    for sample in samples().iter().filter(|sample| sample.expected.kind == Some(Kind::Acknowledgement)) {
        let mut desk = AtTheDesk::with(sample);
        for time in 1..=5 {
            let decision = desk.take_sample(sample);
            let told = |mail: &Outbound| format!("{} to {}", mail.template.name(), mail.to);
            let sent: Vec<String> = decision.outbound.iter().map(told).collect();
            assert!(sent.is_empty(), "{}, time {time}: {sent:?}\n{:#?}", sample.path.display(), decision.events);
        }
        with_one.insert(sample.dialect.clone());
    }
    let without: Vec<String> = dialect::built_in().into_keys().filter(|name| !with_one.contains(name)).collect();
    assert_eq!(without, ["libredesk", "plain"], "these confirm nothing by themselves");
}

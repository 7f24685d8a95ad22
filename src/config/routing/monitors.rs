//! `[[monitor]]`: monitoring systems whose mails open operational tickets, and the forms of those mails.

use serde::Deserialize;

use super::{OneOrMore, Reader};
use crate::desk::monitor::{Form, Monitor};
use crate::desk::policy::Trust;

/// `[[monitor]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MonitorFile {
    name: String,
    sender: OneOrMore<String>,
    #[serde(default)]
    trust: Trust,
    signers: Option<OneOrMore<String>>,
    alarm: OneOrMore<String>,
    cleared: Option<OneOrMore<String>>,
}

impl Reader<'_> {
    pub fn monitors(&mut self) -> Vec<Monitor> {
        let mut monitors: Vec<Monitor> = Vec::new();
        for at in 0..self.document.entries(&["monitor"]) {
            let index = at.to_string();
            let path = ["monitor", index.as_str()];
            let Some(file) = self.document.section::<MonitorFile>(&path, self.report) else { continue };
            if monitors.iter().any(|monitor| monitor.name == file.name) {
                let message = format!("two monitors are called {:?}", file.name);
                self.document.error(self.report, &path, message, "give each its own name");
            }
            self.monitor_trust(&index, file.trust, file.signers.is_some());
            let senders = self.each(&["monitor", &index, "sender"], file.sender.into_vec());
            let signers = file.signers.map(OneOrMore::into_vec).unwrap_or_default();
            let signers = self.each(&["monitor", &index, "signers"], signers);
            let raised = self.forms(&index, "alarm", file.alarm.into_vec());
            let cleared = self.forms(&index, "cleared", file.cleared.map(OneOrMore::into_vec).unwrap_or_default());
            if let (Some(senders), Some(signers), Some(raised), Some(cleared)) = (senders, signers, raised, cleared) {
                self.same_place(&index, &raised, &cleared);
                monitors.push(Monitor { name: file.name, senders, trust: file.trust, signers, raised, cleared });
            }
        }
        monitors
    }

    fn monitor_trust(&mut self, index: &str, trust: Trust, signers: bool) {
        let path = ["monitor", index, "trust"];
        match trust {
            Trust::Token => {
                let hint = "take \"dkim\", \"smime\" or \"address\"";
                let message = "a monitor answers no mail, so it has no reply token";
                self.document.error(self.report, &path, message, hint);
            }
            Trust::Address => {
                let hint = "take \"dkim\" or \"smime\" as soon as the monitor's mail is signed";
                let message = "whoever knows the monitor's address can open and end operational tickets";
                self.document.warning(self.report, &path, message, hint);
            }
            Trust::Smime => self.needs_smime(&path),
            Trust::Dkim if signers => self.needs_smime(&["monitor", index, "signers"]),
            Trust::Dkim => {}
        }
    }

    fn forms(&mut self, index: &str, key: &str, texts: Vec<String>) -> Option<Vec<Form>> {
        let (read, wrong): (Vec<_>, Vec<_>) = texts.iter().map(|text| Form::parse(text)).partition(Result::is_ok);
        let hint = "write the subject with {check}, {node}, {site} and {any}: \"{check} failed on {node} at {site}\"";
        for why in wrong.iter().filter_map(|one| one.as_ref().err()) {
            self.document.error(self.report, &["monitor", index, key], why.clone(), hint);
        }
        wrong.is_empty().then(|| read.into_iter().flatten().collect())
    }

    /// An alarm is known again by its check and its place, so all forms must tell both, or none.
    fn same_place(&mut self, index: &str, raised: &[Form], cleared: &[Form]) {
        for name in ["check", "node"] {
            let told = raised.iter().chain(cleared).filter(|form| form.tells(name)).count();
            if told > 0 && told < raised.len() + cleared.len() {
                let message = format!("some forms tell {{{name}}} and some do not");
                let hint =
                    "an alarm is known again by its check and its node, or else its site; put both into every form";
                self.document.error(self.report, &["monitor", index], message, hint);
            }
        }
    }
}

//! What becomes of an open ticket whose site has just lost its certification.
//!
//! Tickets go to ROCs: there is nothing to pass where the ROC has it, or where somebody sent it elsewhere on purpose (a
//! team, the triaging unit); those get a note. Only where `routing.toml` sends the site's tickets to a unit of the site's
//! own does it wait for people who are no longer there to answer: then it goes to the ROC.

use super::Certification;
use crate::desk::decision::Act;
use crate::desk::policy::UnitName;

/// A site that is no longer certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub site: String,
    /// What it is now.
    pub now: Certification,
    /// The unit that stands for its ROC.
    pub roc: UnitName,
    /// The unit to which `routing.toml` sends its tickets, where that is not the ROC's.
    pub own: Option<UnitName>,
}

impl Left {
    /// What to do with one of its open tickets, which this unit has.
    pub fn act(&self, unit: Option<&UnitName>) -> Act {
        let Self { site, now, roc, own } = self;
        let text = format!("{site} is no longer certified in GOCDB, but {}.", now.word().to_lowercase());
        match unit {
            Some(unit) if own.as_ref() == Some(unit) => Act::Assign { unit: roc.clone(), text: Some(text) },
            _ => Act::Comment { text, public: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_ticket_that_waits_at_the_sites_own_unit_goes_to_the_roc() {
        let mut left = Left {
            site: "INFN-T1".to_owned(),
            now: Certification::Suspended,
            roc: "ROC_Italy".into(),
            own: Some("INFN-T1 desk".into()),
        };
        let is_passed = |left: &Left, unit: Option<&str>| match left.act(unit.map(UnitName::from).as_ref()) {
            Act::Assign { unit, text } => unit == left.roc && text.is_some_and(|text| text.contains("suspended")),
            Act::Comment { public, .. } => {
                assert!(!public);
                false
            }
            other => panic!("{other:?}"),
        };
        assert!(is_passed(&left, Some("INFN-T1 desk")));
        for unit in [Some("ROC_Italy"), Some("TPM"), None] {
            assert!(!is_passed(&left, unit), "{unit:?}");
        }
        left.own = None;
        assert!(!is_passed(&left, None));
    }
}

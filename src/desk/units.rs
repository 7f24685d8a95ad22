//! All units of a desk, by name and by the addresses that may stand for them: found in the same time whether there are
//! twelve or two thousand. Copies share the units; a copy holds only those of its own that differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::policy::{AddressPattern, Unit, UnitName};
use crate::mail::Address;

/// The units as configured, and those that differ because their dialect was recognised since. No unit is added or loses
/// an address by that.
#[derive(Clone, Debug, Default)]
pub struct Units {
    shared: Arc<Shared>,
    own: BTreeMap<UnitName, Unit>,
}

#[derive(Debug, Default)]
struct Shared {
    by_name: BTreeMap<UnitName, Unit>,
    /// Names of the units of an address, and of a domain as a whole.
    by_address: BTreeMap<String, BTreeSet<UnitName>>,
    by_domain: BTreeMap<String, BTreeSet<UnitName>>,
}

impl From<BTreeMap<UnitName, Unit>> for Units {
    fn from(by_name: BTreeMap<UnitName, Unit>) -> Self {
        let mut shared = Shared::default();
        for (name, unit) in &by_name {
            shared.by_address.entry(unit.address.key()).or_default().insert(name.clone());
            for speaker in &unit.speakers {
                let names = match speaker {
                    AddressPattern::One(address) => shared.by_address.entry(address.key()),
                    AddressPattern::Domain(domain) => shared.by_domain.entry(domain.to_ascii_lowercase()),
                };
                names.or_default().insert(name.clone());
            }
        }
        Self { shared: Arc::new(Shared { by_name, ..shared }), own: BTreeMap::new() }
    }
}

impl Units {
    /// The unit of that name.
    pub fn get(&self, name: &UnitName) -> Option<&Unit> {
        self.own.get(name).or_else(|| self.shared.by_name.get(name))
    }

    pub fn contains_key(&self, name: &UnitName) -> bool {
        self.shared.by_name.contains_key(name)
    }

    pub fn len(&self) -> usize {
        self.shared.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.shared.by_name.is_empty()
    }

    /// Their names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &UnitName> {
        self.shared.by_name.keys()
    }

    /// In the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &Unit> {
        self.shared.by_name.iter().map(|(name, unit)| self.own.get(name).unwrap_or(unit))
    }

    /// The units that list an address among their speakers, in the order of their names.
    pub fn of(&self, address: &Address) -> impl Iterator<Item = &Unit> {
        let by_address = self.shared.by_address.get(&address.key());
        let by_domain = self.shared.by_domain.get(&address.domain().to_ascii_lowercase());
        let names: BTreeSet<&UnitName> = by_address.into_iter().chain(by_domain).flatten().collect();
        names.into_iter().filter_map(|name| self.get(name))
    }

    /// Puts a unit in the place of the one of its name, in this copy only. Its addresses must be the same.
    pub fn replace(&mut self, unit: Unit) {
        if self.contains_key(&unit.name) {
            self.own.insert(unit.name.clone(), unit);
        }
    }
}

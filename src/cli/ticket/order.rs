//! What a person does to tickets by `ticket`: carried out, and told.

use std::path::Path;

use super::super::{Failure, load, open_store, operator, print};
use crate::daemon::clock;
use crate::desk::decision::{Act, Decision, Order};
use crate::desk::ops::Opening;
use crate::desk::ticket::TicketId;
use crate::engine::intake::{self, Rules};
use crate::engine::orders;

pub fn order(config: &Path, number: u64, act: Act) -> Result<(), Failure> {
    let (loaded, templates) = load(config)?;
    let mut store = open_store(&loaded)?;
    let rules = Rules { policy: &loaded.policy, templates: &templates };
    let order = Order { ticket: TicketId(number), by: operator(), act };
    let decision = intake::order(rules, &mut store, &order, clock::now())?;
    tell(&decision)
}

/// Opens an operational ticket.
pub fn open(config: &Path, opening: &Opening) -> Result<(), Failure> {
    let (loaded, templates) = load(config)?;
    let mut store = open_store(&loaded)?;
    let rules = Rules { policy: &loaded.policy, templates: &templates };
    tell(&orders::open(rules, &mut store, opening, &operator(), clock::now())?)
}

/// What became of a ticket, and who is written to.
fn tell(decision: &Decision) -> Result<(), Failure> {
    if let Some(ticket) = &decision.ticket {
        let unit = ticket.unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default();
        print(&format!("ticket {} is {}{unit}", ticket.id, ticket.status))?;
    }
    for mail in &decision.outbound {
        print(&format!("queued {} to {}", mail.template.name(), mail.to))?;
    }
    Ok(())
}

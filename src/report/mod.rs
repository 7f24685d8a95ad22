//! Reports: a period of the desk in figures. Pure: the store tells the facts of one ticket after the other, [`Tally`] keeps
//! what they come to and no ticket, and [`Tally::report`] gives the figures. It knows no format but JSON's names, which are
//! a public interface; text, CSV and the page are made by who prints them.
//!
//! Everything is read off the facts that the desk wrote when they happened, never counted again by today's settings: what
//! was overdue is what fell due then.

mod course;
mod figures;
mod period;
mod spread;
mod tally;

pub use course::{Fact, TicketFacts};
pub use figures::{BacklogRow, FlowRow, GroupRow, Late, Report, Totals, UnitRow};
pub use period::Period;
pub use spread::Spread;
pub use tally::Tally;

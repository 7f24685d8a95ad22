//! The engine: it joins the pure desk to the store. SYNC, no clock, no network: the time is an argument, and what is to
//! be sent is handed to the daemon, which brings the answer back.
//!
//! A batch of mails is decided inside one write transaction, each mail in a savepoint of its own, and committed once. A
//! mail that makes the code panic spoils only itself: it goes to quarantine with its bytes and the reason.

pub mod delivery;
mod digests;
pub mod intake;
pub mod orders;
mod pace;
pub mod reroute;
pub mod retention;
pub mod timers;
pub mod units;

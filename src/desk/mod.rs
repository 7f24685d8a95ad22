//! The desk's decisions: what a mail means, whose it is, who may say it, and who must hear of it.
//!
//! PURE. [`inquiry::inquire`] says what must be known, the store answers with one [`inquiry::Snapshot`], and
//! [`decide::decide`] turns policy, input, snapshot and time into one [`decision::Decision`]. Never async, never fails,
//! never logs: strange mail is data, and every decision carries its reasons.

pub mod alarm;
pub mod announce;
pub mod bond;
pub mod bounce;
pub mod calendar;
pub mod case;
pub mod decide;
pub mod decision;
pub mod dialect;
pub mod digest;
pub mod draft;
pub mod event;
pub mod gocdb;
pub mod guard;
pub mod hurry;
pub mod inquiry;
pub mod known;
pub mod leg;
pub mod letter;
pub mod machine;
pub mod matching;
pub mod monitor;
pub mod notify;
pub mod open;
pub mod ops;
pub mod order;
pub mod person;
pub mod policy;
pub mod probe;
pub mod recognise;
pub mod redact;
pub mod reroute;
pub mod retention;
pub mod rhythm;
pub mod route;
pub mod speak;
pub mod stage;
pub mod tag;
pub mod ticket;
pub mod timer;
pub mod title;
pub mod trail;
pub mod unit;
pub mod units;
pub mod user;
pub mod wish;

//! Mail as values: from bytes to a [`Mail`], and what can be read off it.
//!
//! Everything here is a pure function of its input. It knows nothing of tickets, units or stores, and it never fails:
//! a strange mail is data, with its faults listed.

pub mod absence;
pub mod address;
pub mod authres;
pub mod block;
pub mod control;
pub mod form;
pub mod html;
pub mod language;
mod lines;
pub mod message;
pub mod original;
pub mod parse;
mod pattern;
pub mod plain;
pub mod reply;
pub mod report;
pub mod signals;
pub mod smime;

pub use address::{Address, Mailbox};
pub use message::{Attachment, Author, Digest, Fault, Header, Mail, MessageId};

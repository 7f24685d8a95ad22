//! The contract of the store: what it keeps, what it gives back, and what it survives. A second database, should there
//! ever be one, begins by passing this.

mod batches;
mod copies;
mod crashes;
mod files;
mod keeping;
mod known;
mod listings;
mod outbox;
mod redaction;
mod world;

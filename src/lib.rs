//! The GGUS gateway: a hub that joins helpdesks by mail.
//!
//! A mail's way is a pipeline of values: a [`source`] hands over bytes, [`mail`] reads them, the [`desk`] says what it must
//! know and, from the [`store`]'s answer, decides; [`render`] composes what follows, and the [`engine`] records all of it in
//! one transaction. The [`daemon`] wires this together with a [`relay`] and the only clock. ARCHITECTURE.md has the picture,
//! the invariants, and why it is so; CONTRIBUTING.md answers "where do I add …?".
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod credential;
pub mod daemon;
pub mod desk;
pub mod engine;
pub mod health;
pub mod mail;
pub mod proof;
pub mod relay;
pub mod render;
pub mod report;
pub mod settings;
pub mod source;
pub mod store;

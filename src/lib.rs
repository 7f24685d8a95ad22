//! The GGUS gateway: a hub that joins helpdesks by mail.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod credential;
pub mod daemon;
pub mod desk;
pub mod engine;
pub mod health;
pub mod mail;
pub mod relay;
pub mod render;
pub mod source;
pub mod store;

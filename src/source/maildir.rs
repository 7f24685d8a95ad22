//! The Maildir source: an MTA on this host delivers into `new/`, the gateway moves what it has kept into `cur/`.

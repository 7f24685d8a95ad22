//! The Maildir relay: writes each parcel as a file into a directory. For trying things out, and for an MTA that picks up.

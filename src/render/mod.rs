//! From decisions to mails: texts from templates, bytes from texts.
//!
//! PURE. To whom a mail goes and why is the desk's business; nothing here decides.

pub mod compose;
mod header;

pub use compose::compose;

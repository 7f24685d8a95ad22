//! From decisions to mails: texts from templates, bytes from texts.
//!
//! PURE, save one file: `folder` reads the templates that an operator keeps beside the configuration. To whom a mail goes
//! and why is the desk's business; nothing here decides.

pub mod announcement;
mod built_in;
mod check;
pub mod compose;
mod folder;
mod header;
pub mod report;
pub mod template;
mod words;

pub use check::TemplateProblem;
pub use compose::compose;
pub use template::Templates;

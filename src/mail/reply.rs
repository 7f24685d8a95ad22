//! The newest text of a reply: what the person wrote this time, apart from quotes, signature and footers.
//!
//! It is for display and for finding control lines. The whole mail is always kept, and where cutting would leave
//! nothing of a mail that is no reply, nothing is cut.

/// A text taken apart. The three parts in order need not add up to the input (blank lines at the seams are dropped).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// What was written now.
    pub newest: String,
    /// Quoted text, with the line that introduces it.
    pub quoted: String,
    /// Signature, list footer, disclaimer.
    pub signature: String,
}

/// Cuts the newest text out of a mail's text (line ends `\n`).
pub fn cut(text: &str) -> Cut {
    let _ = text;
    todo!("reader")
}

/// Whether a text is only thanks: short, in one of the six languages, without a "but", a question or a number.
pub fn only_thanks(newest: &str) -> bool {
    let _ = newest;
    todo!("reader")
}

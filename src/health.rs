//! How a part of the daemon fares, in words for a person.

/// The latest report of each part is kept and shown by `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Working; with a short note such as `idle, 4 mails taken`.
    Well(String),
    /// Not working for now and trying again by itself: what happened, and when it tries again.
    Trouble(String),
    /// Working again only after a person did something, such as a rejected login: what happened and what to do.
    Blocked(String),
}

impl Health {
    /// Nobody need do anything.
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Well(_))
    }

    /// What it says.
    pub fn text(&self) -> &str {
        match self {
            Self::Well(text) | Self::Trouble(text) | Self::Blocked(text) => text,
        }
    }
}

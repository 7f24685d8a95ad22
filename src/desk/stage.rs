//! How far a unit's interface with the desk has come, in a word.

use serde::Serialize;

/// The stages, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Nothing,
    /// The relay took a ticket.
    Delivered,
    /// Proven mail of the unit came back on a ticket.
    Answers,
    /// Its helpdesk has told its own id.
    ReturnsIds,
    /// And it has solved a ticket by mail.
    Full,
}

/// Tickets that came so far at a unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    pub delivered: u64,
    pub answered: u64,
    pub acknowledged: u64,
    pub solved: u64,
}

impl Stage {
    pub const ALL: [Self; 5] = [Self::Nothing, Self::Delivered, Self::Answers, Self::ReturnsIds, Self::Full];

    /// Of what has come so far. A unit that solves and never tells an id answers, and no more: its tickets can't be found
    /// by what it calls them.
    pub fn of(reached: Reached) -> Self {
        match reached {
            Reached { acknowledged: 1.., solved: 1.., .. } => Self::Full,
            Reached { acknowledged: 1.., .. } => Self::ReturnsIds,
            Reached { answered: 1.., .. } | Reached { solved: 1.., .. } => Self::Answers,
            Reached { delivered: 1.., .. } => Self::Delivered,
            _ => Self::Nothing,
        }
    }

    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing yet",
            Self::Delivered => "mail delivered",
            Self::Answers => "acknowledges",
            Self::ReturnsIds => "stores and returns ids",
            Self::Full => "full",
        }
    }

    /// As it is written on the command line: `returns-ids`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Delivered => "delivered",
            Self::Answers => "answers",
            Self::ReturnsIds => "returns-ids",
            Self::Full => "full",
        }
    }

    /// From that.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_a_stage() {
        for ((delivered, answered, acknowledged, solved), stage) in [
            ((0, 0, 0, 0), Stage::Nothing),
            ((1, 0, 0, 0), Stage::Delivered),
            ((2, 1, 0, 0), Stage::Answers),
            ((2, 1, 0, 1), Stage::Answers),
            ((2, 1, 1, 0), Stage::ReturnsIds),
            ((2, 2, 1, 1), Stage::Full),
        ] {
            assert_eq!(Stage::of(Reached { delivered, answered, acknowledged, solved }), stage);
        }
    }
}

//! The clock. The only place that asks what time it is; everything else gets it as an argument.

use std::time::Instant;

use jiff::Timestamp;

/// Now.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A mark to measure how long something takes.
pub fn mark() -> Instant {
    Instant::now()
}

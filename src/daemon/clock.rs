//! The clock. The only place that asks what time it is; everything else gets it as an argument.

use jiff::Timestamp;

/// Now.
pub fn now() -> Timestamp {
    Timestamp::now()
}

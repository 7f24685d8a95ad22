//! How long something took: the median and the 90th percentile, each a time that was really taken (nearest rank).

use serde::Serialize;

/// Times, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    pub count: u64,
    /// Half of them took no longer. `None` where there is none.
    pub median: Option<i64>,
    /// Nine of ten took no longer.
    pub ninetieth: Option<i64>,
}

impl Spread {
    /// Of these times, in any order.
    pub fn of(times: &[i64]) -> Self {
        let mut times = times.to_vec();
        times.sort_unstable();
        let rank = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Self { count: times.len() as u64, median: rank(50), ninetieth: rank(90) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_times_that_were_taken() {
        assert_eq!(Spread::of(&[]), Spread::default());
        assert_eq!(Spread::of(&[7]), Spread { count: 1, median: Some(7), ninetieth: Some(7) });
        let ten = Spread::of(&[10, 1, 9, 2, 8, 3, 7, 4, 6, 5]);
        assert_eq!((ten.median, ten.ninetieth), (Some(5), Some(9)));
        let eleven: Vec<i64> = (1..=11).collect();
        assert_eq!((Spread::of(&eleven).median, Spread::of(&eleven).ninetieth), (Some(6), Some(10)));
    }
}

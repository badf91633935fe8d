//! Medians and percentiles: what many measurements say together.

use std::time::Duration;

/// The middle of some values; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

/// The value below which `percent` of the values lie (nearest rank); 0 of none.
pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// Microseconds, with their fraction.
pub fn micros(passed: Duration) -> f64 {
    passed.as_secs_f64() * 1e6
}

/// How many a second.
pub fn rate(count: usize, passed: Duration) -> f64 {
    count as f64 / passed.as_secs_f64()
}

/// One number a round, of two things that took turns.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    ours: Vec<f64>,
    beside: Vec<f64>,
}

impl Rounds {
    /// Notes a round.
    pub fn note(&mut self, ours: f64, beside: f64) {
        self.ours.push(ours);
        self.beside.push(beside);
    }

    /// The median of ours, then of what stood beside.
    pub fn medians(&self) -> (f64, f64) {
        (median(&self.ours), median(&self.beside))
    }
}

/// The p50 and p99 of two things that took turns, round by round.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    /// The p50 of each round.
    pub p50: Rounds,
    /// The p99 of each round.
    pub p99: Rounds,
}

impl Spread {
    /// Notes a round of samples.
    pub fn note(&mut self, ours: &[f64], beside: &[f64]) {
        self.p50.note(percentile(ours, 50.0), percentile(beside, 50.0));
        self.p99.note(percentile(ours, 99.0), percentile(beside, 99.0));
    }
}

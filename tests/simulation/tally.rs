//! What a run covered, in numbers that a report prints.

use serde::{Deserialize, Serialize};

/// Counts over one seed or over many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Histories.
    pub seeds: u64,
    /// Steps of them, the settling at the end included.
    pub steps: u64,
    /// Seconds that passed, by the clock, for all tills together.
    pub node_seconds: u64,
    /// Receipts printed.
    pub sales: u64,
    /// Ops written into journals.
    pub ops: u64,
    /// Times that somebody looked whether the laws hold.
    pub checks: u64,
    /// Calls or answers that never arrived.
    pub dropped: u64,
    /// Calls that arrived twice.
    pub repeated: u64,
    /// Calls that arrived after later ones.
    pub reordered: u64,
    /// Calls or answers that were cut short.
    pub truncated: u64,
    /// Tills switched off in order.
    pub restarts: u64,
    /// Tills whose power went out.
    pub power_cuts: u64,
    /// Writes of theirs that a disk had not synced and forgot.
    pub lost_writes: u64,
    /// Writes of which a disk kept a part.
    pub torn_writes: u64,
    /// Tills put back to an old copy.
    pub put_back: u64,
    /// Tills of which there were two.
    pub clones: u64,
    /// Tills destroyed.
    pub destroyed: u64,
    /// Head offices put back to a backup.
    pub office_put_back: u64,
    /// Head offices ended and started again.
    pub office_restarts: u64,
    /// Clocks that jumped.
    pub clock_jumps: u64,
    /// Devices closed for good.
    pub retired: u64,
    /// Devices that went on elsewhere.
    pub moved: u64,
    /// Lines of holds withdrawn because the goods were not there.
    pub withdrawn: u64,
    /// Units handed out beyond what was there, of those that no limit explains. Always 0.
    pub oversold: u64,
    /// The most units of a row that were handed out beyond what was there, because of a limit.
    pub deficit_max: u64,
    /// What the limit allowed there.
    pub deficit_bound: u64,
    /// Calls that were answered that the database is away: a machine that stood still for longer than a
    /// connection may take, and the only thing in a day that real time decides.
    pub away: u64,
    /// The most times that everybody had to call before all was settled.
    pub settling_max: u64,
}

impl std::ops::AddAssign<&Self> for Tally {
    /// Adds what another run covered.
    fn add_assign(&mut self, other: &Self) {
        let sums: [(&mut u64, u64); 23] = [
            (&mut self.seeds, other.seeds),
            (&mut self.steps, other.steps),
            (&mut self.node_seconds, other.node_seconds),
            (&mut self.sales, other.sales),
            (&mut self.ops, other.ops),
            (&mut self.checks, other.checks),
            (&mut self.dropped, other.dropped),
            (&mut self.repeated, other.repeated),
            (&mut self.reordered, other.reordered),
            (&mut self.truncated, other.truncated),
            (&mut self.restarts, other.restarts),
            (&mut self.power_cuts, other.power_cuts),
            (&mut self.lost_writes, other.lost_writes),
            (&mut self.torn_writes, other.torn_writes),
            (&mut self.put_back, other.put_back),
            (&mut self.clones, other.clones),
            (&mut self.destroyed, other.destroyed),
            (&mut self.office_put_back, other.office_put_back),
            (&mut self.office_restarts, other.office_restarts),
            (&mut self.clock_jumps, other.clock_jumps),
            (&mut self.withdrawn, other.withdrawn),
            (&mut self.retired, other.retired),
            (&mut self.moved, other.moved),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.oversold += other.oversold;
        self.away += other.away;
        self.settling_max = self.settling_max.max(other.settling_max);
        if other.deficit_max > self.deficit_max {
            (self.deficit_max, self.deficit_bound) = (other.deficit_max, other.deficit_bound);
        }
    }
}

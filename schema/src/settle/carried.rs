//! What an earlier life of the same device wrote down and could not tell itself.
//!
//! A device that was put back to an old image goes on under a new life, which inherits nothing. What it
//! had written since the image is carried over, entry by entry, each under its first identity: it counts
//! against the allotment of the life that wrote it, and once, whichever life tells it first.

use super::decide::{At, Batch, Decision};
use crate::{
    op::{Carried, LifeEnded, Op},
    settle::{Brought, decode},
    verdict::{Refusal, SetAside, Verdict},
};

impl Batch<'_> {
    pub(super) fn carried(&mut self, at: At, carried: Carried) -> Decision {
        let Carried { incarnation_id: life, entry } = carried;
        let mark = entry.mark();
        // A life that was not loaded is not one of this device's.
        let elder = self.known.elders.get(&life).ok_or(SetAside::NoRight)?;
        if elder.told.contains(&mark) {
            return Ok(Verdict::Accepted);
        }
        let op = decode(&entry)?;
        let kind = op.kind();
        let verdict = match op {
            // Whoever asked is no longer the one who would get it.
            Op::AllotmentAsked(_) | Op::CancelAsked(_) => Verdict::Refused(Refusal::LifeOver),
            // One carries another life's entry as it was written, never one that is carried already.
            Op::Carried(_) | Op::LifeEnded(_) => Verdict::Accepted,
            op @ (Op::Sale(_)
            | Op::CustomerAdded(_)
            | Op::AddressAdded(_)
            | Op::Reviewed(_)
            | Op::Received(_)
            | Op::Counted(_)
            | Op::GaveBack(_)
            | Op::StatusTold(_)) => {
                self.elder = Some(life);
                let decision = self.op(At { seq: at.seq, at: entry.hlc.at }, op);
                self.elder = None;
                decision?
            }
        };
        self.known.elders.entry(life).or_default().told.insert(mark);
        self.settled.carried.push(Brought { seq: at.seq, life, mark, kind });
        Ok(verdict)
    }

    pub(super) fn life_ended(&mut self, ended: LifeEnded) -> Decision {
        if !self.known.elders.contains_key(&ended.incarnation_id) {
            return Err(SetAside::NoRight);
        }
        self.settled.ended.push(ended.incarnation_id);
        Ok(Verdict::Accepted)
    }
}

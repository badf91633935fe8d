//! Somebody looked. What was seen is true of one moment, which the count's cut names; what was done before it and is
//! told afterwards is answered with its opposite, so that it is in the book once.

use serde_json::json;

use super::decide::{At, Batch, Decision};
use crate::{
    count::{Cut, InForce, Span, Told, When},
    op::{Count, CountLine},
    planted::{Bug, is_planted},
    settle::Moved,
    stock::{Movement, Reason, StockKey},
    verdict::{ConcernKind, Verdict},
};

/// A movement that was told, for a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// The op.
    pub told: Told,
    /// What it moved.
    pub delta: i64,
    /// Whether it is what was written off with a lost device: some of that may be back, as soon as the device is heard.
    pub is_written_off: bool,
}

/// How a count stands to the one before it.
enum Order {
    /// It saw what that one had seen: it counts from now on.
    Later,
    /// That one saw more.
    Earlier,
    /// Neither saw what the other had.
    Unordered,
}

impl Batch<'_> {
    pub(super) fn counted(&mut self, at: At, count: &Count) -> Decision {
        self.may_move(count.warehouse_id, count.lines.iter().map(|line| line.product_id))?;
        for (line, number) in count.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: count.warehouse_id };
            match &count.cut {
                Some(cut) if !self.author.homes.contains(&key.warehouse_id) => {
                    // At a home that it left, its own book says so, too.
                    self.own_by(key, line.delta);
                    self.counted_within(at, (number, count.lines.len()), key, line, cut);
                }
                // Only its own device sells these goods, and it has told all of that: what it may sell and what is
                // there change by the same number, here as in its own book.
                Some(_) | None => {
                    self.find_what_was_lost_at_home(key, line);
                    self.put_or_take(at, number, key, line.delta, Reason::Counted);
                }
            }
        }
        Ok(Verdict::Accepted)
    }

    fn counted_within(&mut self, at: At, (number, lines): (i32, usize), key: StockKey, line: &CountLine, cut: &Cut) {
        // The device laid what it took to be the difference over its image; the true one may be none.
        self.tell_rows_again([key].into());
        let Some(life) = self.told.life else { return };
        let while_counting = self.span(cut.since, cut.ended(at.at));
        let lines = i32::try_from(lines).unwrap_or(i32::MAX);
        let count = InForce {
            life,
            seq: self.told.seq,
            cut: cut.clone(),
            while_counting,
            counted: line.counted,
            line: number,
            lines,
            answered: 0,
            doubtful: 0,
        };
        match self.known.counts.get(&key).map_or(Order::Later, |before| order(&count, before)) {
            Order::Later => self.count_anew(at, number, key, count),
            Order::Earlier => {}
            Order::Unordered => self.want_recount(at.seq, key, &count, line.counted),
        }
    }

    /// The book says what was seen, and what moved beyond that.
    fn count_anew(&mut self, at: At, number: i32, key: StockKey, mut count: InForce) {
        let past = self.known.moved.get(&key).map_or(&[][..], Vec::as_slice);
        let beyond: i64 = past.iter().map(|past| count.beyond(past.told, past.delta)).sum();
        let doubtful = past.iter().filter(|past| count.when(past.told) == When::Doubtful);
        count.doubtful = doubtful.map(|past| past.delta.saturating_abs()).sum();
        // The eyes saw them. Those that the device had sold by then come back by an op from before, which moves nothing.
        let may_be_back = past.iter().any(|past| past.is_written_off && count.when(past.told) != When::Before);
        let balance = self.known.levels.get(&key).map_or(0, |level| level.balance);
        let delta = count.counted + beyond - balance;
        self.find_what_was_lost(key, delta);
        self.move_stock(at, number, key, delta, Reason::Counted);
        if count.doubtful > 0 || may_be_back {
            self.want_recount(at.seq, key, &count, count.counted);
        } else {
            let subject = format!("{}/{}", key.product_id, key.warehouse_id);
            self.settled.closed.push((ConcernKind::RecountWanted, subject));
        }
        self.known.counts.insert(key, count);
        self.settled.counts.insert(key);
    }

    /// Something moved that is no count: if the last count had seen it, or may have, the count answers.
    pub(super) fn answer_by_count(&mut self, at: At, key: StockKey, delta: i64) {
        let told = self.told;
        if let Some(past) = self.known.moved.get_mut(&key) {
            past.push(Past { told, delta, is_written_off: false });
        }
        let Some(count) = self.known.counts.get_mut(&key) else { return };
        let (when, beyond) = (count.when(told), count.beyond(told, delta));
        if when == When::After || is_planted(Bug::LateSaleCounted) {
            return;
        }
        if when == When::Doubtful {
            count.doubtful = count.doubtful.saturating_add(delta.saturating_abs());
        }
        let (of, line, opposite) = ((count.life, count.seq), count.next_line(), beyond - delta);
        count.answered += i32::from(opposite != 0);
        let count = count.clone();
        self.settled.counts.insert(key);
        if opposite != 0 {
            self.level(key).balance += opposite;
            let movement = Movement { key, delta: opposite, why: Reason::Counted.into() };
            self.settled.movements.push(Moved { told, of: Some(of), seq: of.1, line, at: at.at, movement });
        }
        if when == When::Doubtful && !is_planted(Bug::DoubtUntold) {
            self.want_recount(at.seq, key, &count, count.counted);
        }
    }

    pub(super) fn want_recount(&mut self, seq: i64, key: StockKey, count: &InForce, counted: i64) {
        let detail = json!({
            "product": key.product_id, "warehouse": key.warehouse_id, "counted": counted, "doubtful": count.doubtful,
        });
        let subject = format!("{}/{}", key.product_id, key.warehouse_id);
        self.settled.closed.retain(|closed| *closed != (ConcernKind::RecountWanted, subject.clone()));
        self.raise(ConcernKind::RecountWanted, subject, detail, key.warehouse_id.0, Some(seq));
    }

    /// When something happened, if its author's clock is known.
    pub(super) fn span(&self, from: crate::clock::Timestamp, to: crate::clock::Timestamp) -> Option<Span> {
        self.author.skew.and_then(|skew| skew.span(from, to))
    }
}

fn order(count: &InForce, before: &InForce) -> Order {
    match (count.when(before.told()), before.when(count.told())) {
        (When::Before, When::Before | When::After | When::Doubtful) | (When::Doubtful, When::After) => Order::Later,
        (When::After | When::Doubtful, When::Before) | (When::After, When::Doubtful) => Order::Earlier,
        (When::After, When::After) | (When::Doubtful, When::Doubtful) => Order::Unordered,
    }
}

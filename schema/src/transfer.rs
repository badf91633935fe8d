//! Goods on the road from one warehouse to another, kept per transfer and never allotted or held.
//!
//! Two devices tell of a transfer, both perhaps without a line, so the server may hear that goods arrived
//! before it hears that they were sent. All that is kept is therefore sums ([`Row`]), and everything else is a
//! function of them: what is on the road, and which of the units that arrived were sent at all
//! ([`Transfer::found`]). An op changes the sums; what it moves is the difference of that function before and
//! after. So whatever the order in which ops come, what was booked in the end is the same, and units are conserved:
//! all that moved as transferred, and what is on the road, sum to nothing.

mod code;
mod surprise;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::{code::TransferCode, surprise::Surprise};
use crate::{
    clock::Timestamp,
    fault::Fault,
    id::{ProductId, TransferId, WarehouseId},
    movement::Remark,
    op::{LINES_MAX, Line},
    planted::{Bug, is_planted},
    quantity::Amount,
    stock::{SUM_MAX, StockKey},
};

/// Goods were put on the road.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// What is written on the boxes.
    pub code: TransferCode,
    /// Where the goods left.
    pub from_id: WarehouseId,
    /// Where they are to go.
    pub to_id: WarehouseId,
    /// What left, and how much.
    pub lines: Vec<Line>,
    /// Who sent them.
    #[serde(default, skip_serializing_if = "Remark::is_empty")]
    pub remark: Remark,
}

/// What came of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameLine {
    /// Of what.
    pub product_id: ProductId,
    /// How many came, damaged ones too.
    pub came: Amount,
    /// How many of them came damaged, and are not on the shelf.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub damaged: i64,
}

/// Goods of a transfer came, all of them or a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// What was written on the boxes.
    pub code: TransferCode,
    /// Where they came, be it where they were to go or not.
    pub warehouse_id: WarehouseId,
    /// What came. Empty only to say that nothing more will come.
    pub lines: Vec<CameLine>,
    /// Whether whoever took them in expects no more: what has not come is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
    /// Who took them in.
    #[serde(default, skip_serializing_if = "Remark::is_empty")]
    pub remark: Remark,
}

/// Where a transfer goes, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// When the goods left, by the sender's clock.
    pub sent_at: Timestamp,
    /// Where the goods left.
    pub from_id: WarehouseId,
    /// Where they are to go.
    pub to_id: WarehouseId,
}

/// What a transfer's ops say of one product at one warehouse, as sums that only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Of what.
    pub product_id: ProductId,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// Units that left here.
    pub sent: i64,
    /// Units that came here, damaged ones too.
    pub arrived: i64,
    /// Units of those that came damaged.
    pub damaged: i64,
    /// Units that left here, never came, and were written off by head office.
    pub lost: i64,
}

/// A transfer as far as it has been told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Its id, which follows from its code.
    pub transfer_id: TransferId,
    /// What is written on the boxes.
    pub code: TransferCode,
    /// Where it goes; none until the sender was heard.
    pub route: Option<Route>,
    /// Whether somebody said that nothing more will come.
    pub complete: bool,
    /// In the order of products and warehouses, each pair once.
    pub rows: Vec<Row>,
}

/// Units of one product over a whole transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Units that left.
    pub sent: i64,
    /// Units that came, wherever they did.
    pub arrived: i64,
    /// Units written off.
    pub lost: i64,
}

impl Totals {
    /// Units on the road, or missing if the transfer is complete.
    pub fn on_road(self) -> i64 {
        self.sent.saturating_sub(self.lost).saturating_sub(self.arrived).max(0)
    }

    /// Units that came and that nobody says to have sent.
    pub fn excess(self) -> i64 {
        self.arrived.saturating_sub(self.sent).max(0)
    }
}

impl Transfer {
    /// One of which nothing has been told.
    pub fn untold(code: TransferCode) -> Self {
        Self { transfer_id: code.transfer_id(), code, route: None, complete: false, rows: Vec::new() }
    }

    /// Goods left. A device that was put back to an old image may write a code on boxes twice: then it is one transfer
    /// of all of them, on the way that was told for the first.
    pub fn send(&mut self, told: &Dispatched, at: Timestamp) {
        let route = Route { sent_at: at, from_id: told.from_id, to_id: told.to_id };
        self.route = Some(self.route.map_or(route, |known| known.min(route)));
        for line in &told.lines {
            self.row(line.product_id, told.from_id).sent += line.amount.units();
        }
    }

    /// Goods came.
    pub fn arrive(&mut self, told: &Arrived) {
        self.complete |= told.complete;
        for line in &told.lines {
            let row = self.row(line.product_id, told.warehouse_id);
            row.arrived += line.came.units();
            row.damaged += line.damaged;
        }
    }

    /// Gives up what is on the road, in the book of the warehouse that sent it. Says what that was, row by row.
    pub fn write_off(&mut self) -> Vec<(StockKey, i64)> {
        let mut left: BTreeMap<ProductId, i64> =
            self.totals().into_iter().map(|(product_id, of)| (product_id, of.on_road())).collect();
        let mut lost = Vec::new();
        for row in &mut self.rows {
            let left = left.entry(row.product_id).or_default();
            let units = (*left).min(row.sent - row.lost);
            (*left, row.lost) = (*left - units, row.lost + units);
            if units > 0 {
                lost.push((row.key(), units));
            }
        }
        lost
    }

    /// Each product's units over all warehouses.
    pub fn totals(&self) -> BTreeMap<ProductId, Totals> {
        let mut totals: BTreeMap<ProductId, Totals> = BTreeMap::new();
        for row in &self.rows {
            let of = totals.entry(row.product_id).or_default();
            of.sent = of.sent.saturating_add(row.sent);
            of.arrived = of.arrived.saturating_add(row.arrived);
            of.lost = of.lost.saturating_add(row.lost);
        }
        totals
    }

    /// Of the units that arrived, those that no one sent, or that had been written off: they were found. Of several
    /// warehouses where units of a product came, those with lower ids got what had been sent.
    pub fn found(&self) -> BTreeMap<StockKey, i64> {
        if is_planted(Bug::ExcessTransferred) {
            return BTreeMap::new();
        }
        let mut left: BTreeMap<ProductId, i64> =
            self.totals().into_iter().map(|(product_id, of)| (product_id, of.sent - of.lost)).collect();
        let mut found = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.arrived > 0) {
            let left = left.entry(row.product_id).or_default();
            let sent = row.arrived.min(*left);
            *left -= sent;
            if row.arrived > sent {
                found.insert(row.key(), row.arrived - sent);
            }
        }
        found
    }

    /// Whether nothing of it is on the road, though something was.
    pub fn is_over(&self) -> bool {
        self.route.is_some() && self.totals().values().all(|of| of.on_road() == 0)
    }

    /// The stock rows that it has moved units of.
    pub fn keys(&self) -> impl Iterator<Item = StockKey> + '_ {
        self.rows.iter().map(|row| row.key())
    }

    /// The warehouses that it concerns.
    pub fn places(&self) -> Vec<WarehouseId> {
        let route = self.route.iter().flat_map(|route| [route.from_id, route.to_id]);
        let mut places: Vec<_> = self.rows.iter().map(|row| row.warehouse_id).chain(route).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Whether one of its sums is beyond [`SUM_MAX`].
    pub fn is_beyond(&self) -> bool {
        self.rows.iter().any(|row| row.sent > SUM_MAX || row.arrived > SUM_MAX)
    }

    fn row(&mut self, product_id: ProductId, warehouse_id: WarehouseId) -> &mut Row {
        let place =
            self.rows.binary_search_by_key(&(product_id, warehouse_id), |row| (row.product_id, row.warehouse_id));
        let place = place.unwrap_or_else(|place| {
            self.rows.insert(place, Row { product_id, warehouse_id, sent: 0, arrived: 0, damaged: 0, lost: 0 });
            place
        });
        &mut self.rows[place]
    }
}

impl Row {
    /// The stock row that it is about.
    pub const fn key(&self) -> StockKey {
        StockKey { product_id: self.product_id, warehouse_id: self.warehouse_id }
    }
}

impl Dispatched {
    /// Checks what no transfer may be.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        self.code.check()?;
        self.remark.check()?;
        if self.from_id == self.to_id {
            return Err(Fault::SameWarehouse);
        }
        check_count(self.lines.len())
    }
}

impl Arrived {
    /// Checks what no arrival may be.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        self.code.check()?;
        self.remark.check()?;
        if self.lines.is_empty() && self.complete {
            return Ok(());
        }
        check_count(self.lines.len())?;
        self.lines.iter().try_for_each(|line| match line.damaged {
            units @ i64::MIN..0 => Err(Fault::AmountOutOfRange { units }),
            damaged if damaged > line.came.units() => Err(Fault::MoreDamagedThanCame),
            _ => Ok(()),
        })
    }
}

fn check_count(count: usize) -> Result<(), Fault> {
    match count {
        0 => Err(Fault::NoLines),
        1..=LINES_MAX => Ok(()),
        _ => Err(Fault::TooManyLines { count, max: LINES_MAX }),
    }
}

const fn is_zero(units: &i64) -> bool {
    *units == 0
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        movement::Remark,
        op::{Op, OpKind, SALT_BYTES},
    };

    /// Bodies as they are kept for ever. If one of these changes, a journal somewhere can no longer be read.
    #[test]
    fn bodies_are_written_as_they_were_first() {
        let code = || TransferCode { prefix: "K1".to_owned(), number: 17 };
        let (from_id, to_id) = (WarehouseId(Uuid::from_u128(1)), WarehouseId(Uuid::from_u128(2)));
        let (product_id, three) = (ProductId(Uuid::from_u128(3)), Amount::new(3).expect("an amount"));
        let sent = Dispatched {
            code: code(),
            from_id,
            to_id,
            lines: vec![Line { product_id, amount: three }],
            remark: Remark { person: Some("Ann".to_owned()), note: None },
        };
        let came = |damaged, complete| Arrived {
            code: code(),
            warehouse_id: to_id,
            lines: vec![CameLine { product_id, came: three, damaged }],
            complete,
            remark: Remark::default(),
        };
        let id = |number: u8| format!("c410{}{number:02x}", "00".repeat(15));
        let code = "a4636f646582a6707265666978a24b31a66e756d62657211";
        let line = format!("a56c696e65739182aa70726f647563745f6964{}", id(3));
        let cases = [
            (
                Op::Dispatched(sent),
                format!(
                    "85{code}a766726f6d5f6964{}a5746f5f6964{}{line}a6616d6f756e7403a672656d61726b81a6706572736f6ea3416e6e",
                    id(1),
                    id(2)
                ),
            ),
            (Op::Arrived(came(0, false)), format!("83{code}ac77617265686f7573655f6964{}{line}a463616d6503", id(2))),
            (
                Op::Arrived(came(1, true)),
                format!(
                    "84{code}ac77617265686f7573655f6964{}{}a463616d6503a764616d6167656401a8636f6d706c657465c3",
                    id(2),
                    line.replace("9182", "9183")
                ),
            ),
        ];
        for (op, kept) in cases {
            let body = op.to_body([0; SALT_BYTES]);
            let written: String = body[SALT_BYTES..].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(written, kept, "{op:?}");
            assert_eq!(Op::from_body(op.kind(), &body), Ok(op));
        }
        assert!(Op::from_body(OpKind::Arrived, &[0; 20]).is_err());
    }
}

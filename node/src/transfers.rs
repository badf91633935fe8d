//! Goods that go to another warehouse and come from one, told at both ends without a line.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    feed::Kind,
    id::{ProductId, TransferId, WarehouseId},
    movement::{Remark, Why},
    op::{Line, Op},
    stock::Reason,
    transfer::{Arrived, CameLine, Dispatched, Transfer, TransferCode},
};
use rusqlite::Connection;

use crate::{
    db::{allotments, catalogue, pending_ops, stock, transfers},
    error::{Error, Refused},
    goods::Effects,
    node::{Node, Writing},
    stage::Work,
};

/// Goods that are to leave.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Where they go.
    pub to_id: WarehouseId,
    /// What leaves.
    pub lines: Vec<Line>,
    /// Who sends them.
    pub remark: Remark,
    /// Whether they leave though they are promised to others.
    pub anyway: bool,
}

/// Goods that came.
#[derive(Clone, Debug)]
pub struct Coming {
    /// What is written on the boxes.
    pub code: TransferCode,
    /// What came.
    pub lines: Vec<CameLine>,
    /// Whether no more is to come.
    pub complete: bool,
    /// Who took them in.
    pub remark: Remark,
}

impl Node {
    /// Goods leave for another warehouse. Answers with the transfer, whose code is to be written on the boxes.
    ///
    /// # Errors
    /// `unknown_warehouse`, `same_warehouse`, `unknown_product`, `no_lines`, `beyond_free` unless they leave anyway, or
    /// what the disk says.
    pub fn send(&self, sending: &Sending) -> Result<Transfer, Error> {
        self.write(Work::Send, |writing| writing.send(sending))
    }

    /// Goods of a transfer came here, all of them or a part, be it known here or not.
    ///
    /// # Errors
    /// `no_lines`, `more_damaged_than_came`, `unknown_product`, `unknown_transfer` if nothing came and nothing is known
    /// of it, or what the disk says.
    pub fn arrive(&self, coming: &Coming) -> Result<Transfer, Error> {
        self.write(Work::Arrive, |writing| writing.arrive(coming))
    }

    /// A transfer as it is known here, with what was done here since.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn transfer(&self, id: TransferId) -> Result<Option<Transfer>, Error> {
        self.db().read(|conn| shown(conn, id))
    }

    /// Transfers that are not over, or all: the newest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn transfers(&self, all: bool) -> Result<Vec<Transfer>, Error> {
        self.db().read(|conn| {
            let own = pending_ops::subjects(conn, Kind::Transfer)?.into_iter().map(TransferId);
            let ids: BTreeSet<_> = transfers::ids(conn, all)?.into_iter().chain(own).collect();
            let shown = ids.into_iter().map(|id| shown(conn, id)).collect::<Result<Vec<_>, _>>()?;
            let mut shown: Vec<_> = shown.into_iter().flatten().filter(|one| all || !one.is_over()).collect();
            shown.sort_by_key(|one| std::cmp::Reverse(one.route.map(|route| route.sent_at)));
            Ok(shown)
        })
    }
}

/// The image of a transfer, and what own ops that it does not contain say over it.
fn shown(conn: &Connection, id: TransferId) -> Result<Option<Transfer>, Error> {
    let mut shown = transfers::find(conn, id)?;
    for (at, op) in pending_ops::over(conn, Kind::Transfer, id.0)? {
        // Nothing else is laid over a transfer.
        if let Op::Dispatched(told) = op {
            shown.get_or_insert_with(|| Transfer::untold(told.code.clone())).send(&told, at);
        } else if let Op::Arrived(told) = op {
            shown.get_or_insert_with(|| Transfer::untold(told.code.clone())).arrive(&told);
        }
    }
    Ok(shown)
}

impl Writing<'_> {
    fn send(&mut self, sending: &Sending) -> Result<Transfer, Error> {
        let Sending { to_id, lines, remark, anyway } = sending;
        if !catalogue::warehouses(self.conn())?.iter().any(|place| place.warehouse_id == *to_id) {
            return Err(Refused::UnknownWarehouse { warehouse: *to_id }.into());
        }
        lines.iter().try_for_each(|line| self.check_product(line.product_id))?;
        if !anyway {
            self.check_free(lines)?;
        }
        let (from_id, code) = (self.identity.warehouse_id(), transfers::next_code(self.conn(), &self.identity)?);
        let told = Dispatched { code, from_id, to_id: *to_id, lines: lines.clone(), remark: remark.clone() };
        let mut effects = Effects::default();
        for (line, number) in lines.iter().zip(0..) {
            let key = self.identity.stock_of(line.product_id);
            effects.put_or_take(self, number, key, -line.amount.units(), why(Reason::Transferred, remark))?;
        }
        let id = told.code.transfer_id();
        self.note_moved(&Op::Dispatched(told), effects)?;
        self.noted(id)
    }

    /// What others were promised is not sent away unasked: of what is free here a device at home may send what is its
    /// own to sell too.
    fn check_free(&self, lines: &[Line]) -> Result<(), Error> {
        let mut wanted: BTreeMap<ProductId, i64> = BTreeMap::new();
        for line in lines {
            *wanted.entry(line.product_id).or_default() += line.amount.units();
        }
        for (product, units) in wanted {
            let key = self.identity.stock_of(product);
            let (level, life) = (stock::level(self.conn(), key)?, self.identity.incarnation_id());
            let own = if self.identity.card.is_home { allotments::of(self.conn(), life, key)?.open() } else { 0 };
            let left = (level.available() + own).min(level.quantity());
            if units > left {
                return Err(Refused::BeyondFree { product, left }.into());
            }
        }
        Ok(())
    }

    fn arrive(&mut self, coming: &Coming) -> Result<Transfer, Error> {
        let Coming { code, lines, complete, remark } = coming.clone();
        let id = code.transfer_id();
        if lines.is_empty() && complete && shown(self.conn(), id)?.is_none() {
            return Err(Refused::UnknownTransfer { code }.into());
        }
        let told = Arrived { code, warehouse_id: self.identity.warehouse_id(), lines, complete, remark };
        let op = Op::Arrived(told.clone());
        // Before anything is reckoned: a number that is no amount may overflow.
        op.check()?;
        let mut effects = Effects::default();
        for (line, number) in told.lines.iter().zip(0..) {
            self.check_product(line.product_id)?;
            let key = self.identity.stock_of(line.product_id);
            effects.put_or_take(self, 2 * number, key, line.came.units(), why(Reason::Transferred, &told.remark))?;
            effects.put_or_take(self, 2 * number + 1, key, -line.damaged, why(Reason::Damaged, &told.remark))?;
        }
        self.note_moved(&op, effects)?;
        self.noted(id)
    }

    fn noted(&self, id: TransferId) -> Result<Transfer, Error> {
        shown(self.conn(), id)?.ok_or_else(|| Error::damaged("a transfer that was noted is not there"))
    }
}

fn why(reason: Reason, remark: &Remark) -> Why {
    Why { remark: remark.clone(), ..reason.into() }
}

//! What ops of this life did to stock rows, worked out once more: the images that contained them are replaced by
//! ones that do not. The arithmetic is that of [`crate::goods`], run again from what the allotment was before.

use std::{borrow::Cow, collections::BTreeMap};

use outpost_schema::{
    id::IncarnationId,
    op::{Line, Op},
    order::Fulfilment,
    stock::{Allotment, Level, StockKey},
};
use rusqlite::Connection;

use crate::{
    db::{
        allotments,
        identity::Identity,
        stock::{self, Place},
    },
    error::Error,
};

/// What one op did to one row: to the till's own allotment, and what it promised or no longer did.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    balance: i64,
    consumed: i64,
    returned: i64,
    received: i64,
    promised: i64,
}

/// What each of these ops of the present life changed of each row; they come in the order of the journal. What it
/// carries an earlier life did, from what that one was allotted.
pub(super) fn changes(
    conn: &Connection,
    identity: &Identity,
    ops: &[(i64, Op)],
) -> Result<Vec<(i64, StockKey, Level)>, Error> {
    let mut done = Vec::new();
    for (seq, op) in ops {
        let place = first_written(Place { incarnation_id: identity.incarnation_id(), seq: *seq }, op);
        let Some(op) = as_written(op) else { continue };
        let moved = stock::moved(conn, place)?;
        let by = by(identity, &op, &moved).into_iter();
        done.extend(by.map(|(key, done)| (*seq, (place.incarnation_id, key), done)));
    }
    let mut before = before(conn, &done)?;
    let changes = done.into_iter().map(|(seq, (life, key), done)| {
        let own = before.entry((life, key)).or_default();
        let was = own.open();
        *own = own.consume(done.consumed).give_back(done.returned).receive(done.received);
        (seq, key, Level { balance: done.balance, promised: done.promised + own.open() - was })
    });
    Ok(changes.filter(|(.., change)| *change != Level::default()).collect())
}

/// Where the op at a place was first written: what is carried, by an earlier life.
pub(super) fn first_written(place: Place, op: &Op) -> Place {
    let Op::Carried(carried) = op else { return place };
    Place { incarnation_id: carried.incarnation_id, seq: carried.entry.seq }
}

/// The op that it is without being carried; none that this program cannot read: it did nothing here.
fn as_written(op: &Op) -> Option<Cow<'_, Op>> {
    let Op::Carried(carried) = op else { return Some(Cow::Borrowed(op)) };
    carried.op().ok().map(Cow::Owned)
}

/// The allotments of these rows without what was done since.
fn before(
    conn: &Connection,
    done: &[(i64, (IncarnationId, StockKey), Done)],
) -> Result<BTreeMap<(IncarnationId, StockKey), Allotment>, Error> {
    let mut before = BTreeMap::new();
    for (_, at @ (life, key), done) in done {
        if !before.contains_key(at) {
            before.insert(*at, allotments::of(conn, *life, *key)?);
        }
        before.entry(*at).and_modify(|own| {
            own.consumed -= done.consumed;
            own.returned -= done.returned;
            own.received -= done.received;
        });
    }
    Ok(before)
}

fn by(identity: &Identity, op: &Op, moved: &[(StockKey, i64)]) -> BTreeMap<StockKey, Done> {
    let mut rows: BTreeMap<StockKey, Done> = BTreeMap::new();
    for (key, delta) in moved {
        rows.entry(*key).or_default().balance += delta;
    }
    let key = |line: &Line| identity.stock_of(line.product_id);
    match op {
        Op::Sale(sale) => {
            for item in &sale.order.items {
                let row = rows.entry(identity.stock_of(item.product_id)).or_default();
                row.consumed += item.quantity.units();
                match sale.order.fulfilment {
                    Fulfilment::CarryOut => {}
                    Fulfilment::Ship => row.promised += item.quantity.units(),
                }
            }
        }
        Op::GaveBack(goods) => {
            goods.lines.iter().for_each(|line| rows.entry(key(line)).or_default().returned += line.amount.units());
        }
        Op::Received(_)
        | Op::Adjusted(_)
        | Op::Counted(_)
        | Op::Dispatched(_)
        | Op::Arrived(_)
        | Op::ReceiptUndone(_)
        | Op::Returned(_)
            if identity.card.is_home =>
        {
            for (key, delta) in moved {
                let row = rows.entry(*key).or_default();
                row.received += (*delta).max(0);
                row.consumed += (-delta).max(0);
            }
        }
        Op::StatusTold(told) => {
            for (key, delta) in moved {
                let row = rows.entry(*key).or_default();
                if told.called_off { row.consumed -= delta } else { row.promised += delta }
            }
        }
        Op::Received(_)
        | Op::Adjusted(_)
        | Op::Counted(_)
        | Op::Returned(_)
        | Op::AllotmentAsked(_)
        | Op::CancelAsked(_)
        | Op::CustomerAdded(_)
        | Op::AddressAdded(_)
        | Op::Reviewed(_)
        | Op::Carried(_)
        | Op::LifeEnded(_)
        | Op::Dispatched(_)
        | Op::Arrived(_)
        | Op::ReceiptUndone(_) => {}
    }
    rows
}

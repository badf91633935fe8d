//! What allotments are sized by, beside their totals; and who holds a part of a shared stock row. The arithmetic is
//! [`outpost_schema::sizing`].

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::IncarnationId,
    planted::{Bug, is_planted},
    sizing::{Demand, Holding, Outlook, Waits, free, is_near},
    stock::{Allotment, Level, StockKey},
};
use tokio_postgres::Row;

use super::{Tx, columns};
use crate::error::Error;

/// The columns of an [`Outlook`], of the table `a`.
pub(super) const OUTLOOK: &str = "a.sold_units, a.sold_squares, a.sold_since, a.sold_at, a.asked, a.asked_at, \
                                  a.full_mark, a.keep, a.keep_granted, a.spared";

/// Reads an outlook.
///
/// # Errors
/// If the row has no such columns.
pub(super) fn outlook(row: &Row) -> Result<Outlook, Error> {
    let sold: Option<i64> = row.try_get("sold_units")?;
    let demand = match sold {
        Some(units) => Some(Demand {
            units,
            squares: row.try_get("sold_squares")?,
            since: row.try_get("sold_since")?,
            at: row.try_get("sold_at")?,
        }),
        None => None,
    };
    let (asked, asked_at): (Option<i64>, Option<Timestamp>) = (row.try_get("asked")?, row.try_get("asked_at")?);
    let (keep, keep_granted): (Option<i64>, Option<i64>) = (row.try_get("keep")?, row.try_get("keep_granted")?);
    Ok(Outlook {
        demand,
        asked: asked.zip(asked_at),
        full: row.try_get("full_mark")?,
        recall: keep.zip(keep_granted),
        spared: row.try_get("spared")?,
    })
}

/// Outlooks as columns of an array each, as a push changes them: what is told to devices is not among them.
pub(super) struct Columns {
    pub(super) sold_units: Vec<Option<i64>>,
    pub(super) sold_squares: Vec<Option<i64>>,
    pub(super) sold_since: Vec<Option<Timestamp>>,
    pub(super) sold_at: Vec<Option<Timestamp>>,
    pub(super) asked: Vec<Option<i64>>,
    pub(super) asked_at: Vec<Option<Timestamp>>,
    pub(super) spared: Vec<i64>,
}

impl Columns {
    pub(super) fn of(outlooks: &[Outlook]) -> Self {
        let demand = |of: fn(Demand) -> i64| outlooks.iter().map(|outlook| outlook.demand.map(of)).collect();
        let moment = |of: fn(Demand) -> Timestamp| outlooks.iter().map(|outlook| outlook.demand.map(of)).collect();
        Self {
            sold_units: demand(|demand| demand.units),
            sold_squares: demand(|demand| demand.squares),
            sold_since: moment(|demand| demand.since),
            sold_at: moment(|demand| demand.at),
            asked: outlooks.iter().map(|outlook| outlook.asked.map(|(units, _)| units)).collect(),
            asked_at: outlooks.iter().map(|outlook| outlook.asked.map(|(_, at)| at)).collect(),
            spared: outlooks.iter().map(|outlook| outlook.spared).collect(),
        }
    }
}

/// A stock row that several sell from: what of it may be granted unasked, and who holds a part of it.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// Units.
    pub available: i64,
    /// By incarnation, in order.
    pub holdings: Vec<(IncarnationId, Holding)>,
}

/// Those of these stock rows, which are locked, that are nobody's home, with every journal that takes grants, holds or held
/// something of them, and sells there: a device that was moved does not. Rows of which more is promised than is there
/// are left out. `author` is heard right now. Nothing while head office hears from its devices.
///
/// # Errors
/// If Postgres fails.
pub async fn shared(
    tx: &Tx,
    keys: &BTreeSet<StockKey>,
    author: Option<IncarnationId>,
    kept_back: i64,
    now: Timestamp,
) -> Result<BTreeMap<StockKey, Shared>, Error> {
    let (products, warehouses) = columns(keys);
    let sql = format!(
        "select a.product_id, a.warehouse_id, a.incarnation_id, a.granted, a.reclaimed, a.consumed, a.returned,
                a.received, {OUTLOOK}, n.wait_seconds, n.waits_at, n.seen_at, s.balance, s.promised,
                coalesce(w.kept_back, $3) as kept_back
         from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
         join stock s on s.product_id = k.product_id and s.warehouse_id = k.warehouse_id
         join warehouses w on w.warehouse_id = k.warehouse_id and w.home_of is null
         join allotments a on a.product_id = k.product_id and a.warehouse_id = k.warehouse_id
         join incarnations i on i.incarnation_id = a.incarnation_id
             and i.state = 'active' and not i.report_owed and i.given_up_at is null
         join nodes n on n.node_id = i.node_id and n.warehouse_id = a.warehouse_id
         where not exists (
             select from epochs e where e.number = (select max(number) from epochs) and e.recovered_at is null)
         order by a.product_id, a.warehouse_id, a.incarnation_id"
    );
    let mut rows: BTreeMap<StockKey, Shared> = BTreeMap::new();
    for row in tx.query(&sql, &[&products, &warehouses, &kept_back]).await? {
        let key = StockKey { product_id: row.try_get("product_id")?, warehouse_id: row.try_get("warehouse_id")? };
        let level = Level { balance: row.try_get("balance")?, promised: row.try_get("promised")? };
        let Some(available) = free(level, row.try_get("kept_back")?) else { continue };
        let shared = rows.entry(key).or_default();
        shared.available = available;
        shared.holdings.push(holding(&row, author, now)?);
    }
    Ok(rows)
}

/// Reads whose allotment it is, and what is known of it.
pub(super) fn holding(
    row: &Row,
    author: Option<IncarnationId>,
    now: Timestamp,
) -> Result<(IncarnationId, Holding), Error> {
    let incarnation_id = row.try_get("incarnation_id")?;
    let waits = Waits { longest: row.try_get("wait_seconds")?, at: row.try_get("waits_at")? };
    let holding = Holding {
        allotment: super::ground::allotment(row)?,
        outlook: outlook(row)?,
        cover: waits.cover(now),
        is_near: author == Some(incarnation_id) || is_near(row.try_get("seen_at")?, now),
    };
    Ok((incarnation_id, holding))
}

/// One allotment that was sized anew, and by how much more of it is open.
#[derive(Clone, Copy, Debug)]
pub struct Resized {
    /// Whose.
    pub incarnation_id: IncarnationId,
    /// Of what.
    pub key: StockKey,
    /// As it is now.
    pub allotment: Allotment,
    /// What is known beside it.
    pub outlook: Outlook,
    /// Units.
    pub opened: i64,
}

/// Keeps what was granted and whom is asked to give back, and promises what that opens.
///
/// # Errors
/// If Postgres fails.
pub async fn resize(tx: &Tx, resized: &[Resized], now: Timestamp) -> Result<(), Error> {
    if resized.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Resized) -> i64| resized.iter().map(of).collect::<Vec<i64>>();
    let maybe = |of: fn(&Resized) -> Option<i64>| resized.iter().map(of).collect::<Vec<Option<i64>>>();
    let lives: Vec<_> = resized.iter().map(|one| one.incarnation_id).collect();
    let products: Vec<_> = resized.iter().map(|one| one.key.product_id).collect();
    let warehouses: Vec<_> = resized.iter().map(|one| one.key.warehouse_id).collect();
    let asked_at: Vec<_> = resized.iter().map(|one| one.outlook.asked.map(|(_, at)| at)).collect();
    tx.execute(
        "with told as (
             select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::timestamptz[],
                                  $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
                  as t (incarnation_id, product_id, warehouse_id, granted, asked, asked_at, full_mark, keep,
                        keep_granted, opened)
         ), kept as (
             update allotments a
             set granted = t.granted, asked = t.asked, asked_at = t.asked_at, full_mark = t.full_mark, keep = t.keep,
                 keep_granted = t.keep_granted
             from told t
             where a.incarnation_id = t.incarnation_id and a.product_id = t.product_id and a.warehouse_id = t.warehouse_id
         ), sums as (
             select product_id, warehouse_id, sum(opened)::bigint as opened from told group by product_id, warehouse_id
         )
         update stock s set promised = s.promised + u.opened, updated_at = $11
         from sums u
         where s.product_id = u.product_id and s.warehouse_id = u.warehouse_id and u.opened <> 0",
        &[
            &lives,
            &products,
            &warehouses,
            &column(|one| one.allotment.granted),
            &maybe(|one| one.outlook.asked.map(|(units, _)| units)),
            &asked_at,
            &column(|one| one.outlook.full),
            &maybe(|one| one.outlook.recall.map(|(keep, _)| keep)),
            &maybe(|one| one.outlook.recall.map(|(_, granted)| granted)),
            &column(|one| if is_planted(Bug::TopUpToldBeforeCommit) { 0 } else { one.opened }),
            &now,
        ],
    )
    .await?;
    Ok(())
}

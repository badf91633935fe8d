//! What an import asks of the database: one transaction, and the book of a warehouse on opening day.

use outpost_schema::{
    clock::Timestamp,
    id::{ProductId, WarehouseId},
    stock::Reason,
};
use uuid::Uuid;

use super::{Db, Tx};
use crate::{
    error::Error,
    stage::{self, Moment, Work},
};

impl Db {
    /// Runs `work` in one transaction, once, for it reads a file that cannot be wound back; then
    /// commits it, or takes all of it back if `is_dry_run`.
    ///
    /// # Errors
    /// What `work` says, and what Postgres says.
    pub async fn import<T, E: From<Error>>(
        &self,
        is_dry_run: bool,
        work: impl AsyncFnOnce(&Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let tx = self.open().await?;
        tx.begin("begin").await?;
        let answer = work(&tx).await;
        match &answer {
            Ok(_) if !is_dry_run => {
                stage::reach(Work::Import, Moment::BeforeCommit);
                tx.commit().await?;
                stage::reach(Work::Import, Moment::AfterCommit);
            }
            Ok(_) | Err(_) => tx.roll_back().await,
        }
        answer
    }
}

/// The balances of these products at a warehouse, for those whose book has begun there; locked in key order.
///
/// # Errors
/// What Postgres says.
pub async fn balances(
    tx: &Tx,
    warehouse_id: WarehouseId,
    products: &[ProductId],
) -> Result<Vec<(ProductId, i64)>, Error> {
    let sql = "select s.product_id, s.balance from stock s
        where s.warehouse_id = $1 and s.product_id = any ($2)
        order by s.product_id for update";
    let rows = tx.query(sql, &[&warehouse_id, &products]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Opens the book of products at a warehouse. `first_line` numbers the movements of the act on.
///
/// # Errors
/// What Postgres says.
pub async fn open_stock(
    tx: &Tx,
    act_id: Uuid,
    first_line: i32,
    warehouse_id: WarehouseId,
    at: Timestamp,
    opened: &[(ProductId, i64)],
) -> Result<(), Error> {
    let products: Vec<ProductId> = opened.iter().map(|(product_id, _)| *product_id).collect();
    let units: Vec<i64> = opened.iter().map(|(_, units)| *units).collect();
    let stock = "insert into stock (product_id, warehouse_id, balance, promised, updated_at)
        select u.product_id, $3, u.units, 0, $4
        from unnest($1::uuid[], $2::bigint[]) as u (product_id, units) order by u.product_id";
    tx.execute(stock, &[&products, &units, &warehouse_id, &at]).await?;
    let movements =
        "insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at, note)
        select u.product_id, $3, u.units, $4, $5, $6::integer + u.at::integer - 1, $7, 'opening stock'
        from unnest($1::uuid[], $2::bigint[]) with ordinality as u (product_id, units, at)";
    let reason = Reason::Received;
    tx.execute(movements, &[&products, &units, &warehouse_id, &reason, &act_id, &first_line, &at]).await.map(drop)
}

/// The warehouse of that name.
///
/// # Errors
/// What Postgres says.
pub async fn warehouse(tx: &Tx, name: &str) -> Result<Option<WarehouseId>, Error> {
    let sql = "select warehouse_id from warehouses where name = $1 or warehouse_id::text = lower($1)";
    Ok(tx.query_opt(sql, &[&name]).await?.map(|row| row.try_get(0)).transpose()?)
}

//! Warehouses, what is kept back there, and whose home they are.

use std::collections::BTreeSet;

use outpost_schema::{
    catalogue::Warehouse,
    id::{NodeId, UserId, WarehouseId},
};
use uuid::Uuid;

use super::Tx;
use crate::error::Error;

/// Keeps a new warehouse. The first one is also the home of the guest.
///
/// # Errors
/// The broken constraint `warehouses_name_key` if the name is taken.
pub async fn insert(tx: &Tx, warehouse: &Warehouse) -> Result<(), Error> {
    tx.execute(
        "insert into warehouses (warehouse_id, name, home_of, created_at) values ($1, $2, $3, $4)",
        &[&warehouse.warehouse_id, &warehouse.name, &warehouse.home_of, &warehouse.created_at],
    )
    .await?;
    tx.execute(
        "insert into users (user_id, first_name, created_at, home) values ($1, 'Guest', $2, $3)
         on conflict (user_id) do nothing",
        &[&UserId::GUEST, &warehouse.created_at, &warehouse.warehouse_id],
    )
    .await?;
    Ok(())
}

const WAREHOUSES: &str = "select warehouse_id, name, home_of, created_at from warehouses";

fn warehouse(row: &tokio_postgres::Row) -> Result<Warehouse, Error> {
    Ok(Warehouse {
        warehouse_id: row.try_get("warehouse_id")?,
        name: row.try_get("name")?,
        home_of: row.try_get("home_of")?,
        created_at: row.try_get("created_at")?,
    })
}

/// Every warehouse, by name.
///
/// # Errors
/// If Postgres fails.
pub async fn all(tx: &Tx) -> Result<Vec<Warehouse>, Error> {
    let sql = format!("{WAREHOUSES} order by name");
    tx.query(&sql, &[]).await?.iter().map(warehouse).collect()
}

/// The warehouse with this name, or this id.
///
/// # Errors
/// If Postgres fails.
pub async fn by_name(tx: &Tx, name: &str) -> Result<Option<Warehouse>, Error> {
    let sql = format!("{WAREHOUSES} where name = $1 or warehouse_id = $2");
    let id = Uuid::try_parse(name).ok();
    tx.query_opt(&sql, &[&name, &id]).await?.as_ref().map(warehouse).transpose()
}

/// Sets how many units of each stock row at a warehouse are granted to nobody unasked; none: as the network has it.
/// False if there is no such warehouse.
///
/// # Errors
/// If Postgres fails.
pub async fn set_kept_back(tx: &Tx, warehouse_id: WarehouseId, units: Option<i64>) -> Result<bool, Error> {
    let sql = "update warehouses set kept_back = $2 where warehouse_id = $1";
    Ok(tx.execute(sql, &[&warehouse_id, &units]).await? == 1)
}

/// How many units are kept back at the warehouses that have a number of their own, by name.
///
/// # Errors
/// If Postgres fails.
pub async fn kept_back(tx: &Tx) -> Result<Vec<(WarehouseId, String, i64)>, Error> {
    let sql = "select warehouse_id, name, kept_back from warehouses where kept_back is not null order by name";
    tx.query(sql, &[]).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

/// Which of these warehouses are homes, whoever's.
///
/// # Errors
/// If Postgres fails.
pub async fn homes_among(tx: &Tx, warehouses: &[WarehouseId]) -> Result<BTreeSet<WarehouseId>, Error> {
    let rows = tx
        .query(
            "select warehouse_id from warehouses where warehouse_id = any($1) and home_of is not null",
            &[&warehouses],
        )
        .await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Makes a warehouse the home of a node. False if it is another node's.
///
/// # Errors
/// If Postgres fails.
pub async fn give_home(tx: &Tx, warehouse_id: WarehouseId, node_id: NodeId) -> Result<bool, Error> {
    let given = tx
        .execute(
            "update warehouses set home_of = $2 where warehouse_id = $1 and home_of is null",
            &[&warehouse_id, &node_id],
        )
        .await?;
    Ok(given == 1)
}

/// From now on only this node sells from a warehouse, whoever did before.
///
/// # Errors
/// If Postgres fails.
pub async fn take_home(tx: &Tx, warehouse_id: WarehouseId, node_id: NodeId) -> Result<(), Error> {
    tx.execute("update warehouses set home_of = $2 where warehouse_id = $1", &[&warehouse_id, &node_id]).await?;
    Ok(())
}

/// From now on the device is at home nowhere. What it took out of the book there is known as its own, but where it still
/// works: there it works beside others.
///
/// # Errors
/// If Postgres fails.
pub async fn leave_homes(tx: &Tx, node_id: NodeId, works: &[WarehouseId]) -> Result<(), Error> {
    tx.execute(
        "with left_now as (
             update warehouses set home_of = null where home_of = $1 returning warehouse_id
         )
         update nodes set left_homes = array((select unnest(left_homes) union select warehouse_id from left_now)
                                             except select unnest($2::uuid[]))
         where node_id = $1",
        &[&node_id, &works],
    )
    .await?;
    Ok(())
}

/// The warehouses that only this device sells from.
///
/// # Errors
/// If Postgres fails.
pub async fn homes(tx: &Tx, node_id: NodeId) -> Result<Vec<WarehouseId>, Error> {
    let sql = "select warehouse_id from warehouses where home_of = $1 order by warehouse_id";
    tx.query(sql, &[&node_id]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

//! Goods on the road, told wherever they left, go or came, and deliveries that a warehouse expects.

use outpost_schema::feed::{Aggregate, Kind};
use uuid::Uuid;

use super::{Found, Warehouses, key_of};
use crate::{
    db::{Tx, deliveries, transfers},
    error::Error,
};

pub(super) async fn transfers(tx: &Tx, warehouses: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let found = transfers::within(tx, ids, warehouses).await?;
    let told = |transfer: outpost_schema::transfer::Transfer| {
        (key_of(Kind::Transfer, [transfer.transfer_id.0]), Aggregate::Transfer(Box::new(transfer)))
    };
    Ok(found.into_iter().map(told).collect())
}

pub(super) async fn deliveries(tx: &Tx, warehouses: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let found = deliveries::within(tx, ids, warehouses).await?;
    let told = |delivery: outpost_schema::delivery::Delivery| {
        (key_of(Kind::Delivery, [delivery.delivery_id.0]), Aggregate::Delivery(Box::new(delivery)))
    };
    Ok(found.into_iter().map(told).collect())
}

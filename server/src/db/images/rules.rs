//! What head office laid down: everyone's, or a warehouse's own.

use outpost_schema::feed::{Aggregate, Kind};
use uuid::Uuid;

use super::{Found, Warehouses, key_of};
use crate::{
    db::{Tx, rules},
    error::Error,
};

pub(super) async fn rules(tx: &Tx, warehouses: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select rule_id, sort, prefix, node_kind, category_id, product_id, warehouse_id, value, updated_at
            from rules where rule_id = any($1) and (warehouse_id is null or warehouse_id = any($2))",
            &[&ids, &warehouses],
        )
        .await?;
    let image = |row| {
        let rule = rules::rule(row)?;
        Ok((key_of(Kind::Rule, [rule.rule_id.0]), Aggregate::Rule(Box::new(rule))))
    };
    rows.iter().map(image).collect()
}

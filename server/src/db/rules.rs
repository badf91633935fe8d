//! What head office laid down: one row a rule.

use outpost_schema::{
    clock::Timestamp,
    device::NodeKind,
    id::{CategoryId, ProductId, RuleId, WarehouseId},
    rule::{Columns, Rule, RuleSort, Says},
};
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Tx;
use crate::error::Error;

/// A rule, with the names of what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleSeen {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// The product's sku, or its name if it has none.
    pub product: Option<String>,
    /// The category's name.
    pub category: Option<String>,
    /// The warehouse's name.
    pub warehouse: Option<String>,
}

/// Rules of one sort or of all, in the order of their ids, after one.
///
/// # Errors
/// What Postgres says, or a row that cannot be read.
pub async fn list(tx: &Tx, sort: Option<RuleSort>, after: Option<RuleId>, limit: i64) -> Result<Vec<RuleSeen>, Error> {
    let sql = "select r.rule_id, r.sort, r.prefix, r.node_kind, r.category_id, r.product_id, r.warehouse_id, r.value,
            r.updated_at, coalesce(p.sku, p.name) as product, c.name as category, w.name as warehouse
        from rules r
        left join products p using (product_id)
        left join categories c on c.category_id = r.category_id
        left join warehouses w on w.warehouse_id = r.warehouse_id
        where ($1::text is null or r.sort = $1) and ($2::uuid is null or r.rule_id > $2)
        order by r.rule_id limit $3";
    let seen = |row: &Row| {
        let (product, category) = (row.try_get("product")?, row.try_get("category")?);
        Ok(RuleSeen { rule: rule(row)?, product, category, warehouse: row.try_get("warehouse")? })
    };
    tx.query(sql, &[&sort, &after, &limit]).await?.iter().map(seen).collect()
}

/// A rule, read from a row that has all its columns.
///
/// # Errors
/// If they are those of no rule.
pub fn rule(row: &Row) -> Result<Rule, Error> {
    let columns = Columns {
        sort: row.try_get("sort")?,
        prefix: row.try_get("prefix")?,
        node_kind: row.try_get("node_kind")?,
        category_id: row.try_get("category_id")?,
        product_id: row.try_get("product_id")?,
        warehouse_id: row.try_get("warehouse_id")?,
        value: row.try_get("value")?,
    };
    let says = Says::of_columns(&columns)?;
    Ok(Rule { rule_id: row.try_get("rule_id")?, says, updated_at: row.try_get("updated_at")? })
}

/// Columns of many rules, each as an array.
#[derive(Default)]
struct Arrays {
    sorts: Vec<RuleSort>,
    prefixes: Vec<Option<String>>,
    kinds: Vec<Option<NodeKind>>,
    categories: Vec<Option<CategoryId>>,
    products: Vec<Option<ProductId>>,
    warehouses: Vec<Option<WarehouseId>>,
    values: Vec<String>,
}

impl Arrays {
    fn of<'a>(all: impl IntoIterator<Item = &'a Says>) -> Self {
        let mut arrays = Self::default();
        for Columns { sort, prefix, node_kind, category_id, product_id, warehouse_id, value } in
            all.into_iter().map(Says::columns)
        {
            arrays.sorts.push(sort);
            arrays.prefixes.push(prefix);
            arrays.kinds.push(node_kind);
            arrays.categories.push(category_id);
            arrays.products.push(product_id);
            arrays.warehouses.push(warehouse_id);
            arrays.values.push(value);
        }
        arrays
    }
}

/// Lays rules down; each takes the place of the one that was about the same. Says how many changed. No two of them
/// are about the same.
///
/// # Errors
/// What Postgres says.
pub async fn put(tx: &Tx, rules: &[(RuleId, Says)], at: Timestamp) -> Result<u64, Error> {
    let ids: Vec<RuleId> = rules.iter().map(|(id, _)| *id).collect();
    let Arrays { sorts, prefixes, kinds, categories, products, warehouses, values } =
        Arrays::of(rules.iter().map(|(_, says)| says));
    let sql = "insert into rules as r
            (rule_id, sort, prefix, node_kind, category_id, product_id, warehouse_id, value, updated_at)
        select u.*, $9 from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[],
            $8::text[]) as u (rule_id, sort, prefix, node_kind, category_id, product_id, warehouse_id, value)
        order by u.sort, u.product_id, u.warehouse_id, u.category_id, u.node_kind, u.prefix
        on conflict on constraint rules_about_key do update
            set value = excluded.value, updated_at = excluded.updated_at where r.value <> excluded.value";
    tx.execute(sql, &[&ids, &sorts, &prefixes, &kinds, &categories, &products, &warehouses, &values, &at]).await
}

/// Takes back the rules that are about the same as these, whatever they say. Says how many there were.
///
/// # Errors
/// What Postgres says.
pub async fn remove(tx: &Tx, about: &[Says]) -> Result<u64, Error> {
    let Arrays { sorts, prefixes, kinds, categories, products, warehouses, .. } = Arrays::of(about);
    let sql = "delete from rules r
        using unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[])
            as u (sort, prefix, node_kind, category_id, product_id, warehouse_id)
        where (r.sort, r.prefix, r.node_kind, r.category_id, r.product_id, r.warehouse_id)
            is not distinct from (u.sort, u.prefix, u.node_kind, u.category_id, u.product_id, u.warehouse_id)";
    tx.execute(sql, &[&sorts, &prefixes, &kinds, &categories, &products, &warehouses]).await
}

/// Takes back one rule. Says whether there was one.
///
/// # Errors
/// What Postgres says.
pub async fn remove_one(tx: &Tx, rule_id: RuleId) -> Result<bool, Error> {
    Ok(tx.execute("delete from rules where rule_id = $1", &[&rule_id]).await? > 0)
}

/// The first product, warehouse or category that rules are about and that is not there.
///
/// # Errors
/// What Postgres says.
pub async fn missing(tx: &Tx, rules: &[Says]) -> Result<Option<(&'static str, Uuid)>, Error> {
    let Arrays { categories, products, warehouses, .. } = Arrays::of(rules);
    let sql = "select place, id from (
            select 0 as place, u.id from unnest($1::uuid[]) as u (id)
                where u.id is not null and not exists (select 1 from products p where p.product_id = u.id)
            union all
            select 1, u.id from unnest($2::uuid[]) as u (id)
                where u.id is not null and not exists (select 1 from warehouses w where w.warehouse_id = u.id)
            union all
            select 2, u.id from unnest($3::uuid[]) as u (id)
                where u.id is not null and not exists (select 1 from categories c where c.category_id = u.id)
        ) missing limit 1";
    let row = tx.query_opt(sql, &[&products, &warehouses, &categories]).await?;
    let what = |place: i32| match place {
        0 => "product",
        1 => "warehouse",
        _ => "category",
    };
    row.map(|row| Ok((what(row.try_get("place")?), row.try_get("id")?))).transpose()
}

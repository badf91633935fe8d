//! What head office laid down, as the feed told it.

use outpost_schema::{
    id::{CategoryId, ProductId, RuleId},
    planted::{Bug, is_planted},
    rule::{Columns, Rule, RuleSort, Says},
};
use rusqlite::{Connection, Row, params, types::Type};

use crate::error::Error;

pub(super) const COLUMNS: &str =
    "rule_id, sort, prefix, node_kind, category_id, product_id, warehouse_id, value, updated_at";

pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Rule> {
    let columns = Columns {
        sort: row.get(1)?,
        prefix: row.get(2)?,
        node_kind: row.get(3)?,
        category_id: row.get(4)?,
        product_id: row.get(5)?,
        warehouse_id: row.get(6)?,
        value: row.get(7)?,
    };
    let unreadable = |fault| rusqlite::Error::FromSqlConversionFailure(7, Type::Text, Box::new(fault));
    let says = Says::of_columns(&columns).map_err(unreadable)?;
    Ok(Rule { rule_id: row.get(0)?, says, updated_at: row.get(8)? })
}

/// Keeps a rule as told.
pub(crate) fn save(conn: &Connection, rule: &Rule) -> Result<(), Error> {
    let Columns { sort, prefix, node_kind, category_id, product_id, warehouse_id, value } = rule.says.columns();
    conn.prepare_cached(&format!(
        "insert into rules ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         on conflict (rule_id) do update set
             sort = excluded.sort, prefix = excluded.prefix, node_kind = excluded.node_kind,
             category_id = excluded.category_id, product_id = excluded.product_id,
             warehouse_id = excluded.warehouse_id, value = excluded.value, updated_at = excluded.updated_at"
    ))?
    .execute(params![
        rule.rule_id,
        sort,
        prefix,
        node_kind,
        category_id,
        product_id,
        warehouse_id,
        value,
        rule.updated_at
    ])?;
    Ok(())
}

/// The rule was taken back.
pub(crate) fn forget(conn: &Connection, rule_id: RuleId) -> Result<(), Error> {
    if is_planted(Bug::RuleOutlived) {
        return Ok(());
    }
    conn.prepare_cached("delete from rules where rule_id = ?1")?.execute([rule_id])?;
    Ok(())
}

/// What the rules of a sort say. One that cannot be read says nothing here; a comparison with head office mends it.
pub(crate) fn of_sort(conn: &Connection, sort: RuleSort) -> Result<Vec<Says>, Error> {
    let mut statement =
        conn.prepare_cached(&format!("select {COLUMNS} from rules where sort = ?1 order by rule_id"))?;
    let rows = statement.query_map([sort], |row| Ok(of_row(row).ok()))?;
    let mut found = Vec::new();
    for rule in rows {
        found.extend(rule?.map(|rule| rule.says));
    }
    Ok(found)
}

/// The rules about sale policies that may concern a product of these categories.
pub(crate) fn policies(
    conn: &Connection,
    product_id: ProductId,
    categories: &[CategoryId],
) -> Result<Vec<Says>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "select {COLUMNS} from rules where sort = ?1 and (product_id is null or product_id = ?2) order by rule_id"
    ))?;
    let rows = statement.query_map(params![RuleSort::Policy, product_id], |row| Ok(of_row(row).ok()))?;
    let about = |says: &Says| match says {
        Says::Policy { goods: outpost_schema::rule::Goods::Category(id), .. } => categories.contains(id),
        Says::Policy { .. } | Says::Labels { .. } | Says::LowAt { .. } => true,
    };
    let mut found = Vec::new();
    for rule in rows {
        found.extend(rule?.map(|rule| rule.says).filter(about));
    }
    Ok(found)
}

/// A product's categories, from the nearest to the top.
pub(crate) fn categories_of(conn: &Connection, product_id: ProductId) -> Result<Vec<CategoryId>, Error> {
    // A tree that was told in pieces may lack a parent; one that goes round ends at the depth below.
    let mut statement = conn.prepare_cached(
        "with recursive up (category_id, depth) as (
             select category_id, 0 from products where product_id = ?1 and category_id is not null
             union all
             select c.parent_id, up.depth + 1 from up join categories c on c.category_id = up.category_id
             where c.parent_id is not null and up.depth < 64
         )
         select category_id from up order by depth",
    )?;
    let rows = statement.query_map([product_id], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

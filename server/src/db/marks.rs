//! The feed's marks against the book itself: every aggregate has one in its scope that is no older than
//! itself, and none names what is not there. What they say is trusted by every pull.

use std::collections::BTreeMap;

use outpost_schema::feed::{EVERYONE, Kind};

use super::Tx;
use crate::error::Error;

/// What is wrong with a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// There is none, so no node hears of the aggregate.
    Missing,
    /// It says that the aggregate is gone, and it is there.
    SaysGone,
    /// It is older than the aggregate's last change, so a node that was level before missed that.
    Behind,
    /// It names what is not there.
    NamesNothing,
}

impl Wrong {
    /// What it means, in a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Missing => "is in the book, and no device hears of it",
            Self::SaysGone => "is in the book, and devices were told that it is gone",
            Self::Behind => "was changed without devices being told",
            Self::NamesNothing => "is not in the book, and devices may still hold it",
        }
    }

    const ALL: [(Self, &'static str); 4] = [
        (Self::Missing, "missing"),
        (Self::SaysGone, "says_gone"),
        (Self::Behind, "behind"),
        (Self::NamesNothing, "names_nothing"),
    ];
}

/// Cases told of one fault; the first few show what is wrong.
const CASES_MAX: usize = 5;

/// Of each kind that lives in a table: its key, its scope, and the transaction that last wrote its row,
/// or 0 where rows are also written for what does not travel. A late verdict is told once and never
/// looked for: it has no aggregate of its own.
const TABLES: [(Kind, &str); 17] = [
    (Kind::Warehouse, "select uuid_send(warehouse_id) as key, {everyone} as scope, xmin::text::bigint as wrote from warehouses"),
    (Kind::Category, "select uuid_send(category_id) as key, {everyone} as scope, xmin::text::bigint as wrote from categories"),
    (Kind::Product, "select uuid_send(product_id) as key, {everyone} as scope, xmin::text::bigint as wrote from products"),
    (
        Kind::Stock,
        "select uuid_send(product_id) || uuid_send(warehouse_id) as key, warehouse_id as scope, xmin::text::bigint as wrote
         from stock",
    ),
    (
        Kind::Allotment,
        "select uuid_send(a.incarnation_id) || uuid_send(a.product_id) || uuid_send(a.warehouse_id) as key,
                i.node_id as scope, 0::bigint as wrote
         from allotments a join incarnations i using (incarnation_id) where a.granted > 0 or a.reclaimed > 0",
    ),
    (Kind::User, "select uuid_send(user_id) as key, home as scope, xmin::text::bigint as wrote from users"),
    (Kind::Address, "select uuid_send(address_id) as key, home as scope, xmin::text::bigint as wrote from addresses"),
    (Kind::Order, "select uuid_send(order_id) as key, warehouse_id as scope, xmin::text::bigint as wrote from orders"),
    (Kind::Review, "select uuid_send(review_id) as key, {everyone} as scope, xmin::text::bigint as wrote from reviews"),
    (Kind::Cart, "select uuid_send(cart_id) as key, home as scope, xmin::text::bigint as wrote from cart_states"),
    (Kind::Concern, "select uuid_send(concern_id) as key, scope, xmin::text::bigint as wrote from concerns"),
    (
        Kind::Transfer,
        "select uuid_send(p.transfer_id) as key, p.place as scope, max(p.wrote) as wrote
         from (
             select t.transfer_id, r.place, 0::bigint as wrote
             from transfers t cross join lateral (values (t.from_id), (t.to_id)) as r (place) where r.place is not null
             union all
             select transfer_id, warehouse_id, 0 from transfer_lines
         ) p
         group by p.transfer_id, p.place",
    ),
    (
        Kind::Delivery,
        "select uuid_send(delivery_id) as key, warehouse_id as scope, xmin::text::bigint as wrote from deliveries",
    ),
    (
        Kind::Return,
        "select uuid_send(return_id) as key, warehouse_id as scope, xmin::text::bigint as wrote from returns
         union select uuid_send(return_id), sold_at, xmin::text::bigint from returns",
    ),
    (
        Kind::Rule,
        "select uuid_send(rule_id) as key, coalesce(warehouse_id, {everyone}) as scope, xmin::text::bigint as wrote
         from rules",
    ),
    (
        Kind::Confirmation,
        "select uuid_send(order_id) as key, warehouse_id as scope, xmin::text::bigint as wrote from order_confirmations",
    ),
    (
        Kind::Synonyms,
        "select uuid_send(synonyms_id) as key, {everyone} as scope, xmin::text::bigint as wrote from synonyms",
    ),
];

/// Every wrong mark of a kind, as (key, scope, wrong). A row's own transaction number has 32 bits, so the
/// two are compared on their circle; 1 and 2 are Postgres's own.
fn faults(kind: Kind, table: &str) -> String {
    let table = table.replace("{everyone}", &format!("'{EVERYONE}'::uuid"));
    format!(
        "select key, scope, wrong from (
             select coalesce(t.key, f.key) as key, coalesce(t.scope, f.scope) as scope,
                 case
                     when f.key is null then 'missing'
                     when t.key is null then case when f.gone then null else 'names_nothing' end
                     when f.gone then 'says_gone'
                     when t.wrote > 2 and (f.changed::text::bigint % 4294967296 - t.wrote + 4294967296) % 4294967296
                         > 2147483648 then 'behind'
                 end as wrong
             from ({table}) t
             full join (select key, scope, changed, gone from feed where kind = {number}) f
                 on f.key = t.key and f.scope = t.scope
         ) compared
         where wrong is not null",
        number = kind.number()
    )
}

/// What is wrong with the marks: how many of each fault, and the first few.
///
/// # Errors
/// What Postgres says.
pub async fn wrong(tx: &Tx) -> Result<BTreeMap<Wrong, (i64, Vec<String>)>, Error> {
    let mut found: BTreeMap<Wrong, (i64, Vec<String>)> = BTreeMap::new();
    for (kind, table) in TABLES {
        let sql = format!(
            "select wrong, count(*) as count, (array_agg(encode(key, 'hex') order by key))[1:{CASES_MAX}] as cases
             from ({}) faults group by wrong",
            faults(kind, table)
        );
        for row in tx.query(&sql, &[]).await? {
            let word: &str = row.try_get("wrong")?;
            let Some((wrong, _)) = Wrong::ALL.into_iter().find(|(_, known)| *known == word) else { continue };
            let (count, cases) = found.entry(wrong).or_default();
            *count += row.try_get::<_, i64>("count")?;
            let named: Vec<String> = row.try_get("cases")?;
            cases.extend(named.into_iter().map(|key| format!("{kind:?} {key}").to_lowercase()));
            cases.truncate(CASES_MAX);
        }
    }
    Ok(found)
}

/// Marks as changed now whatever is marked wrongly: what is there is told again, and what is not is told
/// to be gone. Says how many there were.
///
/// # Errors
/// What Postgres says.
pub async fn mark_anew(tx: &Tx) -> Result<i64, Error> {
    let mut marked = 0;
    for (kind, table) in TABLES {
        let sql = format!(
            "with faults as materialized ({}),
             marked as (
                 insert into feed as f (kind, key, scope, changed, gone)
                 select {}, key, scope, pg_current_xact_id(), wrong = 'names_nothing' from faults order by key, scope
                 on conflict (kind, key, scope) do update set changed = excluded.changed, gone = excluded.gone
                 returning 1
             )
             select count(*) from marked",
            faults(kind, table),
            kind.number()
        );
        marked += tx.query_one(&sql, &[]).await?.try_get::<_, i64>(0)?;
    }
    Ok(marked)
}

//! What people must look at, as they read it: what it touches, what can be done about it, and what was.

use outpost_schema::{
    clock::Timestamp,
    id::ConcernId,
    settlement::{Settlement, possible},
    verdict::ConcernKind,
};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    db::{
        Tx,
        office::RECEIPT,
        settlements::{self, Settled},
        short,
    },
    error::Error,
};

/// A concern, with the name of the device it came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConcernSeen {
    /// Its id.
    pub concern_id: ConcernId,
    /// Its sort.
    pub kind: ConcernKind,
    /// What it means, and what to do about it.
    pub sentence: &'static str,
    /// What it is about: ids joined by a slash.
    pub subject: String,
    /// What that is called: the product, order or device, if it has a name.
    pub about: Option<String>,
    /// The figures and names of the case.
    pub detail: Value,
    /// The device it came from.
    pub node: Option<String>,
    /// Since when.
    pub opened_at: Timestamp,
    /// Until when, if it is over.
    pub closed_at: Option<Timestamp>,
    /// How it can be settled.
    pub possible: Vec<Settlement>,
    /// What was done about it, or will be; oldest first.
    pub settlements: Vec<Settled>,
}

/// Which concerns are wanted, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConcernsWanted {
    /// Those that are over, too.
    pub with_closed: bool,
    /// Only this one.
    pub concern_id: Option<ConcernId>,
    /// Only those that name this order, product, person, device or place.
    pub about: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

/// Concerns.
///
/// # Errors
/// What Postgres says.
pub async fn concerns(tx: &Tx, wanted: ConcernsWanted) -> Result<Vec<ConcernSeen>, Error> {
    let sql = format!(
        "select c.concern_id, c.kind, c.subject, c.detail, c.opened_at, c.closed_at, n.name as node,
            coalesce(
                (select p.name from products p where p.product_id::text = split_part(c.subject, '/', 1)),
                (select {RECEIPT} from orders o
                    where o.order_id::text = split_part(c.subject, '/', 1)),
                (select d.name from incarnations l join nodes d using (node_id)
                    where l.incarnation_id::text = split_part(c.subject, '/', 1)),
                (select d.name from nodes d where d.node_id::text = split_part(c.subject, '/', 1))
            ) as about
        from concerns c
        left join incarnations i on i.incarnation_id = c.incarnation_id
        left join nodes n on n.node_id = i.node_id
        where ($1 or c.closed_at is null)
            and ($2::uuid is null or c.concern_id = $2)
            and ($3::uuid is null or c.touches @> array[$3])
        order by c.opened_at desc, c.concern_id desc limit $4"
    );
    let ConcernsWanted { with_closed, concern_id, about, limit } = wanted;
    let rows = tx.query(&sql, &[&with_closed, &concern_id, &about, &limit]).await?;
    let mut seen: Vec<ConcernSeen> = rows.iter().map(concern).collect::<Result<_, _>>()?;
    let ids: Vec<ConcernId> = seen.iter().map(|concern| concern.concern_id).collect();
    for made in settlements::of_concerns(tx, &ids).await? {
        if let Some(concern) = seen.iter_mut().find(|concern| concern.concern_id == made.concern_id) {
            concern.settlements.push(made);
        }
    }
    Ok(seen)
}

fn concern(row: &Row) -> Result<ConcernSeen, Error> {
    let kind: ConcernKind = row.try_get("kind")?;
    Ok(ConcernSeen {
        concern_id: row.try_get("concern_id")?,
        kind,
        sentence: kind.sentence(),
        subject: row.try_get("subject")?,
        about: row.try_get("about")?,
        detail: row.try_get("detail")?,
        node: row.try_get("node")?,
        opened_at: row.try_get("opened_at")?,
        closed_at: row.try_get("closed_at")?,
        possible: possible(kind),
        settlements: Vec::new(),
    })
}

/// Something that a concern touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// What it is: product, warehouse, order, return, transfer, hold, cart, person, device, life.
    pub what: String,
    /// Which.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
}

/// A concern with everything that it touches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConcernShown {
    /// The concern.
    #[serde(flatten)]
    pub concern: ConcernSeen,
    /// What its figures name; for goods that are not there also the orders that wait for them, at most a hundred.
    pub touches: Vec<Touched>,
    /// Devices that may still explain why more is promised than is there: nothing is withdrawn before they are heard or
    /// given up.
    pub waits_for: Vec<Touched>,
}

/// A concern, whether open or over; none if there is no such concern.
///
/// # Errors
/// What Postgres says.
pub async fn show_concern(tx: &Tx, concern_id: ConcernId) -> Result<Option<ConcernShown>, Error> {
    let wanted = ConcernsWanted { with_closed: true, concern_id: Some(concern_id), about: None, limit: 1 };
    let Some(concern) = concerns(tx, wanted).await?.pop() else { return Ok(None) };
    let (touches, waits_for) = (touches(tx, concern_id).await?, waits_for(tx, &concern).await?);
    Ok(Some(ConcernShown { concern, touches, waits_for }))
}

async fn waits_for(tx: &Tx, concern: &ConcernSeen) -> Result<Vec<Touched>, Error> {
    if concern.kind != ConcernKind::Unbacked {
        return Ok(Vec::new());
    }
    let waited = short::waited_for(tx, &concern.subject).await?;
    Ok(waited.into_iter().map(|(id, name)| Touched { what: "device".to_owned(), id: id.0, name }).collect())
}

async fn touches(tx: &Tx, concern_id: ConcernId) -> Result<Vec<Touched>, Error> {
    let sql = format!(
        "with concern as (select kind, subject, touches from concerns where concern_id = $1),
        ids as (select unnest(touches) as id from concern)
        select 'product' as what, p.product_id as id, p.name from ids join products p on p.product_id = ids.id
        union all
        select 'warehouse', w.warehouse_id, w.name from ids join warehouses w on w.warehouse_id = ids.id
        union all
        select 'order', o.order_id, {RECEIPT} from ids join orders o on o.order_id = ids.id
        union all
        select 'return', o.return_id, {RECEIPT} from ids join returns o on o.return_id = ids.id
        union all
        select 'transfer', t.transfer_id,
            concat('from ', coalesce(f.name, 'nobody heard yet'), ' to ', coalesce(d.name, 'nobody heard yet'))
        from ids join transfers t on t.transfer_id = ids.id
        left join warehouses f on f.warehouse_id = t.from_id left join warehouses d on d.warehouse_id = t.to_id
        union all
        select 'hold', h.hold_id, concat(sum(h.amount), ' units, placed ', to_char(min(h.created_at), 'YYYY-MM-DD HH24:MI'))
        from ids join holds h on h.hold_id = ids.id group by h.hold_id
        union all
        select 'cart', c.cart_id, coalesce(nullif(trim(concat(u.first_name, ' ', u.last_name)), ''), u.email, 'no name')
        from ids join cart_states c on c.cart_id = ids.id left join users u on u.user_id = c.owner
        union all
        select 'person', u.user_id, coalesce(nullif(trim(concat(u.first_name, ' ', u.last_name)), ''), u.email, 'no name')
        from ids join users u on u.user_id = ids.id
        union all
        select 'device', n.node_id, n.name from ids join nodes n on n.node_id = ids.id
        union all
        select 'life', i.incarnation_id, n.name || ', life ' || i.number
        from ids join incarnations i on i.incarnation_id = ids.id join nodes n using (node_id)
        union all
        (select 'order', o.order_id, {RECEIPT}
         from concern c
         join order_items i on i.product_id = any (c.touches)
         join orders o on o.order_id = i.order_id and o.warehouse_id = any (c.touches)
         where c.kind in ('owed', 'unbacked') and o.fulfilment = 'ship' and o.status in ('pending', 'processed')
         order by o.created_at desc limit 100)
        order by what, name"
    );
    let touched = |row: &Row| Ok(Touched { what: row.try_get(0)?, id: row.try_get(1)?, name: row.try_get(2)? });
    tx.query(&sql, &[&concern_id]).await?.iter().map(touched).collect()
}

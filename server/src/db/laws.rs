//! The laws that the book keeps whatever happens, checked over the whole database. Each is a query
//! that finds what breaks it.

use super::Tx;
use crate::error::Error;

/// Cases told of one broken law; the first few show what is wrong.
const CASES_MAX: i64 = 5;

/// What each law says, and the query for the cases that break it.
const LAWS: [(&str, &str); 20] = [
    (
        "the sum of a stock row's movements is its balance",
        "select format('%s/%s: movements %s, balance %s', product_id, warehouse_id, m.sum, s.balance)
         from stock s
         full join (select product_id, warehouse_id, sum(delta) as sum from stock_movements group by 1, 2) m
             using (product_id, warehouse_id)
         where coalesce(s.balance, 0) <> coalesce(m.sum, 0)",
    ),
    (
        "the sum of a stock row's open promises is what it has promised",
        "select format('%s/%s: promises %s, promised %s', product_id, warehouse_id, p.sum, s.promised)
         from stock s
         full join (
             select product_id, warehouse_id, sum(units) as sum
             from (
                 select product_id, warehouse_id,
                        greatest(0, granted + received - consumed - returned - reclaimed) as units
                 from allotments
                 union all
                 select product_id, warehouse_id, amount from holds where closed_at is null
                 union all
                 select i.product_id, o.warehouse_id, i.quantity
                 from orders o join order_items i using (order_id)
                 where o.fulfilment = 'ship' and o.status in ('pending', 'processed')
             ) promises
             group by 1, 2
         ) p using (product_id, warehouse_id)
         where coalesce(s.promised, 0) <> coalesce(p.sum, 0)",
    ),
    (
        "quantity less owed is the balance, reserved and unbacked are the promised",
        "select format('%s/%s', product_id, warehouse_id)
         from stock
         where quantity <> greatest(balance, 0) or reserved_quantity <> least(promised, quantity)
            or reserved_quantity < 0 or reserved_quantity > quantity",
    ),
    (
        "a stock row says since when it is short as long as it is",
        "select format('%s/%s: unbacked %s, short since %s', product_id, warehouse_id, promised - reserved_quantity,
                       short_since)
         from stock where (promised > reserved_quantity) <> (short_since is not null)",
    ),
    (
        "every item that was carried out has exactly one movement, its op's",
        "select format('order %s line %s: %s movements', o.order_id, i.line, count(m.delta))
         from orders o
         join order_items i using (order_id)
         left join stock_movements m on m.incarnation_id = o.incarnation_id and m.seq = o.seq and m.line = i.line
             and m.product_id = i.product_id and m.warehouse_id = o.warehouse_id and m.delta = -i.quantity
             and m.reason = 'sold'
         where o.fulfilment = 'carry_out'
         group by o.order_id, i.line
         having count(m.delta) <> 1",
    ),
    (
        "as many items were handed over as movements say that they were sold",
        "select format('%s/%s: items %s, sold movements %s', product_id, warehouse_id, i.units, m.units)
         from (
             select i.product_id, o.warehouse_id, count(*) as rows, sum(i.quantity) as units
             from orders o join order_items i using (order_id)
             where o.fulfilment = 'carry_out' or o.status in ('shipped', 'delivered')
             group by 1, 2
         ) i
         full join (
             select product_id, warehouse_id, count(*) as rows, -sum(delta) as units
             from stock_movements where reason = 'sold' group by 1, 2
         ) m using (product_id, warehouse_id)
         where (i.rows, i.units) is distinct from (m.rows, m.units)",
    ),
    (
        "a journal's ops are dense from 1 to what was acknowledged, but for the holes that were passed",
        "select format('%s: %s ops up to %s, %s missing, acknowledged %s', i.incarnation_id, count(o.seq), max(o.seq),
                       h.missing, i.acked_seq)
         from incarnations i
         left join (
             select incarnation_id, sum(before_seq - after_seq - 1) as missing, bool_or(after_seq = 0) as at_start
             from holes group by 1
         ) h using (incarnation_id)
         left join ops o using (incarnation_id)
         group by i.incarnation_id, h.missing, h.at_start
         having count(o.seq) + coalesce(h.missing, 0) <> i.acked_seq or coalesce(max(o.seq), 0) <> i.acked_seq
             or coalesce(min(o.seq), 1) <> 1 and h.at_start is not true
             or not bool_or(o.seq is null or o.seq = i.acked_seq and o.hash = i.acked_hash)",
    ),
    (
        "every accepted sale made exactly one order, and nothing else did",
        "select format('%s/%s: verdict %s, order %s', incarnation_id, seq, p.verdict, o.order_id)
         from (
             select incarnation_id, seq, verdict from ops p
             where kind = 'sale' and not exists (
                 select from carried c where c.incarnation_id = p.incarnation_id and c.seq = p.seq and c.hash = p.hash)
             union all
             select o.incarnation_id, o.seq, o.verdict
             from carried c join ops o on o.incarnation_id = c.by_id and o.seq = c.by_seq
             where c.kind = 'sale'
         ) p
         full join (
             select incarnation_id, seq, min(order_id::text) as order_id, count(*) as rows from orders group by 1, 2
         ) o using (incarnation_id, seq)
         where (p.verdict is not distinct from 'accepted') <> (o.rows is not distinct from 1)",
    ),
    (
        "every accepted return made exactly one row, and nothing else did",
        "select format('%s/%s: verdict %s, return %s', incarnation_id, seq, p.verdict, r.return_id)
         from (
             select incarnation_id, seq, verdict from ops p
             where kind = 'returned' and not exists (
                 select from carried c where c.incarnation_id = p.incarnation_id and c.seq = p.seq and c.hash = p.hash)
             union all
             select o.incarnation_id, o.seq, o.verdict
             from carried c join ops o on o.incarnation_id = c.by_id and o.seq = c.by_seq
             where c.kind = 'returned'
         ) p
         full join (
             select incarnation_id, seq, min(return_id::text) as return_id, count(*) as rows from returns group by 1, 2
         ) r using (incarnation_id, seq)
         where (p.verdict is not distinct from 'accepted') <> (r.rows is not distinct from 1)",
    ),
    (
        "what came back is in the movements of its op, and what of it is damaged left the book there",
        "select format('return of %s/%s at %s: lines %s and %s, movements %s and %s', incarnation_id, seq, product_id,
                       l.came, l.broke, m.came, m.broke)
         from (
             select r.incarnation_id, r.seq, product_id, r.warehouse_id, sum(quantity) as came,
                    coalesce(sum(quantity) filter (where condition = 'damaged'), 0) as broke
             from returns r join return_lines using (return_id) group by 1, 2, 3, 4
         ) l
         full join (
             select incarnation_id, seq, product_id, warehouse_id, sum(delta) filter (where m.reason = 'returned') as came,
                    coalesce(-sum(delta) filter (where m.reason = 'damaged'), 0) as broke
             from stock_movements m join returns r using (incarnation_id, seq, warehouse_id) group by 1, 2, 3, 4
         ) m using (incarnation_id, seq, product_id, warehouse_id)
         where (l.came, l.broke) is distinct from (m.came, m.broke)",
    ),
    (
        "no line came back more often than it was sold, or a concern told of it",
        "select format('order %s line %s: sold %s, returned %s', i.order_id, i.line, i.quantity, sum(l.quantity))
         from return_lines l
         join returns r using (return_id)
         join order_items i on i.order_id = r.order_id and i.order_item_id = l.order_item_id
         where not exists (select from concerns where kind = 'returned_twice' and subject = i.order_id::text)
         group by i.order_id, i.order_item_id
         having sum(l.quantity) > i.quantity",
    ),
    (
        "no more was given back of an order than was taken, or a concern told of it",
        "select format('order %s: %s left of what was paid', p.order_id, sum(p.amount))
         from payments p
         where p.status in ('succeeded', 'refunded')
           and exists (select from payments b where b.order_id = p.order_id and b.return_id is not null)
           and not exists (select from concerns where kind = 'refunded_too_much' and subject = p.order_id::text)
         group by p.order_id, p.currency
         having sum(p.amount) < 0 and bool_or(p.return_id is null)",
    ),
    (
        "a payment is called refunded only if its refunds reach it but for the change",
        "select format('payment %s of order %s: %s of %s given back', p.payment_id, p.order_id, -sum(b.amount), p.amount)
         from payments p
         left join payments b on b.order_id = p.order_id and b.refunds_id = p.payment_id
         left join lateral (
             select coalesce(sum(c.amount), 0) as amount from payments c
             where c.order_id = p.order_id and c.return_id is null and c.amount < 0 and p.tender = 'cash'
         ) change on true
         where p.status = 'refunded'
         group by p.order_id, p.payment_id, change.amount
         having coalesce(-sum(b.amount), 0) < p.amount + change.amount",
    ),
    (
        "no more is missing of what was written off than was booked as lost",
        "select format('%s/%s: %s missing, %s lost', product_id, warehouse_id, w.units, m.units)
         from (select product_id, warehouse_id, sum(units) as units from written_off group by 1, 2) w
         left join (
             select product_id, warehouse_id, -sum(delta) as units from stock_movements where reason = 'lost' group by 1, 2
         ) m using (product_id, warehouse_id)
         where w.units > coalesce(m.units, 0)",
    ),
    (
        "what is owed or unbacked has its open concern, and nothing else has",
        "select format('%s of %s: concern %s', kind, subject, c.concern_id)
         from (
             select 'owed' as kind, product_id || '/' || warehouse_id as subject, -balance as units
             from stock where balance < 0
             union all
             select 'unbacked', product_id || '/' || warehouse_id, promised - reserved_quantity
             from stock where promised > reserved_quantity
         ) s
         full join (
             select kind, subject, concern_id, (detail ->> 'units')::bigint as units
             from concerns where closed_at is null and kind in ('owed', 'unbacked')
         ) c using (kind, subject)
         where s.units is distinct from c.units",
    ),
    (
        "units are conserved: what was transferred of a product, and what is on the road, sum to nothing",
        "select format('%s: transferred %s, on the road %s', product_id, m.units, r.units)
         from (
             select product_id, sum(delta) as units from stock_movements where reason = 'transferred' group by 1
         ) m
         full join (
             select product_id, sum(units) as units
             from (
                 select product_id, greatest(0, sum(sent) - sum(lost) - sum(arrived)) as units
                 from transfer_lines group by transfer_id, product_id
             ) o
             group by 1
         ) r using (product_id)
         where coalesce(m.units, 0) + coalesce(r.units, 0) <> 0",
    ),
    (
        "what is missing of a complete transfer, or came beyond what was sent, has its open concern, and nothing else has",
        "select format('%s of %s: concern %s', kind, subject, c.concern_id)
         from (
             select 'transfer_excess' as kind, transfer_id::text as subject, sum(excess) as units
             from (
                 select transfer_id, greatest(0, sum(arrived) - sum(sent)) as excess
                 from transfer_lines group by transfer_id, product_id
             ) o
             group by 1, 2 having sum(excess) > 0
             union all
             select 'transfer_short', transfer_id::text, sum(missing)
             from (
                 select l.transfer_id, greatest(0, sum(l.sent) - sum(l.lost) - sum(l.arrived)) as missing
                 from transfer_lines l join transfers t on t.transfer_id = l.transfer_id and t.complete
                 group by l.transfer_id, l.product_id
             ) o
             group by 1, 2 having sum(missing) > 0
         ) s
         full join (
             select kind, subject, concern_id, (detail ->> 'units')::bigint as units
             from concerns where closed_at is null and kind in ('transfer_excess', 'transfer_short')
         ) c using (kind, subject)
         where s.units is distinct from c.units",
    ),
    (
        "what is set aside has its open concern, and nothing else has",
        "select format('%s: verdict %s, concern %s', subject, o.verdict, c.concern_id)
         from (select incarnation_id || '/' || seq as subject, verdict from ops where verdict = 'set_aside') o
         full join (select subject, concern_id from concerns where closed_at is null and kind = 'set_aside') c
             using (subject)
         where o.verdict is null or c.concern_id is null",
    ),
    (
        "nothing names what is not there",
        "select format('%s %s', what, id)
         from (
             select 'item of order' as what, i.order_id as id
             from order_items i left join orders o using (order_id) where o.order_id is null
             union all
             select 'item of product', i.product_id
             from order_items i left join products p using (product_id) where p.product_id is null
             union all
             select 'payment of order', y.order_id
             from payments y left join orders o using (order_id) where o.user_id is distinct from y.user_id
             union all
             select 'order at warehouse', o.warehouse_id
             from orders o left join warehouses w using (warehouse_id) where w.warehouse_id is null
             union all
             select 'order by node', o.node_id from orders o left join nodes n using (node_id) where n.node_id is null
             union all
             select 'order by op', o.order_id
             from orders o left join ops p using (incarnation_id, seq) where p.seq is null
             union all
             select 'return of order', r.order_id
             from returns r left join orders o using (order_id) where o.order_id is null
             union all
             select 'return at warehouse', r.warehouse_id
             from returns r left join warehouses w using (warehouse_id) where w.warehouse_id is null
             union all
             select 'line of return', l.return_id
             from return_lines l left join returns r using (return_id) where r.return_id is null
             union all
             select 'refund of return', y.return_id
             from payments y left join returns r using (return_id) where y.return_id is not null and r.return_id is null
             union all
             select 'movement of', m.product_id
             from stock_movements m left join stock s using (product_id, warehouse_id) where s.product_id is null
             union all
             select 'movement by op', m.incarnation_id
             from stock_movements m left join ops p using (incarnation_id, seq)
             where m.incarnation_id is not null and p.seq is null
             union all
             select 'hold of', h.hold_id
             from holds h left join stock s using (product_id, warehouse_id) where s.product_id is null
             union all
             select 'hold used up by order', h.ordered_as
             from holds h left join orders o on o.order_id = h.ordered_as
             where h.ordered_as is not null and o.order_id is null
             union all
             select 'op of', o.incarnation_id
             from ops o left join incarnations i using (incarnation_id) where i.incarnation_id is null
         ) strays",
    ),
    (
        "only what is set aside lacks something",
        "select format('%s/%s lacks %s', l.incarnation_id, l.seq, l.lacked_id)
         from op_lacks l join ops o using (incarnation_id, seq)
         where o.verdict <> 'set_aside'",
    ),
];

/// The laws that are broken, each with its first cases; none if all is well.
///
/// # Errors
/// If Postgres fails.
pub async fn broken(tx: &Tx) -> Result<Vec<String>, Error> {
    // Every law reads whole tables; one that Postgres knows nothing about yet, because it was filled a
    // moment ago, must not tempt it into comparing each row with each other.
    tx.execute("set local enable_nestloop = off", &[]).await?;
    let mut broken = Vec::new();
    for (law, query) in LAWS {
        let sql = format!("{query} limit {CASES_MAX}");
        for row in tx.query(&sql, &[]).await? {
            let case: &str = row.try_get(0)?;
            broken.push(format!("{law}: {case}"));
        }
    }
    Ok(broken)
}

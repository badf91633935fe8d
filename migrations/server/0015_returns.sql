-- Goods that came back, and the money given for them. An order's content never changes: a return is an op and rows
-- of its own, and its refunds are payments of the order, of negative amounts, that name it.

create table returns (
    return_id            uuid primary key,
    order_id             uuid not null, -- of orders: whose goods they were
    user_id              uuid not null, -- the order's
    order_receipt_prefix text not null, -- the receipt that the customer showed
    order_receipt_number bigint not null,
    receipt_prefix       text not null, -- that of the return
    receipt_number       bigint not null,
    node_id              uuid not null, -- of nodes: the author of the op
    warehouse_id         uuid not null, -- of warehouses: where the goods are now
    sold_at              uuid not null, -- of warehouses: the order's, which hears of it too
    taken_by             uuid,          -- who took them back
    reason               text not null,
    created_at           timestamptz not null,
    incarnation_id       uuid not null, -- the op that made it
    seq                  bigint not null
);

create index returns_order_id on returns (order_id);
create index returns_created_at on returns (created_at);

create table return_lines (
    return_id     uuid not null, -- of returns, written just before
    line          integer not null, -- its place on the receipt
    order_item_id uuid, -- of order_items; null: the order has no such line
    product_id    uuid not null, -- of products, as the stock row is that it came back to
    quantity      bigint not null,
    condition     text not null,
    primary key (return_id, line),
    constraint return_lines_quantity_check check (quantity >= 1),
    constraint return_lines_condition_check check (condition in ('shelf', 'damaged'))
);

alter table payments
    add column return_id  uuid, -- of returns; null: a payment of the sale
    add column refunds_id uuid, -- which payment of the order it gives back
    add constraint payments_refund_check check (return_id is null and refunds_id is null or return_id is not null and amount < 0);

create index payments_return_id on payments (return_id) where return_id is not null;

-- A receipt from another shop is looked up by its number.
create index orders_receipt on orders (receipt_prefix, receipt_number);

alter table stock_movements
    drop constraint stock_movements_reason_check,
    add constraint stock_movements_reason_check check
        (reason in ('received', 'sold', 'returned', 'damaged', 'lost', 'found', 'counted', 'transferred', 'corrected'));

-- Refunds travel with their return: an order's own payments are those of the sale.
create or replace function feed_payments() returns trigger language plpgsql as $$
begin
    perform feed_mark(8::smallint, array_agg(uuid_send(o.order_id)), array_agg(o.warehouse_id), false)
    from new_rows n
    join orders o using (order_id)
    left join feed f on f.kind = 8 and f.key = uuid_send(o.order_id) and f.scope = o.warehouse_id
    where n.return_id is null and f.changed is distinct from pg_current_xact_id();
    return null;
end $$;

-- A return is told where the goods are now and where they were sold; its parts come with it and never change.
create function feed_returns() returns trigger language plpgsql as $$
begin
    perform feed_mark(13::smallint, array_agg(uuid_send(return_id)), array_agg(scope), false)
    from (select return_id, warehouse_id as scope from new_rows union select return_id, sold_at from new_rows) told;
    return null;
end $$;

create trigger feed_insert after insert on returns referencing new table as new_rows for each statement execute function feed_returns();
create trigger feed_update after update on returns referencing new table as new_rows for each statement execute function feed_returns();

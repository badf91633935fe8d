-- Orders that were taken although no allotment covered them, and since when head office has had the goods for them.
create table order_confirmations (
    order_id     uuid primary key, -- of orders, written just before
    warehouse_id uuid not null,    -- the order's
    asked_at     timestamptz not null,
    confirmed_at timestamptz
);

create index order_confirmations_awaited on order_confirmations (asked_at, order_id) where confirmed_at is null;

create function feed_order_confirmations() returns trigger language plpgsql as $$
begin
    perform feed_mark(21::smallint, array_agg(uuid_send(order_id)), array_agg(warehouse_id), false) from new_rows;
    return null;
end $$;

create trigger feed_insert after insert on order_confirmations referencing new table as new_rows for each statement execute function feed_order_confirmations();
create trigger feed_update after update on order_confirmations referencing new table as new_rows for each statement execute function feed_order_confirmations();

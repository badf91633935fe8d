-- The feed: which aggregate last changed in which transaction. One narrow table, because an index on a
-- column of each table would make every stock update touch that index too.

create table feed (
    kind    smallint not null, -- schema's feed::Kind::number
    key     bytea not null,    -- the aggregate's ids, 16 bytes each
    scope   uuid not null,
    changed xid8 not null,     -- the top-level transaction, which holds across savepoints
    gone    boolean not null default false,
    primary key (kind, key, scope)
) with (fillfactor = 80);

create index feed_changed on feed (scope, changed, kind, key);

-- The largest change whose tombstone was dropped, per epoch: a cursor must reach beyond it.
create table feed_horizon (
    one     boolean primary key default true check (one),
    dropped xid8 not null default '0'
);
insert into feed_horizon default values;

-- Marks aggregates as changed by this transaction. Rows that it marked before are left alone.
-- In plpgsql, because its plan is kept; a function in SQL is planned anew at every call.
create function feed_mark(the_kind smallint, keys bytea[], scopes uuid[], are_gone boolean) returns void
language plpgsql as $$
begin
    insert into feed as f (kind, key, scope, changed, gone)
    select the_kind, m.key, m.scope, pg_current_xact_id(), are_gone
    from (select distinct u.key, u.scope from unnest(keys, scopes) as u (key, scope) order by 1, 2) m
    on conflict (kind, key, scope) do update
        set changed = excluded.changed, gone = excluded.gone
        where f.changed <> excluded.changed or f.gone <> excluded.gone;
end $$;

create function feed_warehouses() returns trigger language plpgsql as $$
begin
    perform feed_mark(1::smallint, array_agg(uuid_send(warehouse_id)), array_agg('00000000-0000-0000-0000-000000000000'::uuid), false) from new_rows;
    return null;
end $$;

create function feed_categories() returns trigger language plpgsql as $$
begin
    perform feed_mark(2::smallint, array_agg(uuid_send(category_id)), array_agg('00000000-0000-0000-0000-000000000000'::uuid), false) from new_rows;
    return null;
end $$;

-- A product's parts are its own row and its barcodes.
create function feed_products() returns trigger language plpgsql as $$
begin
    perform feed_mark(3::smallint, array_agg(uuid_send(product_id)), array_agg('00000000-0000-0000-0000-000000000000'::uuid), false) from new_rows;
    return null;
end $$;

create function feed_products_gone() returns trigger language plpgsql as $$
begin
    perform feed_mark(3::smallint, array_agg(uuid_send(product_id)), array_agg('00000000-0000-0000-0000-000000000000'::uuid), true) from old_rows;
    return null;
end $$;

create function feed_barcodes_gone() returns trigger language plpgsql as $$
begin
    perform feed_mark(3::smallint, array_agg(uuid_send(o.product_id)), array_agg('00000000-0000-0000-0000-000000000000'::uuid), false)
    from old_rows o join products p using (product_id);
    return null;
end $$;

create function feed_stock() returns trigger language plpgsql as $$
begin
    perform feed_mark(4::smallint, array_agg(uuid_send(product_id) || uuid_send(warehouse_id)), array_agg(warehouse_id), false) from new_rows;
    return null;
end $$;

-- Only the totals that the server raises travel; a node knows its own.
create function feed_allotments_new() returns trigger language plpgsql as $$
begin
    perform feed_mark(5::smallint, array_agg(uuid_send(n.incarnation_id) || uuid_send(n.product_id) || uuid_send(n.warehouse_id)), array_agg(i.node_id), false)
    from new_rows n join incarnations i using (incarnation_id)
    where n.granted > 0 or n.reclaimed > 0;
    return null;
end $$;

create function feed_allotments() returns trigger language plpgsql as $$
begin
    perform feed_mark(5::smallint, array_agg(uuid_send(n.incarnation_id) || uuid_send(n.product_id) || uuid_send(n.warehouse_id)), array_agg(i.node_id), false)
    from new_rows n
    join old_rows o using (incarnation_id, product_id, warehouse_id)
    join incarnations i using (incarnation_id)
    where n.granted <> o.granted or n.reclaimed <> o.reclaimed;
    return null;
end $$;

create function feed_users() returns trigger language plpgsql as $$
begin
    perform feed_mark(6::smallint, array_agg(uuid_send(user_id)), array_agg(home), false) from new_rows;
    return null;
end $$;

create function feed_addresses() returns trigger language plpgsql as $$
begin
    perform feed_mark(7::smallint, array_agg(uuid_send(address_id)), array_agg(home), false) from new_rows;
    return null;
end $$;

-- An order's parts are its own row and its payments; its items come with it and never change.
create function feed_orders() returns trigger language plpgsql as $$
begin
    perform feed_mark(8::smallint, array_agg(uuid_send(order_id)), array_agg(warehouse_id), false) from new_rows;
    return null;
end $$;

-- Those of a new order find it marked.
create function feed_payments() returns trigger language plpgsql as $$
begin
    perform feed_mark(8::smallint, array_agg(uuid_send(o.order_id)), array_agg(o.warehouse_id), false)
    from new_rows n
    join orders o using (order_id)
    left join feed f on f.kind = 8 and f.key = uuid_send(o.order_id) and f.scope = o.warehouse_id
    where f.changed is distinct from pg_current_xact_id();
    return null;
end $$;

create function feed_reviews() returns trigger language plpgsql as $$
begin
    perform feed_mark(9::smallint, array_agg(uuid_send(review_id)), array_agg('00000000-0000-0000-0000-000000000000'::uuid), false) from new_rows;
    return null;
end $$;

create function feed_carts() returns trigger language plpgsql as $$
begin
    perform feed_mark(10::smallint, array_agg(uuid_send(cart_id)), array_agg(home), false) from new_rows;
    return null;
end $$;

-- A cart that moves to another shop leaves a tombstone where it was.
create function feed_carts_moved() returns trigger language plpgsql as $$
begin
    perform feed_mark(10::smallint, array_agg(uuid_send(o.cart_id)), array_agg(o.home), true)
    from old_rows o join new_rows n using (cart_id) where o.home <> n.home;
    perform feed_mark(10::smallint, array_agg(uuid_send(cart_id)), array_agg(home), false) from new_rows;
    return null;
end $$;

create function feed_concerns() returns trigger language plpgsql as $$
begin
    perform feed_mark(11::smallint, array_agg(uuid_send(concern_id)), array_agg(scope), false) from new_rows;
    return null;
end $$;

-- A verdict that changed after the push: that of an op which had been set aside.
create function feed_verdicts() returns trigger language plpgsql as $$
begin
    perform feed_mark(12::smallint, array_agg(uuid_send(n.incarnation_id) || decode('0000000000000000', 'hex') || int8send(n.seq)), array_agg(i.node_id), false)
    from new_rows n
    join old_rows o using (incarnation_id, seq)
    join incarnations i using (incarnation_id)
    where n.verdict <> o.verdict;
    return null;
end $$;

create trigger feed_insert after insert on warehouses referencing new table as new_rows for each statement execute function feed_warehouses();
create trigger feed_update after update on warehouses referencing new table as new_rows for each statement execute function feed_warehouses();
create trigger feed_insert after insert on categories referencing new table as new_rows for each statement execute function feed_categories();
create trigger feed_update after update on categories referencing new table as new_rows for each statement execute function feed_categories();
create trigger feed_insert after insert on products referencing new table as new_rows for each statement execute function feed_products();
create trigger feed_update after update on products referencing new table as new_rows for each statement execute function feed_products();
create trigger feed_delete after delete on products referencing old table as old_rows for each statement execute function feed_products_gone();
create trigger feed_insert after insert on barcodes referencing new table as new_rows for each statement execute function feed_products();
create trigger feed_update after update on barcodes referencing new table as new_rows for each statement execute function feed_products();
create trigger feed_delete after delete on barcodes referencing old table as old_rows for each statement execute function feed_barcodes_gone();
create trigger feed_insert after insert on stock referencing new table as new_rows for each statement execute function feed_stock();
create trigger feed_update after update on stock referencing new table as new_rows for each statement execute function feed_stock();
create trigger feed_insert after insert on allotments referencing new table as new_rows for each statement execute function feed_allotments_new();
create trigger feed_update after update on allotments referencing old table as old_rows new table as new_rows for each statement execute function feed_allotments();
create trigger feed_insert after insert on users referencing new table as new_rows for each statement execute function feed_users();
create trigger feed_update after update on users referencing new table as new_rows for each statement execute function feed_users();
create trigger feed_insert after insert on addresses referencing new table as new_rows for each statement execute function feed_addresses();
create trigger feed_update after update on addresses referencing new table as new_rows for each statement execute function feed_addresses();
create trigger feed_insert after insert on orders referencing new table as new_rows for each statement execute function feed_orders();
create trigger feed_update after update on orders referencing new table as new_rows for each statement execute function feed_orders();
create trigger feed_insert after insert on payments referencing new table as new_rows for each statement execute function feed_payments();
create trigger feed_update after update on payments referencing new table as new_rows for each statement execute function feed_payments();
create trigger feed_insert after insert on reviews referencing new table as new_rows for each statement execute function feed_reviews();
create trigger feed_insert after insert on cart_states referencing new table as new_rows for each statement execute function feed_carts();
create trigger feed_update after update on cart_states referencing old table as old_rows new table as new_rows for each statement execute function feed_carts_moved();
create trigger feed_insert after insert on concerns referencing new table as new_rows for each statement execute function feed_concerns();
create trigger feed_update after update on concerns referencing new table as new_rows for each statement execute function feed_concerns();
create trigger feed_update after update on ops referencing old table as old_rows new table as new_rows for each statement execute function feed_verdicts();

-- The guest, to whom an order goes when nobody gave a name, is made with the first warehouse (its home).

-- Goods on the road, as sums: what a transfer's ops told so far, in whatever order they came; and deliveries that
-- are expected.

create table transfers (
    transfer_id uuid primary key,
    prefix      text not null,   -- of the code that is written on the boxes
    number      bigint not null,
    from_id     uuid,            -- null until the sender was heard
    to_id       uuid,
    sent_at     timestamptz,
    complete    boolean not null, -- somebody said that nothing more will come
    constraint transfers_code_key unique (prefix, number),
    constraint transfers_from_fkey foreign key (from_id) references warehouses (warehouse_id),
    constraint transfers_to_fkey foreign key (to_id) references warehouses (warehouse_id),
    constraint transfers_route_check check
        ((from_id is null) = (to_id is null) and (from_id is null) = (sent_at is null) and from_id <> to_id)
);

create table transfer_lines (
    transfer_id  uuid not null references transfers (transfer_id),
    product_id   uuid not null,
    warehouse_id uuid not null,
    sent         bigint not null, -- left here
    arrived      bigint not null, -- came here, damaged ones too
    damaged      bigint not null,
    lost         bigint not null, -- left here, never came, and was written off
    primary key (transfer_id, product_id, warehouse_id),
    foreign key (product_id, warehouse_id) references stock (product_id, warehouse_id),
    constraint transfer_lines_sums_check check (sent >= 0 and 0 <= damaged and damaged <= arrived and 0 <= lost and lost <= sent)
);

create index transfer_lines_warehouse on transfer_lines (warehouse_id, transfer_id);

create table deliveries (
    delivery_id  uuid primary key,
    warehouse_id uuid not null references warehouses (warehouse_id),
    supplier     text not null,
    reference    text not null,
    due_at       timestamptz,
    created_at   timestamptz not null,
    closed_at    timestamptz, -- by hand; it closes by itself when all came
    closed_by    text,
    closed_note  text,
    constraint deliveries_reference_key unique (warehouse_id, supplier, reference),
    constraint deliveries_closed_check check
        ((closed_at is null) = (closed_by is null) and (closed_at is null) = (closed_note is null))
);

-- Receipts are added up here whether or not the delivery is known: a restored server may have lost it.
create table delivery_lines (
    delivery_id uuid not null,
    product_id  uuid not null references products (product_id),
    expected    bigint not null default 0,
    received    bigint not null default 0,
    primary key (delivery_id, product_id),
    constraint delivery_lines_expected_check check (expected >= 0)
);

-- A transfer is told wherever it left, goes or came.
create function feed_transfers() returns trigger language plpgsql as $$
begin
    perform feed_mark(14::smallint, array_agg(uuid_send(p.transfer_id)), array_agg(p.place), false)
    from (
        select t.transfer_id, r.place
        from transfers t
        cross join lateral (values (t.from_id), (t.to_id)) as r (place)
        where r.place is not null and t.transfer_id in (select transfer_id from new_rows)
        union
        select l.transfer_id, l.warehouse_id
        from transfer_lines l where l.transfer_id in (select transfer_id from new_rows)
    ) p;
    return null;
end $$;

create function feed_deliveries() returns trigger language plpgsql as $$
begin
    perform feed_mark(15::smallint, array_agg(uuid_send(d.delivery_id)), array_agg(d.warehouse_id), false)
    from deliveries d where d.delivery_id in (select delivery_id from new_rows);
    return null;
end $$;

create trigger feed_insert after insert on transfers referencing new table as new_rows for each statement execute function feed_transfers();
create trigger feed_update after update on transfers referencing new table as new_rows for each statement execute function feed_transfers();
create trigger feed_insert after insert on transfer_lines referencing new table as new_rows for each statement execute function feed_transfers();
create trigger feed_update after update on transfer_lines referencing new table as new_rows for each statement execute function feed_transfers();
create trigger feed_insert after insert on deliveries referencing new table as new_rows for each statement execute function feed_deliveries();
create trigger feed_update after update on deliveries referencing new table as new_rows for each statement execute function feed_deliveries();
create trigger feed_insert after insert on delivery_lines referencing new table as new_rows for each statement execute function feed_deliveries();
create trigger feed_update after update on delivery_lines referencing new table as new_rows for each statement execute function feed_deliveries();

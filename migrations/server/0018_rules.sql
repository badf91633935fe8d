-- What head office lays down for its shops; see schema's rule::Rule. No two rules are about the same.
create table rules (
    rule_id      uuid primary key,
    sort         text not null,
    prefix       text,                                                       -- with which labels begin
    node_kind    text,
    category_id  uuid references categories (category_id) on delete cascade,
    product_id   uuid references products (product_id) on delete cascade,
    warehouse_id uuid references warehouses (warehouse_id) on delete cascade,
    value        text not null, -- a layout, a policy or a number of units
    updated_at   timestamptz not null,
    constraint rules_about_key unique nulls not distinct (sort, product_id, warehouse_id, category_id, node_kind, prefix),
    constraint rules_sort_check check (sort in ('labels', 'policy', 'low'))
);

create index rules_product_id on rules (product_id) where product_id is not null;

create function feed_rules() returns trigger language plpgsql as $$
begin
    perform feed_mark(20::smallint, array_agg(uuid_send(rule_id)),
        array_agg(coalesce(warehouse_id, '00000000-0000-0000-0000-000000000000'::uuid)), false) from new_rows;
    return null;
end $$;

create function feed_rules_gone() returns trigger language plpgsql as $$
begin
    perform feed_mark(20::smallint, array_agg(uuid_send(rule_id)),
        array_agg(coalesce(warehouse_id, '00000000-0000-0000-0000-000000000000'::uuid)), true) from old_rows;
    return null;
end $$;

-- What a rule is about never changes, and so its scope does not.
create trigger feed_insert after insert on rules referencing new table as new_rows for each statement execute function feed_rules();
create trigger feed_update after update on rules referencing new table as new_rows for each statement execute function feed_rules();
create trigger feed_delete after delete on rules referencing old table as old_rows for each statement execute function feed_rules_gone();

-- What allotments are sized by: see schema's sizing. It stands with the totals, because a push writes that row anyway.
alter table allotments
    add column sold_units   bigint,      -- what was sold of late, decayed to sold_at, in parts of 1/1024; null: nothing
    add column sold_squares bigint,      -- likewise the squares of the amounts
    add column sold_since   timestamptz,
    add column sold_at      timestamptz,
    add column asked        bigint,      -- asked for in vain; null: nothing
    add column asked_at     timestamptz,
    add column full_mark    bigint not null default 0, -- the most that its device needs, as last told
    add column keep         bigint,      -- what it is asked to keep at most, while granted is what it was then
    add column keep_granted bigint,
    add column spared       bigint not null default 0, -- of a home: given back, and for others
    add constraint allotments_sold_check check
        ((sold_units is null) = (sold_squares is null) and (sold_units is null) = (sold_since is null)
         and (sold_units is null) = (sold_at is null)),
    add constraint allotments_asked_check check ((asked is null) = (asked_at is null)),
    add constraint allotments_keep_check check ((keep is null) = (keep_granted is null));

-- How long a device goes unheard: the longest wait of late, as of a moment.
alter table nodes
    add column wait_seconds bigint not null default 0,
    add column waits_at     timestamptz;

-- Units of each stock row there that are granted to nobody unasked; null: as the network has it.
alter table warehouses
    add column kept_back bigint,
    add constraint warehouses_kept_back_check check (kept_back >= 0);

-- A recall travels too.
create or replace function feed_allotments() returns trigger language plpgsql as $$
begin
    perform feed_mark(5::smallint, array_agg(uuid_send(n.incarnation_id) || uuid_send(n.product_id) || uuid_send(n.warehouse_id)), array_agg(i.node_id), false)
    from new_rows n
    join old_rows o using (incarnation_id, product_id, warehouse_id)
    join incarnations i using (incarnation_id)
    where n.granted <> o.granted or n.reclaimed <> o.reclaimed
       or n.keep is distinct from o.keep or n.keep_granted is distinct from o.keep_granted;
    return null;
end $$;

-- Devices that are suspended, lost, retired or moved, and what people did about concerns.

alter table incarnations
    drop constraint incarnations_state_check,
    add constraint incarnations_state_check
        check (state in ('active', 'frozen', 'superseded', 'suspended', 'retired'));

-- What the life after one in that state begins as: whoever is suspended stays so, however often it begins anew.
create function life_after(state text) returns text language sql immutable parallel safe as
    $$ select case when state in ('suspended', 'retired') then state else 'active' end $$;

alter table nodes
    add column retired_at timestamptz,                 -- since when it is closed; its name and prefix stay taken
    add column former     uuid[] not null default '{}'; -- warehouses where it stood before: what it still says of them is booked

alter table stock_movements
    drop constraint stock_movements_reason_check,
    add constraint stock_movements_reason_check
        check (reason in ('received', 'sold', 'returned', 'counted', 'corrected', 'damaged', 'lost', 'found', 'transferred'));

-- Units that are booked as lost with a life of a device, and that nobody has told of since: what the life tells
-- late is taken from here first.
create table written_off (
    incarnation_id uuid not null references incarnations (incarnation_id),
    product_id     uuid not null,
    warehouse_id   uuid not null,
    units          bigint not null,
    primary key (incarnation_id, product_id, warehouse_id),
    foreign key (product_id, warehouse_id) references stock (product_id, warehouse_id),
    constraint written_off_units_check check (units >= 0)
);

create index written_off_stock on written_off (product_id, warehouse_id) where units > 0;

-- What head office did to a device: who, why, and what it came to. An act that is asked for again is done once.
create table device_acts (
    act_id  uuid primary key,
    node_id uuid not null references nodes (node_id),
    act     text not null,
    by_whom text not null,
    note    text,
    units   bigint not null,        -- of stock that it took away
    worth   numeric(18, 4) not null, -- of them, by the prices of then
    done_at timestamptz not null,
    constraint device_acts_act_check check (act in ('suspend', 'resume', 'write_off', 'reclaim', 'retire', 'move'))
);

create index device_acts_node on device_acts (node_id, done_at);

-- What people did about a concern: the last of these that closed it, or what they mean to do.
create table settlements (
    settlement_id uuid primary key,
    concern_id    uuid not null references concerns (concern_id),
    settlement    text not null,
    by_whom       text not null,
    note          text,
    act           text,             -- what put it right, where that was done elsewhere
    closed        boolean not null, -- whether the concern was over with it
    settled_at    timestamptz not null
);

create index settlements_concern on settlements (concern_id, settled_at);

-- Every id that a concern names, so that what is told of an order, product, person or device is found from it too.
create function ids_in(told text) returns uuid[] language sql immutable parallel safe as $$
    select coalesce(array_agg(distinct m[1]::uuid), '{}')
    from regexp_matches(told, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g') as m
$$;

alter table concerns
    add column touches uuid[] not null generated always as (ids_in(subject || ' ' || detail::text)) stored;

create index concerns_touches on concerns using gin (touches);

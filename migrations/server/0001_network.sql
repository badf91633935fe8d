-- The network: its settings, places, devices and the lives of their journals.

-- Settings of the whole network: 'currency'.
create table settings (
    name  text primary key,
    value text not null
);

-- Which life of the database this is. The newest row is the present epoch.
create table epochs (
    number            bigint primary key,
    epoch_id          uuid not null unique,
    system_identifier text not null,
    timeline          integer not null,
    started_at        timestamptz not null
);

create table warehouses (
    warehouse_id uuid primary key,
    name         text not null,
    home_of      uuid, -- the one node that sells from here, if only one does
    created_at   timestamptz not null,
    constraint warehouses_name_key unique (name)
);

create table nodes (
    node_id      uuid primary key,
    name         text not null,
    kind         text not null,
    warehouse_id uuid not null references warehouses (warehouse_id),
    scope        uuid[] not null, -- the warehouses whose aggregates it receives
    prefix       text not null,   -- of its receipt numbers
    created_at   timestamptz not null,
    seen_at      timestamptz,     -- last contact
    constraint nodes_name_key unique (name),
    constraint nodes_prefix_key unique (prefix),
    constraint nodes_kind_check check (kind in ('till', 'kiosk', 'popup', 'handheld'))
);

alter table warehouses add constraint warehouses_home_of_fkey
    foreign key (home_of) references nodes (node_id);

-- One life of a node's journal, and how far the server has it.
create table incarnations (
    incarnation_id uuid primary key,
    node_id        uuid not null references nodes (node_id),
    number         integer not null,
    state          text not null default 'active',
    acked_seq      bigint not null default 0,
    acked_hash     bytea not null default decode(repeat('00', 32), 'hex'),
    created_at     timestamptz not null,
    constraint incarnations_number_key unique (node_id, number),
    constraint incarnations_state_check check (state in ('active', 'frozen'))
);

-- A push writes about ten rows an order, and each reference of a row costs as much as the row itself:
-- measured, a third of the whole push. So the tables that only a push fills declare no reference to
-- what the push has just locked, checked or written itself (its journal, its stock rows, its order);
-- the law "nothing names what is not there" looks for them instead. References to people stay.

-- Every op ever pushed, as first written, with the verdict it got.
create table ops (
    incarnation_id uuid not null, -- of incarnations, whose row a push locks
    seq            bigint not null,
    hlc_at         timestamptz not null,
    hlc_tick       bigint not null,
    seen           text not null,
    kind           text not null,
    version        integer not null,
    body           bytea not null,
    hash           bytea not null,
    verdict        text not null,
    verdict_detail jsonb not null,
    accepted_at    timestamptz not null,
    primary key (incarnation_id, seq),
    constraint ops_verdict_check check (verdict in ('accepted', 'granted', 'refused', 'set_aside'))
);

create index ops_set_aside on ops (incarnation_id, seq) where verdict = 'set_aside';

-- What a set-aside op waits for.
create table op_lacks (
    incarnation_id uuid not null,
    seq            bigint not null,
    lacked_id      uuid not null,
    primary key (lacked_id, incarnation_id, seq),
    foreign key (incarnation_id, seq) references ops (incarnation_id, seq)
);

-- Entries that contradict the journal the server has: kept, never applied.
create table evidence (
    incarnation_id uuid not null references incarnations (incarnation_id),
    seq            bigint not null,
    hash           bytea not null,
    entry          bytea not null, -- as it was sent
    received_at    timestamptz not null,
    primary key (incarnation_id, seq, hash)
);

-- Stock: what the feed told, and over it what this node did that the feed does not contain yet.

create table stock (
    product_id        blob not null,
    warehouse_id      blob not null,
    fed_balance       integer not null default 0,
    fed_promised      integer not null default 0,
    own_balance       integer not null default 0, -- the sum of pending.balance
    own_promised      integer not null default 0, -- the sum of pending.promised
    quantity          integer not null generated always as (max(fed_balance + own_balance, 0)) stored,
    reserved_quantity integer not null generated always as
        (min(max(fed_promised + own_promised, 0), max(fed_balance + own_balance, 0))) stored,
    updated_at        integer not null,
    primary key (product_id, warehouse_id),
    constraint stock_quantity_check check (quantity >= 0),
    constraint stock_reserved_quantity_check check (0 <= reserved_quantity and reserved_quantity <= quantity)
) strict, without rowid;

-- What each own op did to a stock row, until an image of that row contains it.
create table pending (
    product_id     blob not null,
    warehouse_id   blob not null,
    incarnation_id blob not null,
    seq            integer not null,
    balance        integer not null,
    promised       integer not null,
    primary key (product_id, warehouse_id, incarnation_id, seq)
) strict, without rowid;

-- Every signed change of a balance that this node made.
create table stock_movements (
    incarnation_id blob not null,
    seq            integer not null,
    line           integer not null,
    product_id     blob not null,
    warehouse_id   blob not null,
    delta          integer not null check (delta <> 0),
    reason         text not null,
    moved_at       integer not null,
    note           text,
    primary key (incarnation_id, seq, line)
) strict, without rowid;

-- What this node may sell without asking; see schema's stock::Allotment.
create table allotments (
    incarnation_id blob not null,
    product_id     blob not null,
    warehouse_id   blob not null,
    granted        integer not null default 0,
    reclaimed      integer not null default 0,
    consumed       integer not null default 0,
    returned       integer not null default 0,
    received       integer not null default 0,
    primary key (incarnation_id, product_id, warehouse_id)
) strict, without rowid;

-- The last count of each stock row, and what it had seen: what is told late is compared with it.

create table counts (
    product_id     uuid not null, -- of stock, whose row is locked by whoever counts it
    warehouse_id   uuid not null,
    incarnation_id uuid not null, -- the life that counted, as its entry was first written
    seq            bigint not null,
    line           integer not null,
    lines          integer not null,
    answered       integer not null, -- late movements that it has answered with their opposite
    counted        bigint not null,
    doubtful       bigint not null, -- units of which nobody knows whether they moved before it
    counting_from  timestamptz,     -- while it was counted; null: nobody knows
    counting_to    timestamptz,
    cut            bytea not null,  -- as schema's count encodes it
    primary key (product_id, warehouse_id),
    constraint counts_counted_check check (counted >= 0),
    constraint counts_span_check check ((counting_from is null) = (counting_to is null))
) with (fillfactor = 80);

-- How a device's clock stands to ours, measured whenever it pushes.
alter table incarnations
    add column clock_ahead     bigint,                         -- microseconds; null: it never said
    add column clock_is_steady boolean not null default false; -- it stood there at the push before, too

-- Who may act at a place: a counting device hears how far their journals are.
create index nodes_scope on nodes using gin (scope);

-- What head office itself moved.
create index stock_movements_acts on stock_movements (product_id, warehouse_id) where act_id is not null;

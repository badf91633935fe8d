-- Another life of the journal: the device was put back to an old image, or there are two of it.

-- A state that was not known before: put back by `outpost-node restore`, and silent until the server
-- was heard. SQLite cannot change a check, so the one row moves to a new table.
create table identity_now (
    one            integer not null primary key default 1 check (one = 1),
    node_id        blob not null,
    incarnation_id blob not null,
    name           text not null,
    kind           text not null,
    warehouse_id   blob not null,
    is_home        integer not null, -- whether only this node sells from its warehouse
    policy         text not null,    -- beyond the allotment: 'strict' or 'physical'
    prefix         text not null,    -- of its receipts in this life
    currency       text not null,
    server         text not null,    -- its address
    state          text not null default 'active',
    receipts       integer not null default 0, -- receipts written in this life
    hlc_at         integer not null default 0,
    hlc_tick       integer not null default 0,
    next_life      blob,             -- the life that was asked for and has not begun
    constraint identity_state_check check (state in ('active', 'frozen', 'rolled_back', 'restored')),
    constraint identity_policy_check check (policy in ('strict', 'physical'))
) strict;

insert into identity_now (one, node_id, incarnation_id, name, kind, warehouse_id, is_home, policy, prefix, currency,
    server, state, receipts, hlc_at, hlc_tick)
select one, node_id, incarnation_id, name, kind, warehouse_id, is_home, policy, prefix, currency,
    server, state, receipts, hlc_at, hlc_tick
from identity;

drop table identity;
alter table identity_now rename to identity;

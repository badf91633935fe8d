-- How far this node has compared what it holds with head office, and what it found.

create table checks (
    one         integer not null primary key default 1 check (one = 1),
    rounds      integer not null default 0, -- that ended level since the last slice was due
    kind        integer,                    -- where the walk goes on: a kind's number; null: at the beginning
    after       blob,                       -- and the last key of it that was compared; null: none yet
    rows        integer not null default 0, -- compared in the walk that goes on
    unexplained integer not null default 0, -- of these, rows that differ although each is as head office has it
    compared_at integer,                    -- when the last slice was compared
    walked_at   integer,                    -- when the last whole walk came to its end
    walked_rows integer not null default 0, -- rows compared in it
    walked_unexplained integer not null default 0,
    mended      integer not null default 0  -- rows ever mended
) strict;

insert into checks default values;

-- Rows that were mended, until head office has heard of it.
create table mended (
    kind      integer not null,
    key       blob not null,
    damage    text not null check (json_valid(damage)),
    mended_at integer not null,
    primary key (kind, key)
) strict, without rowid;

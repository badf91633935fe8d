-- The line to the server: the journal that is pushed, and how far the feed has been read.

-- A node's own ops in order, hash-chained. Bytes are kept as first written.
create table journal (
    incarnation_id blob not null,
    seq            integer not null,
    hlc_at         integer not null,
    hlc_tick       integer not null,
    seen           text not null,
    kind           text not null,
    version        integer not null,
    body           blob not null,
    prev_hash      blob not null,
    hash           blob not null,
    worth          integer not null, -- in money, for the status page
    written_at     integer not null,
    verdict        text,             -- null until the server answered
    verdict_detail text check (verdict_detail is null or json_valid(verdict_detail)),
    primary key (incarnation_id, seq)
) strict, without rowid;

-- What people should look at: few rows of many.
create index journal_not_booked on journal (verdict, written_at) where verdict in ('refused', 'set_aside');

-- How far the server has each incarnation's journal, by its own word.
create table acked (
    incarnation_id blob not null primary key,
    seq            integer not null,
    hash           blob not null
) strict, without rowid;

-- How far this node has read the feed.
create table feed_position (
    one        integer not null primary key default 1 check (one = 1),
    cursor     text,             -- null: from the start
    seen       text not null default '', -- the last snapshot the node was level with
    level_at   integer,          -- when it was last level
    contact_at integer,          -- when the server last answered
    problem    text              -- what the last round failed with, if it did
) strict;

insert into feed_position default values;

create table concerns (
    concern_id blob not null primary key,
    kind       text not null,
    subject    text not null,
    detail     text not null check (json_valid(detail)),
    scope      blob not null,
    opened_at  integer not null,
    closed_at  integer
) strict, without rowid;

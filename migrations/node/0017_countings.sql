-- Countings of this device: what people see in its bins, round by round, until it is booked. They are its own and
-- are never told; what is approved is told by the op that books it. See schema's counting.
create table countings (
    counting          integer not null primary key, -- numbered as they are opened
    warehouse_id      blob not null,
    opened_by         text not null,
    opened_at         integer not null,
    blind             integer not null,
    tolerance_units   integer not null,
    tolerance_percent integer not null,
    state             text not null,
    closed_by         text,
    closed_at         integer
) strict;

create index countings_open on countings (state) where state in ('open', 'review');

-- A bin belongs to at most one counting that is not over.
create table counting_bins (
    counting integer not null,
    bin      text not null,
    primary key (counting, bin)
) strict, without rowid;

create index counting_bins_bin on counting_bins (bin);

-- When a person began with a bin: whatever that one sees there was seen after that.
create table counting_begun (
    counting integer not null,
    bin      text not null,
    person   text not null,
    moment   text not null check (json_valid(moment)), -- schema's counting::Moment
    primary key (counting, bin, person)
) strict, without rowid;

-- One time that a product is counted, open until it is reviewed; what it came to once it is booked.
create table counting_rounds (
    counting       integer not null,
    product_id     blob not null,
    round          integer not null,
    is_open        integer not null,
    book_balance   integer,          -- null until somebody has looked
    book_seq       integer,
    incarnation_id blob,             -- the op that booked it
    seq            integer,
    counted        integer,
    delta          integer,
    primary key (counting, product_id, round)
) strict, without rowid;

create table counting_looks (
    counting   integer not null,
    product_id blob not null,
    round      integer not null,
    bin        text not null,
    person     text not null,
    units      integer not null check (units >= 0),
    began      text not null check (json_valid(began)), -- schema's counting::Moment
    ended      text not null check (json_valid(ended)),
    primary key (counting, product_id, round, bin)
) strict, without rowid;

-- How far other devices were, as their screens said while it was counted: true from then on.
create table counting_marks (
    counting       integer not null,
    incarnation_id blob not null,
    seq            integer not null,
    primary key (counting, incarnation_id)
) strict, without rowid;

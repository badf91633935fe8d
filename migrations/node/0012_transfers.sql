-- Goods on the road and deliveries that are expected, as the feed told them last.

create table transfers (
    transfer_id blob not null primary key,
    prefix      text not null,
    number      integer not null,
    from_id     blob,              -- null until head office heard the sender
    to_id       blob,
    sent_at     integer,
    complete    integer not null
) strict, without rowid;

create table transfer_lines (
    transfer_id  blob not null,
    product_id   blob not null,
    warehouse_id blob not null,
    sent         integer not null,
    arrived      integer not null,
    damaged      integer not null,
    lost         integer not null,
    primary key (transfer_id, product_id, warehouse_id)
) strict, without rowid;

create table deliveries (
    delivery_id  blob not null primary key,
    warehouse_id blob not null,
    supplier     text not null,
    reference    text not null,
    due_at       integer,
    created_at   integer not null,
    closed_at    integer,
    closed_by    text,
    closed_note  text
) strict, without rowid;

create table delivery_lines (
    delivery_id blob not null,
    product_id  blob not null,
    expected    integer not null,
    received    integer not null,
    primary key (delivery_id, product_id)
) strict, without rowid;

-- Own ops that say something of a transfer or a delivery, until an image of it contains them: what is shown is the
-- image and, over it, what these say.
create table pending_ops (
    of_kind        integer not null, -- schema's feed::Kind::number: a transfer or a delivery
    of_id          blob not null,
    incarnation_id blob not null,
    seq            integer not null,
    primary key (of_kind, of_id, incarnation_id, seq)
) strict, without rowid;

-- Transfers sent, which number their codes.
alter table identity add column transfers integer not null default 0;

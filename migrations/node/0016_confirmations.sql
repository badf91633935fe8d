-- Orders that were taken although no allotment covered them; confirmed once head office has the goods for them.
create table order_confirmations (
    order_id     blob not null primary key,
    warehouse_id blob not null,
    asked_at     integer not null,
    confirmed_at integer
) strict, without rowid;

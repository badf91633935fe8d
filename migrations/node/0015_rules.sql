-- What head office lays down, as the feed told it; see schema's rule::Rule.
create table rules (
    rule_id      blob not null primary key,
    sort         text not null,
    prefix       text,
    node_kind    text,
    category_id  blob,
    product_id   blob,
    warehouse_id blob,
    value        text not null,
    updated_at   integer not null
) strict, without rowid;

create index rules_about on rules (sort, product_id, warehouse_id, value);

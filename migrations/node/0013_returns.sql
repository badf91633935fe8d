-- Goods that came back, and the money given for them: rows of their own beside the order, whose content never
-- changes. Refunds are payments of the order, of negative amounts, that name the return they belong to.

create table returns (
    return_id            blob not null primary key,
    order_id             blob not null, -- or what stands for it where only the receipt is known
    user_id              blob not null, -- who bought; the guest as long as the order is not known
    order_receipt_prefix text not null, -- the receipt that the customer showed
    order_receipt_number integer not null,
    receipt_prefix       text not null, -- that of the return
    receipt_number       integer not null,
    node_id              blob not null,
    warehouse_id         blob not null, -- where the goods are now
    taken_by             blob,
    reason               text not null,
    created_at           integer not null
) strict, without rowid;

create index returns_order_id on returns (order_id);
create index returns_receipt on returns (receipt_prefix, receipt_number);

create table return_lines (
    return_id     blob not null,
    line          integer not null,
    order_item_id blob,
    product_id    blob not null,
    quantity      integer not null check (quantity >= 1),
    condition     text not null,
    primary key (return_id, line)
) strict, without rowid;

alter table payments add column return_id blob;
alter table payments add column refunds_id blob;

create index payments_return_id on payments (return_id) where return_id is not null;

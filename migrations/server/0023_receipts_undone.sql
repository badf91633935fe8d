-- Receipts that were taken back: each leaves the book once, though two copies of a device may say so.

create table receipts_undone (
    incarnation_id uuid not null references incarnations (incarnation_id), -- the life that wrote the receipt
    seq            bigint not null,
    hash           bytea not null, -- of its entry; zeros where its device did not say
    primary key (incarnation_id, seq, hash)
);

-- The whole shop schema at a node. Fed tables have no foreign keys and no unique columns beside their
-- keys: nothing here may refuse what the server says. Ids are 16-byte blobs, money is in 1/10,000,
-- times are microseconds since 1970 in UTC.

-- Who this node is; one row once it has joined a network.
create table identity (
    one            integer not null primary key default 1 check (one = 1),
    node_id        blob not null,
    incarnation_id blob not null,
    name           text not null,
    kind           text not null,
    warehouse_id   blob not null,
    is_home        integer not null, -- whether only this node sells from its warehouse
    policy         text not null,    -- beyond the allotment: 'strict' or 'physical'
    prefix         text not null,    -- of its receipts
    currency       text not null,
    server         text not null,    -- its address
    state          text not null default 'active',
    receipts       integer not null default 0, -- receipts written
    hlc_at         integer not null default 0,
    hlc_tick       integer not null default 0,
    constraint identity_state_check check (state in ('active', 'frozen', 'rolled_back')),
    constraint identity_policy_check check (policy in ('strict', 'physical'))
) strict;

create table users (
    user_id       blob not null primary key,
    email         text,
    password_hash text, -- never fed; kept so that the schema is whole
    first_name    text,
    last_name     text,
    created_at    integer not null,
    address_id    blob,
    role          text not null,
    home          blob not null,
    alias_of      blob
) strict, without rowid;

create index users_email on users (email) where email is not null;

create table addresses (
    address_id blob not null primary key,
    user_id    blob not null,
    street     text not null,
    city       text not null,
    state      text,
    zip_code   text,
    country    text not null,
    home       blob not null
) strict, without rowid;

create index addresses_user_id on addresses (user_id);

create table warehouses (
    warehouse_id blob not null primary key,
    name         text not null,
    home_of      blob,
    created_at   integer not null
) strict, without rowid;

create table categories (
    category_id blob not null primary key,
    name        text not null,
    parent_id   blob
) strict, without rowid;

create table products (
    product_id  blob not null primary key,
    sku         text,
    name        text not null,
    description text,
    price       integer,
    unit        text not null,
    price_per   integer not null,
    category_id blob,
    seller_id   blob,
    image_urls  text not null check (json_valid(image_urls)),
    attributes  text not null check (json_valid(attributes)),
    created_at  integer not null,
    updated_at  integer not null
) strict;

create index products_sku on products (sku) where sku is not null;
create index products_name on products (name collate nocase);

create table barcodes (
    barcode    text not null,
    product_id blob not null,
    primary key (barcode, product_id)
) strict, without rowid;

create index barcodes_product_id on barcodes (product_id);

create table reviews (
    review_id  blob not null primary key,
    product_id blob not null,
    user_id    blob not null,
    rating     integer not null check (rating between 1 and 5),
    comment    text,
    created_at integer not null
) strict, without rowid;

create index reviews_product_id on reviews (product_id);

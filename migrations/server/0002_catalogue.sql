-- What is sold, and the people of the shop.

create table users (
    user_id       uuid primary key,
    email         text, -- in lower case
    password_hash text, -- never leaves the server
    first_name    text,
    last_name     text,
    created_at    timestamptz not null,
    address_id    uuid,
    role          text not null default 'customer',
    home          uuid not null references warehouses (warehouse_id),
    alias_of      uuid references users (user_id),
    constraint users_email_key unique (email),
    constraint users_role_check check (role in ('customer', 'staff')),
    constraint users_alias_check check (alias_of is null or email is null)
);

create table addresses (
    address_id uuid primary key,
    user_id    uuid not null references users (user_id),
    street     text not null,
    city       text not null,
    state      text,
    zip_code   text,
    country    text not null,
    home       uuid not null references warehouses (warehouse_id)
);

alter table users add constraint users_address_id_fkey
    foreign key (address_id) references addresses (address_id) deferrable initially deferred;

create table categories (
    category_id uuid primary key,
    name        text not null,
    parent_id   uuid references categories (category_id),
    constraint categories_name_key unique nulls not distinct (parent_id, name)
);

create table products (
    product_id  uuid primary key,
    sku         text,
    name        text not null,
    description text,
    price       numeric(18, 4),
    unit        text not null default 'each',
    price_per   bigint not null default 1,
    category_id uuid references categories (category_id),
    seller_id   uuid references users (user_id),
    image_urls  jsonb not null default '[]',
    attributes  jsonb not null default '{}',
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    constraint products_sku_key unique (sku),
    constraint products_price_check check (price >= 0),
    constraint products_price_per_check check (price_per >= 1),
    constraint products_unit_check check (unit in ('each', 'gram', 'millilitre', 'milligallon')),
    constraint products_image_urls_check check (jsonb_typeof(image_urls) = 'array'),
    constraint products_attributes_check check (jsonb_typeof(attributes) = 'object')
);

create table barcodes (
    barcode    text primary key,
    product_id uuid not null references products (product_id) on delete cascade
);

create index barcodes_product_id on barcodes (product_id);

create table reviews (
    review_id  uuid primary key,
    product_id uuid not null references products (product_id),
    user_id    uuid not null references users (user_id),
    rating     integer not null,
    comment    text,
    created_at timestamptz not null,
    constraint reviews_rating_check check (rating between 1 and 5)
);

create index reviews_product_id on reviews (product_id);

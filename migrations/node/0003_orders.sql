-- Orders, their items and payments, and the carts.

create table orders (
    order_id            blob not null primary key,
    user_id             blob not null,
    total_amount        integer not null,
    status              text not null,
    shipping_address_id blob,
    billing_address_id  blob,
    payment_id          blob,
    created_at          integer not null,
    updated_at          integer not null,
    receipt_prefix      text not null,
    receipt_number      integer not null,
    node_id             blob not null,
    warehouse_id        blob not null,
    fulfilment          text not null,
    constraint orders_status_check check (status in ('pending', 'processed', 'shipped', 'delivered', 'cancelled'))
) strict, without rowid;

create index orders_receipt on orders (receipt_prefix, receipt_number);

create table order_items (
    order_id      blob not null,
    order_item_id blob not null,
    product_id    blob not null,
    quantity      integer not null check (quantity >= 1),
    unit_price    integer not null check (unit_price >= 0),
    price_per     integer not null check (price_per >= 1),
    line          integer not null,
    primary key (order_id, order_item_id)
) strict, without rowid;

create table payments (
    order_id        blob not null,
    payment_id      blob not null,
    user_id         blob not null,
    amount          integer not null,
    currency        text not null,
    tender          text not null,
    status          text not null check (status in ('pending', 'succeeded', 'failed', 'refunded')),
    transaction_ref text,
    created_at      integer not null,
    updated_at      integer not null,
    primary key (order_id, payment_id)
) strict, without rowid;

-- The mergeable state of every open cart: ground, from which sled's fast copy is rebuilt.
create table cart_states (
    cart_id    blob not null primary key,
    owner      blob not null,
    state      blob not null,
    unsent     integer not null default 0, -- changed here since it was last pushed; counts up
    updated_at integer not null
) strict, without rowid;

create index cart_states_unsent on cart_states (cart_id) where unsent > 0;
create index cart_states_owner on cart_states (owner);

-- Each user's active cart, as people read it: derived from cart_states.
create table carts (
    user_id    blob not null,
    product_id blob not null,
    quantity   integer not null check (quantity >= 1),
    added_at   integer not null,
    primary key (user_id, product_id)
) strict, without rowid;

-- Which units of a cart were checked out here or elsewhere.
create table cart_units (
    cart_id    blob not null,
    product_id blob not null,
    units      blob not null,
    primary key (cart_id, product_id)
) strict, without rowid;

-- Orders with their items and payments, and the carts they came from.

create table orders (
    order_id            uuid primary key,
    user_id             uuid not null references users (user_id),
    total_amount        numeric(18, 4) not null,
    status              text not null,
    shipping_address_id uuid references addresses (address_id),
    billing_address_id  uuid references addresses (address_id),
    payment_id          uuid, -- the first payment; its reference is deferred, below
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    receipt_prefix      text not null,
    receipt_number      bigint not null,
    node_id             uuid not null, -- of nodes: the author of the op
    warehouse_id        uuid not null, -- of warehouses: where its stock rows are
    fulfilment          text not null,
    incarnation_id      uuid not null, -- the op that made it
    seq                 bigint not null,
    constraint orders_status_check check (status in ('pending', 'processed', 'shipped', 'delivered', 'cancelled')),
    constraint orders_fulfilment_check check (fulfilment in ('carry_out', 'ship'))
);

create index orders_created_at on orders (created_at);
create index orders_to_hand_over on orders (warehouse_id) where fulfilment = 'ship' and status in ('pending', 'processed');

create table order_items (
    order_id      uuid not null, -- of orders, written just before
    order_item_id uuid not null,
    product_id    uuid not null, -- of products, as the stock row is that it is sold from
    quantity      bigint not null,
    unit_price    numeric(18, 4) not null,
    price_per     bigint not null,
    line          integer not null, -- its place on the receipt
    primary key (order_id, order_item_id),
    constraint order_items_quantity_check check (quantity >= 1),
    constraint order_items_unit_price_check check (unit_price >= 0),
    constraint order_items_price_per_check check (price_per >= 1)
);

create table payments (
    order_id        uuid not null, -- of orders, written just before
    payment_id      uuid not null,
    user_id         uuid not null, -- the order's
    amount          numeric(18, 4) not null,
    currency        text not null,
    tender          text not null,
    status          text not null,
    transaction_ref text,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (order_id, payment_id),
    constraint payments_currency_check check (currency ~ '^[A-Z]{3}$'),
    constraint payments_tender_check check (tender in ('cash', 'card', 'change')),
    constraint payments_status_check check (status in ('pending', 'succeeded', 'failed', 'refunded'))
);

alter table orders add constraint orders_payment_id_fkey
    foreign key (order_id, payment_id) references payments (order_id, payment_id) deferrable initially deferred;

-- The mergeable state of every cart, as schema's cart encodes it.
create table cart_states (
    cart_id    uuid primary key,
    owner      uuid not null, -- a user, or an anonymous id of the cart's own
    home       uuid not null, -- a shop, by the device's word
    state      bytea not null,
    is_active  boolean not null, -- shows something and is not parked
    updated_at timestamptz not null
);

create index cart_states_active on cart_states (owner, cart_id) where is_active;

-- States that claim dots of others which have not arrived yet.
create table cart_states_aside (
    cart_id        uuid not null,
    incarnation_id uuid not null references incarnations (incarnation_id),
    state          bytea not null,
    received_at    timestamptz not null,
    primary key (cart_id, incarnation_id)
);

-- Each user's active cart, as people read it: derived from cart_states.
create table carts (
    user_id    uuid not null, -- an owner need not be a known user until checkout
    product_id uuid not null references products (product_id),
    quantity   bigint not null,
    added_at   timestamptz not null,
    primary key (user_id, product_id),
    constraint carts_quantity_check check (quantity >= 1)
);

-- Which units of a cart have been checked out, so that the same ones are noticed a second time.
create table cart_units (
    cart_id    uuid not null,
    product_id uuid not null,
    units      bytea not null, -- as schema's cart encodes it
    primary key (cart_id, product_id)
);

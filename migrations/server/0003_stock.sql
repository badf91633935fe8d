-- Stock as two sums, the movements that make the one and the promises that make the other.

-- balance and promised are ground; the two columns that people read follow from them and cannot disagree.
create table stock (
    product_id        uuid not null references products (product_id),
    warehouse_id      uuid not null references warehouses (warehouse_id),
    balance           bigint not null default 0,
    promised          bigint not null default 0,
    quantity          bigint not null generated always as (greatest(balance, 0)) stored,
    reserved_quantity bigint not null generated always as (least(promised, greatest(balance, 0))) stored,
    updated_at        timestamptz not null,
    primary key (product_id, warehouse_id),
    constraint stock_promised_check check (promised >= 0),
    constraint stock_quantity_check check (quantity >= 0),
    constraint stock_reserved_quantity_check check (0 <= reserved_quantity and reserved_quantity <= quantity)
) with (fillfactor = 80); -- so that a sale's update stays on its page

create index stock_warehouse_id on stock (warehouse_id, product_id);

-- Every signed change of a balance, named by the op that made it, or by an act of head office.
create table stock_movements (
    product_id     uuid not null, -- of stock, whose row is locked by whoever moves it
    warehouse_id   uuid not null,
    delta          bigint not null,
    reason         text not null,
    incarnation_id uuid,          -- null: head office
    seq            bigint,        -- null: head office
    act_id         uuid,          -- head office's act, such as one import
    line           integer not null, -- counts the movements of one op or act
    moved_at       timestamptz not null,
    note           text,
    constraint stock_movements_delta_check check (delta <> 0),
    constraint stock_movements_reason_check check (reason in ('received', 'sold', 'counted', 'corrected')),
    constraint stock_movements_origin_check check ((incarnation_id is null) = (seq is null) and (seq is null) = (act_id is not null))
);

create unique index stock_movements_op on stock_movements (incarnation_id, seq, line) where incarnation_id is not null;
create unique index stock_movements_act on stock_movements (act_id, line) where act_id is not null;
create index stock_movements_stock on stock_movements (product_id, warehouse_id);

-- What one incarnation may sell without asking: totals that only grow.
create table allotments (
    incarnation_id uuid not null references incarnations (incarnation_id),
    product_id     uuid not null,
    warehouse_id   uuid not null,
    granted        bigint not null default 0,
    reclaimed      bigint not null default 0,
    consumed       bigint not null default 0,
    returned       bigint not null default 0,
    received       bigint not null default 0,
    primary key (incarnation_id, product_id, warehouse_id),
    foreign key (product_id, warehouse_id) references stock (product_id, warehouse_id),
    constraint allotments_totals_check check
        (granted >= 0 and reclaimed >= 0 and consumed >= 0 and returned >= 0 and received >= 0)
) with (fillfactor = 80);

create index allotments_stock on allotments (product_id, warehouse_id);

-- A promise made online, with an expiry. It counts as promised until it is closed, expired or not.
create table holds (
    hold_id      uuid primary key,
    product_id   uuid not null,
    warehouse_id uuid not null,
    amount       bigint not null,
    cart_id      uuid,
    order_id     uuid,
    expires_at   timestamptz not null,
    created_at   timestamptz not null,
    closed_at    timestamptz,
    outcome      text, -- how it was closed
    allotted_to  uuid references incarnations (incarnation_id), -- whose allotment it became
    foreign key (product_id, warehouse_id) references stock (product_id, warehouse_id),
    constraint holds_amount_check check (amount >= 1),
    constraint holds_outcome_check check (outcome in ('released', 'expired', 'allotted')),
    constraint holds_closed_check check ((closed_at is null) = (outcome is null)),
    constraint holds_allotted_check check ((allotted_to is not null) = (outcome is not null and outcome = 'allotted'))
);

create index holds_open on holds (product_id, warehouse_id) where closed_at is null;
create index holds_cart on holds (cart_id) where closed_at is null and cart_id is not null;
create index holds_expiry on holds (expires_at) where closed_at is null;

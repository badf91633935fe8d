-- A hold has several lines, each a promise on one stock row; they are placed together and may end one by one.
alter table holds drop constraint holds_pkey;
alter table holds add primary key (hold_id, product_id, warehouse_id);

-- Whoever places a hold has its stock rows locked, and looking them up again took a fifth of it;
-- `outpost-server check` looks for strays instead.
alter table holds drop constraint holds_product_id_warehouse_id_fkey;
alter table holds drop constraint holds_allotted_to_fkey;

-- A line that an order used up says which.
alter table holds add column ordered_as uuid;
alter table holds drop constraint holds_outcome_check;
alter table holds add constraint holds_outcome_check check (outcome in ('released', 'expired', 'allotted', 'ordered'));
alter table holds add constraint holds_ordered_check check
    ((ordered_as is not null) = (outcome is not null and outcome = 'ordered'));
alter table holds add constraint holds_buyer_check check (cart_id is null or order_id is null);

-- What is over of a row with many holds is found without reading those that last.
drop index holds_open;
create index holds_open on holds (product_id, warehouse_id, expires_at) where closed_at is null;
create index holds_order on holds (order_id) where closed_at is null and order_id is not null;

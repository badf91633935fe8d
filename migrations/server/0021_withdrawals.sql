-- What is withdrawn when more of a stock row is promised than is there, and since when: see schema's withdrawal.

-- The transaction in which a row last fell short, or shorter. Whoever has been told of it and whose journal is in the
-- book to its end explains the row no more.
alter table stock add column short_since xid8;
create index stock_short on stock (warehouse_id, product_id) where short_since is not null;

create function stock_short_new() returns trigger language plpgsql as $$
begin
    new.short_since := pg_current_xact_id();
    return new;
end $$;

-- The generated columns are not known before the row is written, so the figures follow from the sums here too.
create function stock_short() returns trigger language plpgsql as $$
begin
    if new.promised <= greatest(new.balance, 0) then
        new.short_since := null;
    elsif new.promised - greatest(new.balance, 0) > greatest(old.promised - greatest(old.balance, 0), 0) then
        new.short_since := pg_current_xact_id();
    end if;
    return new;
end $$;

create trigger short_insert before insert on stock for each row
    when (new.promised > greatest(new.balance, 0)) execute function stock_short_new();
create trigger short_update before update on stock for each row
    when (new.promised > greatest(new.balance, 0) or new.short_since is not null) execute function stock_short();

update stock set short_since = pg_current_xact_id() where promised > reserved_quantity;

-- Of transactions that this snapshot sees everything that the journal's device did without knowing them is in the book.
alter table incarnations add column told_upto pg_snapshot;

-- A hold that was withdrawn says so.
alter table holds drop constraint holds_outcome_check;
alter table holds add constraint holds_outcome_check
    check (outcome in ('released', 'expired', 'allotted', 'ordered', 'withdrawn'));

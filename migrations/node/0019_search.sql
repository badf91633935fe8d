-- What changed of what the search index holds, in the order in which it was committed: the index says which of these
-- rows it reflects, and reads on from there. A row that names nothing means everything. The mark is chance: a row of
-- another past, which a restored database does not have, is told from this one's by it.

create table catalogue_changes (
    position    integer not null primary key,
    mark        blob not null default (randomblob(8)),
    product_id  blob,
    category_id blob
) strict;

insert into catalogue_changes (product_id) values (null);

create trigger products_added after insert on products begin
    insert into catalogue_changes (product_id) values (new.product_id);
end;

create trigger products_edited after update of sku, name, description, price, category_id, attributes, created_at on products
when (old.sku, old.name, old.description, old.price, old.category_id, old.attributes, old.created_at)
    is not (new.sku, new.name, new.description, new.price, new.category_id, new.attributes, new.created_at) begin
    insert into catalogue_changes (product_id) values (new.product_id);
end;

create trigger products_removed after delete on products begin
    insert into catalogue_changes (product_id) values (old.product_id);
end;

create trigger barcodes_added after insert on barcodes begin
    insert into catalogue_changes (product_id) values (new.product_id);
end;

create trigger barcodes_removed after delete on barcodes begin
    insert into catalogue_changes (product_id) values (old.product_id);
end;

create trigger categories_added after insert on categories begin
    insert into catalogue_changes (category_id) values (new.category_id);
end;

create trigger categories_edited after update on categories
when (old.name, old.parent_id) is not (new.name, new.parent_id) begin
    insert into catalogue_changes (category_id) values (new.category_id);
end;

create trigger categories_removed after delete on categories begin
    insert into catalogue_changes (category_id) values (old.category_id);
end;

-- Of stock the index holds only whether there is any: a sale is a change when it takes the last unit.
create trigger stock_began after insert on stock when new.quantity > 0 begin
    insert into catalogue_changes (product_id) values (new.product_id);
end;

create trigger stock_turned after update on stock when (old.quantity > 0) <> (new.quantity > 0) begin
    insert into catalogue_changes (product_id) values (new.product_id);
end;

create trigger stock_ended after delete on stock when old.quantity > 0 begin
    insert into catalogue_changes (product_id) values (old.product_id);
end;

-- Elsewhere other things are in stock here, and others sell well.
create trigger identity_moved after update of warehouse_id on identity when old.warehouse_id <> new.warehouse_id begin
    insert into catalogue_changes (product_id) values (null);
end;

create trigger identity_made after insert on identity begin
    insert into catalogue_changes (product_id) values (null);
end;

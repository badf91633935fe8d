-- Where a device sold alone before it was closed or moved. What it took out of the book there was its own, also where it
-- says so late.

alter table nodes add column left_homes uuid[] not null default '{}';

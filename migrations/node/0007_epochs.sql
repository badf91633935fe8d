-- Which life of the server's database this node knows, and what it owes to it.
create table server_epoch (
    one           integer not null primary key default 1 check (one = 1),
    epoch_id      blob,                       -- null: none was told yet
    report_owed   integer not null default 0, -- what was granted is still to be told to it
    is_marked     integer not null default 0, -- the journal's mark was acknowledged in that life
    told_upto     blob,                       -- the last stock row that was told, product and warehouse
    is_recovering integer not null default 0  -- it grants nothing: it is hearing from its devices
) strict;

insert into server_epoch default values;

-- Every backup that the server keeps holds the journal up to here; 0: nothing.
alter table acked add column archived integer not null default 0;

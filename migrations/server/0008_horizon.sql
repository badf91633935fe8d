-- How long notes of what is gone are kept. A row of the feed bears no age, because the feed is the hottest
-- table there is; instead somebody notes about hourly how far the transactions had come.

-- What changed below `upto` had changed by `at`. Another life of the database counts anew.
create table feed_moments (
    epoch_id uuid not null,
    at       timestamptz not null,
    upto     xid8 not null,
    primary key (epoch_id, at)
);

-- Few rows of many: what is not gone is never in it, and costs it nothing.
create index feed_gone on feed (changed) where gone;

-- In which life the largest dropped change was made; none as long as nothing was dropped by this rule.
alter table feed_horizon add column epoch_id uuid;

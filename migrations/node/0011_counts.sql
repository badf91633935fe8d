-- How far head office had the journals of the other devices of this place when this one was last level: what they
-- had done up to there was done before anything that is counted here now.
create table heard (
    incarnation_id blob not null primary key,
    seq            integer not null
) strict, without rowid;

-- Up to when head office had been heard then, by its clock: what it had done itself was done before, too.
alter table feed_position add column heard_at integer;

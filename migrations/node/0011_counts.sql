-- How far head office had the journals of the other devices of this place when this one was last level: what they
-- had done up to there was done before anything that is counted here now.
create table heard (
    incarnation_id blob not null primary key,
    seq            integer not null
) strict, without rowid;

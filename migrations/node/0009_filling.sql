-- How the node is being filled, if it is; at most one row.
create table filling (
    one       integer not null primary key default 1 check (one = 1),
    why       text not null,
    epoch     blob,                       -- which life of the server's database it must be, if that is known
    way       text not null,
    failed    integer not null default 0, -- files that were not what they should be
    place     integer not null default 0, -- which of the tables is being taken over
    after_key any,                        -- the last of its keys that was
    constraint filling_why_check check (why in ('new', 'other_epoch', 'too_long_away')),
    -- From a file, by reading the feed aside or into the tables themselves; at last what is aside is taken over.
    constraint filling_way_check check (way in ('file', 'feed_aside', 'feed', 'over'))
) strict;

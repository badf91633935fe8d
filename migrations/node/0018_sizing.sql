-- What head office says beside the totals of an allotment, and what this node asked for by itself.
alter table allotments add column full_mark integer not null default 0; -- the most that is needed here; 0: not told
alter table allotments add column keep integer;          -- others are short: what is open beyond this is given back
alter table allotments add column asked_at integer;      -- when this node last asked for more by itself
alter table allotments add column asked_granted integer; -- what had been granted then

create index allotments_recalled on allotments (incarnation_id) where keep is not null;

-- In which protocol the feed was read so far: what that has no word for is missing here. Null until a page
-- has come. What was read before this version was read in the first.
alter table feed_position add column protocol integer;

update feed_position set protocol = 1 where cursor is not null;

-- Up to when head office had been heard when this node was last level, by head office's clock: what it had done itself
-- was done before a count here, too.
alter table feed_position add column heard_at integer;

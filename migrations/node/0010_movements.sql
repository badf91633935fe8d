-- A movement may say who made it, which of the goods it was, and, as before, what else there is to know.

alter table stock_movements add column person  text;
alter table stock_movements add column lot     text;
alter table stock_movements add column expires text;

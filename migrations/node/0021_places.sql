-- Places at which this device stood before that of its card. A head office that was restored may have forgotten some of
-- them, and books only what a device did at a place of its own.
create table stood (warehouse_id blob not null primary key) strict, without rowid;

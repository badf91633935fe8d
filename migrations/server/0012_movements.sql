-- Every movement says why, and may say who, which of the goods, and what else there is to know.

alter table stock_movements
    add column person  text, -- who did it, as people at the shop know them
    add column lot     text, -- the maker's lot or batch
    add column expires text, -- until when it is good, as its label says
    drop constraint stock_movements_reason_check,
    add constraint stock_movements_reason_check check (reason in
        ('received', 'sold', 'returned', 'damaged', 'lost', 'found', 'counted', 'transferred', 'corrected'));

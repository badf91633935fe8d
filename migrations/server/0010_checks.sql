-- What each node said when it last compared itself with the book.
create table checks (
    node_id     uuid primary key references nodes (node_id),
    compared_at timestamptz not null, -- its last slice, by the server's clock
    walked_at   timestamptz,          -- the end of its last whole walk, by its own
    walked_rows bigint not null,      -- aggregates compared in that walk
    unexplained bigint not null,      -- of these, those that differ although each is as the book has it
    mended      bigint not null       -- rows ever mended
);

-- The lives of a device's journal. One that began another life is superseded: what it still says are
-- facts, but it is granted nothing more, and what it has open is in doubt.

alter table incarnations
    drop constraint incarnations_state_check,
    add constraint incarnations_state_check check (state in ('active', 'frozen', 'superseded')),
    add column prefix   text,  -- of its receipt numbers; null: the node's own
    add column after_id uuid,  -- the life it was begun after
    add column reason   text,  -- why
    add column ended_at timestamptz, -- since when its device says that it has told all of it
    add constraint incarnations_after_fkey foreign key (after_id) references incarnations (incarnation_id),
    add constraint incarnations_reason_check check (reason in ('rolled_back', 'restored', 'forked')),
    add constraint incarnations_prefix_key unique (prefix);

-- Entries of an earlier life that a later one carried, so that each counts once.
create table carried (
    incarnation_id uuid not null, -- the life that wrote it
    seq            bigint not null,
    hash           bytea not null,
    kind           text not null,
    by_id          uuid not null, -- the life that carried it
    by_seq         bigint not null,
    primary key (incarnation_id, seq, hash)
);

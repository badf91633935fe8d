-- Each life of the database after the first begins with a recovery: no grant and no hold until every
-- journal has told what it had been granted and has pushed again what the database lost.

alter table epochs
    add column reason       text not null default 'first',
    add column detail       jsonb not null default '{}',
    add column recovered_at timestamptz; -- null: head office is still hearing from its devices

update epochs set recovered_at = started_at;

-- Only a journal that was active when the epoch began can have been granted anything that is forgotten:
-- to a frozen or superseded one nothing is granted, so the database knows all that it ever was.
alter table incarnations
    add column report_owed boolean not null default false, -- since the present epoch began
    add column report_head bigint,                         -- its head when its report was whole; null: it is not
    add column given_up_at timestamptz,                    -- it is no longer waited for; what it has open is in doubt
    add column claimed_seq bigint not null default 0;      -- its next claim to be ahead is heeded from here on

-- Entries that a node no longer had when a restored server asked for them: those between the two marks.
create table holes (
    incarnation_id uuid not null references incarnations (incarnation_id),
    after_seq      bigint not null, -- the last entry before the hole
    after_hash     bytea not null,
    before_seq     bigint not null, -- the first entry behind it
    before_hash    bytea not null,
    passed_at      timestamptz not null,
    primary key (incarnation_id, after_seq),
    constraint holes_order_check check (0 <= after_seq and after_seq < before_seq - 1)
);

-- The backups that are kept. What none of them may lack is archived: only up to there may a node forget
-- what the server has acknowledged. A backup is kept here after it is whole, and never tells of itself.

create table backups (
    backup_id uuid primary key,
    taken_at  timestamptz not null,
    folder    text not null, -- where it was put, its own name included
    bytes     bigint not null,
    constraint backups_folder_key unique (folder)
);

create index backups_oldest on backups (taken_at, backup_id);

-- How far a backup has each journal.
create table backup_marks (
    backup_id      uuid not null references backups (backup_id) on delete cascade,
    incarnation_id uuid not null,
    seq            bigint not null,
    hash           bytea not null,
    primary key (backup_id, incarnation_id)
);

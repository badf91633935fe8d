-- What people must look at: one open row per kind and subject.

create table concerns (
    concern_id     uuid primary key,
    kind           text not null,
    subject        text not null,
    detail         jsonb not null,
    scope          uuid not null,
    incarnation_id uuid, -- the op that raised it, if one did
    seq            bigint,
    opened_at      timestamptz not null,
    closed_at      timestamptz,
    constraint concerns_detail_check check (jsonb_typeof(detail) = 'object')
);

create unique index concerns_open on concerns (kind, subject) where closed_at is null;

-- Words and phrases by which customers ask for the same goods; see schema's synonym::Synonyms. A group never changes.
create table synonyms (
    synonyms_id uuid primary key,
    phrases     text[] not null, -- each of them finds the others
    also        text[] not null, -- each phrase finds these too, and they find no phrase
    created_at  timestamptz not null,
    constraint synonyms_phrases_check check (cardinality(phrases) > 0 and cardinality(phrases) + cardinality(also) > 1)
);

create function feed_synonyms() returns trigger language plpgsql as $$
begin
    perform feed_mark(22::smallint, array_agg(uuid_send(synonyms_id)),
        array_agg('00000000-0000-0000-0000-000000000000'::uuid), false) from new_rows;
    return null;
end $$;

create function feed_synonyms_gone() returns trigger language plpgsql as $$
begin
    perform feed_mark(22::smallint, array_agg(uuid_send(synonyms_id)),
        array_agg('00000000-0000-0000-0000-000000000000'::uuid), true) from old_rows;
    return null;
end $$;

create trigger feed_insert after insert on synonyms referencing new table as new_rows for each statement execute function feed_synonyms();
create trigger feed_update after update on synonyms referencing new table as new_rows for each statement execute function feed_synonyms();
create trigger feed_delete after delete on synonyms referencing old table as old_rows for each statement execute function feed_synonyms_gone();

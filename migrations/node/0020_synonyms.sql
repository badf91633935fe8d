-- Words and phrases by which customers ask for the same goods, as the feed told it; see schema's synonym::Synonyms.
create table synonyms (
    synonyms_id blob not null primary key,
    phrases     text not null,
    also        text not null,
    created_at  integer not null
) strict, without rowid;

-- Chance, another one with every change: whoever keeps them in memory reads them anew where it is another one.
create table synonyms_mark (mark blob not null) strict;

insert into synonyms_mark (mark) values (randomblob(8));

create trigger synonyms_added after insert on synonyms begin
    update synonyms_mark set mark = randomblob(8);
end;

create trigger synonyms_edited after update on synonyms begin
    update synonyms_mark set mark = randomblob(8);
end;

create trigger synonyms_removed after delete on synonyms begin
    update synonyms_mark set mark = randomblob(8);
end;

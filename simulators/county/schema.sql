-- The county's store, written by one thread (store.py).

-- One row is one event, stored the first time its id was seen. `arrival` is the order of arrival.
create table if not exists event (
    arrival integer primary key,
    id text not null unique,
    root text not null,
    source text not null,
    stream text not null,
    sequence integer not null check (sequence >= 1),
    type text not null,
    payload blob not null,          -- byte for byte as it came: a repetition must be equal
    received_ms integer not null    -- UTC, milliseconds since 1970
) strict;
create index if not exists event_sequence on event (root, stream, sequence);

-- How often events of a stream came again, with the same id and the same bytes.
create table if not exists repeat (
    root text not null,
    stream text not null,
    count integer not null,
    primary key (root, stream)
) strict;

-- For which source a root speaks: that of its first event.
create table if not exists site (
    root text primary key,
    source text not null
) strict;

-- Rules of the contract that were broken, as they were noticed.
create table if not exists violation (
    number integer primary key,
    at_ms integer not null,
    root text not null,
    rule text not null,
    detail text not null
) strict;

-- The library: what footage there is and where it lies. One file on the footage's own file system ({recording dir}/library.db),
-- one writer (store/writer.py), WAL, synchronous=FULL. It can be rebuilt from the shelf: names carry camera, start and end.
--
-- Conventions: `_ms` is milliseconds since 1970-01-01T00:00:00Z. `path` is below the shelf: camera/YYYY-MM-DD/name.mp4.
-- I6: every file on the shelf is owned by exactly one row of segment or garbage. Evidence has a folder and a table of its own:
-- library_evidence.sql, which brings this version of the library to the next.

-- One row: which library this is. Another one on the footage's disk means another disk, or one that is not mounted.
create table library (
    one      integer primary key check (one = 1),
    identity text    not null                     -- a UUID
) strict;

-- One recorded file, whole and closed; about a minute of one camera.
create table segment (
    id        integer primary key autoincrement,  -- the order of recording, also while the clock is wrong
    camera    text    not null,
    start_ms  integer not null,                   -- arrival of its first picture, as the clock said
    end_ms    integer not null check (end_ms > start_ms),
    bytes     integer not null check (bytes >= 0),
    path      text    not null unique,
    before_ms integer                             -- it ended no later than this by a trusted clock; null while no one knows (I10)
) strict;
create index segment_by_time on segment (camera, start_ms);
create index segment_in_order on segment (camera, id);
create index segment_undated on segment (camera) where before_ms is null;

-- A file that is to be unlinked: condemned, not yet gone (I7). With all that makes it a segment again if a hold wants it.
create table garbage (
    id           integer primary key,             -- that of the segment it was
    camera       text    not null,
    start_ms     integer not null,
    end_ms       integer not null,
    bytes        integer not null,
    path         text    not null unique,
    before_ms    integer,
    condemned_ms integer not null
) strict;

-- I6: one owner for a file, whoever writes.
create trigger segment_owns_alone before insert on segment
when exists (select 1 from garbage where path = new.path)
begin select raise(abort, 'the file is garbage already'); end;
create trigger garbage_owns_alone before insert on garbage
when exists (select 1 from segment where path = new.path)
begin select raise(abort, 'the file is a segment already'); end;

-- What each camera has on the shelf, kept by the triggers below, so that nobody counts a million rows each minute.
create table total (
    camera   text    primary key,
    segments integer not null,
    bytes    integer not null
) strict, without rowid;
create trigger segment_added after insert on segment
begin
    insert into total (camera, segments, bytes) values (new.camera, 1, new.bytes)
    on conflict (camera) do update set segments = segments + 1, bytes = bytes + excluded.bytes;
end;
create trigger segment_removed after delete on segment
begin
    update total set segments = segments - 1, bytes = bytes - old.bytes where camera = old.camera;
end;

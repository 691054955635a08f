-- The library's second version: evidence of alarms. Files lie in {recording dir}/evidence/{YYYY-MM-DD}/{id}.{jpg,mp4,json};
-- each is owned by the row of its id (I6). Rows can be rebuilt from the manifests (gateway/evidence/manifest.py).

-- A snapshot or clip of one camera that an alarm asked for.
create table evidence (
    number      integer primary key autoincrement,  -- the order in which they were asked for, also while the clock is wrong
    id          text    not null unique,            -- UUIDv7
    alarm       text    not null,
    camera      text    not null,
    kind        text    not null check (kind in ('snapshot', 'clip')),
    state       text    not null check (state in ('waiting', 'done', 'failed', 'condemned')),  -- condemned: to be unlinked (I7)
    at_ms       integer not null,                   -- the press that asked for it first
    press       integer not null,                   -- the latest press it is for: the alarm's repeats then
    from_ms     integer not null,
    to_ms       integer not null check (to_ms >= from_ms),
    path        text    not null unique,            -- below the evidence folder
    subject     text    not null,                   -- JSON of store/evidence_rows.Subject
    bytes       integer,
    sha256      text,
    reason      text    not null default '',        -- why it failed
    created_ms  integer not null,
    announced   text,                               -- id of the event that told of it
    uploaded_ms integer,
    check (state <> 'done' or (bytes is not null and sha256 is not null))
) strict;
create index evidence_of_alarm on evidence (alarm, number);
create index evidence_waiting on evidence (kind, number) where state = 'waiting';
create index evidence_condemned on evidence (number) where state = 'condemned';
create index evidence_unannounced on evidence (number) where state = 'done' and announced is null;
create index evidence_not_uploaded on evidence (number) where state = 'done' and kind = 'clip' and uploaded_ms is null;

-- A snapshot that a destination has not acknowledged yet.
create table snapshot_sending (
    destination text    not null,
    evidence    integer not null references evidence (number) on delete cascade,
    primary key (destination, evidence)
) strict, without rowid;
create index snapshot_sending_of on snapshot_sending (evidence);

-- Up to which event of the journal presses have been followed; one row, none before the first time.
create table evidence_cursor (
    one   integer primary key check (one = 1),
    event text    not null                          -- its UUIDv7
) strict;

-- The journal's first schema, as it was: what migrations/002.sql must be able to take further.

-- One row: whose journal this is and how often the daemon has started on it.
create table journal (
    one            integer primary key check (one = 1),
    identity       text    not null,             -- a UUID; a copied or restored journal is told from its original by its streams
    created_ms     integer not null,
    boot           integer not null default 0,   -- +1 at each start (CONTRACT, `state.boot`)
    last_batch     text    not null default '',  -- id of the last group commit: tells after a failed COMMIT whether it took place
    heartbeat_ms   integer not null default 0    -- last proof that a write reaches the disk; the watchdog is fed from it
) strict;

-- A run of sequence numbers for one destination: from 1, without a gap, for ever (CONTRACT, "Within a stream …").
-- The destination's current stream is the one with the highest id.
create table stream (
    id                integer primary key,
    destination       text    not null,          -- [[uplink]] name
    stream            text    not null unique,   -- UUID on the wire
    reason            text    not null,          -- why it began: first-start, journal-lost, journal-salvaged, memory-mode, …
    previous_stream   text,                      -- the stream before it, where known
    previous_sequence integer,                   -- the last number of that stream, where known
    started_ms        integer not null,
    last_sequence     integer not null default 0 check (last_sequence >= 0),
    receipted         integer not null default 0 check (receipted >= 0)  -- highest `upto` of a receipt
) strict;
create index stream_of_destination on stream (destination, id);

-- One thing that happened. Append-only: a row is never changed, and deleted only by age ([journal] keep_days).
create table event (
    id          integer primary key autoincrement,  -- local order
    event_id    text    not null unique,            -- UUIDv7; CloudEvents `id`
    type        text    not null,                   -- campus.….v1
    subject     text    not null,                   -- point, device or camera; `gateway` for its own
    alarm_id    text,                               -- the alarm it is a step of
    at_ms       integer not null,                   -- when it happened
    recorded_ms integer not null,                   -- when it was written here
    durable     integer not null check (durable in (0, 1)),  -- 0: recorded in memory mode
    body        blob    not null                    -- the CloudEvent's bytes but for stream and sequence (I12: built once)
) strict;
create index event_of_alarm on event (alarm_id, id) where alarm_id is not null;
create index event_by_time on event (recorded_ms);

-- The outbox: one row for each event and destination. Waiting while confirmed_ms is null (I4); then kept, so that a
-- destination that lost its store can ask again. Its bytes on the wire are event.body with stream and sequence appended.
create table delivery (
    stream_id    integer not null references stream (id),
    sequence     integer not null check (sequence >= 1),
    event        integer not null references event (id),
    lane         integer not null check (lane in (1, 3)),  -- 1 critical and high alarms, 3 everything else (DESIGN, lanes)
    confirmed_ms integer,
    primary key (stream_id, sequence)
) strict, without rowid;
create index delivery_waiting on delivery (stream_id, lane, sequence) where confirmed_ms is null;
create index delivery_of_event on delivery (event);

-- One alarm. Its state is derived from the four times (model.Alarm.state), so a contradiction can't be stored.
create table alarm (
    id              text    primary key,       -- UUIDv7
    subject         text    not null,          -- the point, or device, bus, camera, `gateway` for the gateway's own
    kind            text    not null,
    source          text    not null,          -- JSON of model.Source as it was when raised: name, zone, cameras, severity
    severity        text    not null check (severity in ('critical', 'high', 'medium', 'low')),
    drill           integer not null check (drill in (0, 1)),
    raised_ms       integer not null,
    last_raised_ms  integer not null,          -- the latest press
    returned_ms     integer,
    acknowledged_ms integer,                   -- of the latest press; a new press clears it
    acknowledged_by text,
    closed_ms       integer,
    closed_by       text,
    verdict         text    check (verdict in ('real', 'false', 'test', 'drill')),
    repeats         integer not null default 0,
    escalation      integer not null default 0,
    shelved_ms      integer,                   -- shelved until
    shelved_by      text,
    shelved_reason  text,
    detail          text    not null default '',
    check (closed_ms is null or (returned_ms is not null and acknowledged_ms is not null and closed_by is not null))  -- I5
) strict;
create unique index one_open_alarm on alarm (subject, kind) where closed_ms is null;  -- I5
create index alarm_by_time on alarm (raised_ms);

-- The last journalled level of a point: a report of present state counts as a press only after `normal`.
create table point_level (
    point      text    not null,
    kind       text    not null,
    level      text    not null check (level in ('active', 'normal')),
    changed_ms integer not null,
    primary key (point, kind)
) strict, without rowid;

-- The last 16 messages of an account: the same bytes within 10 minutes are a repetition, not an event (I3).
create table message (
    id          integer primary key,
    account     text    not null,
    bytes       blob    not null,
    received_ms integer not null
) strict;
create index message_of_account on message (account, id);

-- The last known presence of a device.
create table presence (
    device   text    primary key,
    presence text    not null check (presence in ('online', 'offline', 'unknown')),
    since_ms integer not null,
    reason   text    not null default '',
    identity text    not null default '{}'     -- JSON object of strings: vendor, model, firmware, …
) strict, without rowid;

-- An interval of a camera's footage that must not be deleted (I7), also of footage that is not written yet.
-- It ends at expires_ms; while that is null it has no end (its alarm is open, or a person wants it so).
create table hold (
    id         integer primary key,
    camera     text    not null,
    from_ms    integer not null,
    to_ms      integer not null check (to_ms >= from_ms),
    alarm_id   text    references alarm (id),
    reason     text    not null,
    placed_by  text    not null,
    placed_ms  integer not null,
    expires_ms integer
) strict;
create index hold_of_camera on hold (camera, from_ms);
create index hold_of_alarm on hold (alarm_id) where alarm_id is not null;

-- A stretch of time in which a camera that should have been recorded was not, and why (DESIGN, coverage).
create table gap (
    id      integer primary key,
    camera  text    not null,
    from_ms integer not null,
    to_ms   integer,                            -- null while it lasts
    cause   text    not null                    -- camera, network, recorder, disk, clock, stopped, given-up
) strict;
create index gap_of_camera on gap (camera, from_ms);

-- A person who may use the console.
create table account (
    name       text    primary key,
    display    text    not null,
    hash       text    not null,                -- argon2id
    role       text    not null check (role in ('guard', 'technician', 'admin')),
    disabled   integer not null default 0 check (disabled in (0, 1)),
    created_ms integer not null
) strict, without rowid;

-- A signed-in browser. Only a digest of its token is kept.
create table session (
    token_sha256 blob    primary key,
    account      text    not null references account (name),
    csrf         text    not null,
    created_ms   integer not null,
    expires_ms   integer not null
) strict, without rowid;

-- Who looked at or took away footage, and why (Order 799 Art 16).
create table access_log (
    id      integer primary key,
    at_ms   integer not null,
    actor   text    not null,
    action  text    not null,                   -- view, export, sign-in, sign-in-refused
    camera  text,
    from_ms integer,
    to_ms   integer,
    reason  text    not null default ''
) strict;

-- A drill that was announced: alarms raised in its zone (null: everywhere) until it ends are marked at their source.
create table drill (
    id         integer primary key,
    zone       text,
    from_ms    integer not null,
    until_ms   integer not null,
    started_by text    not null
) strict;

-- A county command that was carried out or refused: the same id again gets the same answer (CONTRACT, `command`).
create table command (
    id          text    primary key,
    received_ms integer not null,
    result      text    not null                -- the JSON that was answered
) strict, without rowid;

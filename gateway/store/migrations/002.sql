-- Version 2: silencing, arming, bypass, tests of points and outputs. The tables are described in schema.sql.

-- An open alarm whose sound a person has silenced (消音). It is of so many repeats: the next press sounds again.
create table silence (
    alarm_id text    primary key,
    repeats  integer not null,
    at_ms    integer not null,
    by       text    not null
) strict, without rowid;

-- Whether a zone's intrusion and door points watch (布防, 撤防). A zone without a row is armed.
create table arming (
    zone       text    primary key,
    armed      integer not null check (armed in (0, 1)),
    changed_ms integer not null,
    by         text    not null,                -- an account, `schedule`, …
    exit_ms    integer,                         -- people are leaving until then: nothing alarms yet
    entry_ms   integer,                         -- an entry was begun: an alarm then, unless it is disarmed before
    waiting    text    not null default '[]',   -- JSON of the points that went active since the entry began
    check (armed = 1 or (exit_ms is null and entry_ms is null))
) strict, without rowid;

-- A point that a person has set aside (旁路) until then. One that has ended stays, with until_ms = placed_ms.
create table bypass (
    point     text    primary key,
    kind      text    not null,                 -- what the point was then: of another, it holds nothing back
    placed_ms integer not null,
    until_ms  integer not null,
    by        text    not null,
    reason    text    not null
) strict, without rowid;

-- When a point was last seen to work, and since when that is watched ([[device.point]] test_days).
create table point_test (
    point     text    primary key,
    since_ms  integer not null,
    tested_ms integer
) strict, without rowid;

-- When an output was last tested, and whether it could be switched.
create table output_test (
    output    text    primary key,
    tested_ms integer not null,
    ok        integer not null check (ok in (0, 1))
) strict, without rowid;

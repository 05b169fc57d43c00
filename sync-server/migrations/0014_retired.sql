-- Records that an administrator took out of use: their changes stay, their places leave the log.
CREATE TABLE retired (
    record BLOB PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Places of the log that are empty now, and what lay there: cursors may name them.
CREATE TABLE retired_entry (
    seq    INTEGER PRIMARY KEY,
    change INTEGER NOT NULL REFERENCES change (id)
) STRICT;
CREATE INDEX retired_entry_by_change ON retired_entry (change);

-- What was taken out of use or given back, in the order of the log: devices hear of it at its place.
CREATE TABLE retired_event (
    seq    INTEGER PRIMARY KEY,
    record BLOB NOT NULL,
    stream TEXT NOT NULL,
    gone   INTEGER NOT NULL
) STRICT;
CREATE INDEX retired_event_by_stream ON retired_event (stream, seq);

-- What administrators did that took something from sight. Lines are added and never altered.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    what   TEXT NOT NULL,
    count  INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;

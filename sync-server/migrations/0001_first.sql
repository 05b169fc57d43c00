-- The first schema. The log (change, entry) is the truth; row can be dropped and rebuilt from it.

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE unit (
    id           TEXT PRIMARY KEY,
    level        INTEGER NOT NULL CHECK (level BETWEEN 1 AND 5),
    name         TEXT NOT NULL,
    parent       TEXT REFERENCES unit (id),
    village_code TEXT,
    village_name TEXT,
    active       INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_by_parent ON unit (parent);

CREATE TABLE person (
    id     TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    roles  TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

CREATE TABLE membership (
    person TEXT NOT NULL REFERENCES person (id),
    unit   TEXT NOT NULL REFERENCES unit (id),
    PRIMARY KEY (person, unit)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_by_unit ON membership (unit);

CREATE TABLE checkpoint (
    id     TEXT PRIMARY KEY,
    unit   TEXT NOT NULL REFERENCES unit (id),
    name   TEXT NOT NULL,
    kind   TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE INDEX checkpoint_by_unit ON checkpoint (unit);

CREATE TABLE invitation (
    code_hash  BLOB PRIMARY KEY,
    person     TEXT NOT NULL REFERENCES person (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_by    BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    id          BLOB PRIMARY KEY,
    secret_hash BLOB NOT NULL,
    person      TEXT NOT NULL REFERENCES person (id),
    joined_at   INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    acked_seq   INTEGER NOT NULL DEFAULT 0,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX device_by_person ON device (person);

-- Streams that a cursor was made for, by the four bytes that the cursor carries.
CREATE TABLE scope (
    digest  BLOB PRIMARY KEY,
    streams TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Each author key of the merge belongs to the device that used it first.
CREATE TABLE actor (
    key    BLOB PRIMARY KEY,
    device BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE doc (
    id     INTEGER PRIMARY KEY,
    record BLOB NOT NULL,
    part   INTEGER NOT NULL,
    stream TEXT NOT NULL REFERENCES unit (id),
    UNIQUE (record, part)
) STRICT;

CREATE TABLE change (
    id          INTEGER PRIMARY KEY,
    doc         INTEGER NOT NULL REFERENCES doc (id),
    hash        BLOB NOT NULL,
    bytes       BLOB NOT NULL,
    author      TEXT NOT NULL REFERENCES person (id),
    device      BLOB NOT NULL,
    device_at   INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    UNIQUE (doc, hash)
) STRICT;

CREATE TABLE entry (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    change INTEGER NOT NULL REFERENCES change (id)
) STRICT;
CREATE INDEX entry_by_stream ON entry (stream, seq);

CREATE TABLE batch (
    device  BLOB NOT NULL,
    number  INTEGER NOT NULL,
    digest  BLOB NOT NULL,
    receipt BLOB NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (device, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE poison (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    device BLOB NOT NULL,
    person TEXT NOT NULL,
    record BLOB NOT NULL,
    part   INTEGER NOT NULL,
    bytes  BLOB NOT NULL,
    code   TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

CREATE TABLE row (
    record      BLOB PRIMARY KEY,
    grid        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    category    TEXT NOT NULL,
    status      TEXT NOT NULL,
    level       TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    open        INTEGER NOT NULL,
    happened_at INTEGER NOT NULL,
    due_at      INTEGER,
    closed_at   INTEGER,
    conflicts   INTEGER NOT NULL,
    review      INTEGER NOT NULL,
    bytes       BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX row_by_grid ON row (grid, kind);

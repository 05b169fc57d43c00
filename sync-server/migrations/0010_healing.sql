-- A change that somebody else's device passed on to a restored server: whose device it was (the device
-- itself stands in the column as ever), and the gap that was to be filled.
ALTER TABLE change ADD COLUMN passed_by TEXT;
ALTER TABLE change ADD COLUMN gap_from INTEGER;
ALTER TABLE change ADD COLUMN gap_to INTEGER;

-- Of an author key that only such changes name, the person alone is known; its device is empty.
ALTER TABLE actor ADD COLUMN person TEXT;

-- Steps that were passed on and that the person who did so may not take: kept until the station says so.
CREATE TABLE held (
    record    BLOB NOT NULL,
    part      INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    grid      TEXT NOT NULL,
    bytes     BLOB NOT NULL,
    author    TEXT NOT NULL,
    device    BLOB NOT NULL,
    passed_by TEXT NOT NULL,
    at        INTEGER NOT NULL,
    gap_from  INTEGER NOT NULL,
    gap_to    INTEGER NOT NULL,
    PRIMARY KEY (hash, record, part)
) STRICT, WITHOUT ROWID;

-- Which devices showed that this log had been longer, and when they last did.
CREATE TABLE restored_seen (
    device BLOB PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Frames say from now on which of their changes were passed on; they are made again.
DELETE FROM frame;

-- What each device brought on each day of Asia/Shanghai, and since when it may bring no more of it.
CREATE TABLE usage (
    device      BLOB NOT NULL,
    day         INTEGER NOT NULL,
    changes     INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    refused     INTEGER NOT NULL,
    photo_bytes INTEGER NOT NULL,
    over_at     INTEGER,
    PRIMARY KEY (device, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_day ON usage (day);

-- What is refused is found by its hash; what was refused before there was one has none.
ALTER TABLE poison ADD COLUMN hash BLOB;
DROP INDEX poison_by_record;
CREATE UNIQUE INDEX poison_by_hash ON poison (device, record, part, hash);
CREATE INDEX poison_by_device ON poison (device, id);

-- Batches of which something was refused, each counted once however often it comes.
CREATE TABLE refused_batch (
    device BLOB NOT NULL,
    digest BLOB NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (device, digest)
) STRICT, WITHOUT ROWID;

-- The keys that a device signs with. More than one: it was restored, or copied to another phone.
CREATE TABLE device_key (
    device      BLOB NOT NULL,
    key         BLOB NOT NULL,
    enrolled_at INTEGER NOT NULL,
    PRIMARY KEY (device, key)
) STRICT, WITHOUT ROWID;

-- What proves who sent a batch: the signature, what it is over, and what the batch held.
CREATE TABLE proof (
    device      BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    device_at   INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    message     BLOB NOT NULL,
    signature   BLOB NOT NULL,
    key         BLOB NOT NULL,
    names       BLOB NOT NULL,
    PRIMARY KEY (device, received_at, digest)
) STRICT;

-- When a key of the merge was first used, by its device's clock and in the server's order.
ALTER TABLE actor ADD COLUMN first_at INTEGER;
ALTER TABLE actor ADD COLUMN bound_at INTEGER;
-- When a device was first seen to write in two places at once.
ALTER TABLE device ADD COLUMN forked_at INTEGER;

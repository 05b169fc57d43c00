-- Pictures that are whole in the data folder, under their hash; and the records that name them.
CREATE TABLE photo (
    hash        BLOB PRIMARY KEY,
    bytes       INTEGER NOT NULL,
    media       TEXT NOT NULL,
    device      BLOB NOT NULL,
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE photo_record (
    record BLOB NOT NULL,
    hash   BLOB NOT NULL REFERENCES photo (hash),
    thumb  INTEGER NOT NULL,
    PRIMARY KEY (record, hash)
) STRICT, WITHOUT ROWID;

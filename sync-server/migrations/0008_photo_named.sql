-- What records name, as far as the clean-up has read the log; and since when a picture is named by none.
CREATE TABLE photo_named (
    record BLOB NOT NULL,
    hash   BLOB NOT NULL,
    PRIMARY KEY (record, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX photo_named_by_hash ON photo_named (hash);

CREATE TABLE photo_unnamed (
    hash  BLOB PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

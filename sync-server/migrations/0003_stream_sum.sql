-- The sum of the changes of each stream, to compare with what a device holds.
CREATE TABLE stream_sum (
    stream TEXT PRIMARY KEY,
    sum    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Packed pages of the first load, the same for every device with the same scope; all can be dropped.
CREATE TABLE frame (
    scope  BLOB NOT NULL,
    seq    INTEGER NOT NULL,
    rows   INTEGER NOT NULL,
    top    INTEGER NOT NULL,
    within INTEGER NOT NULL,
    bytes  BLOB NOT NULL,
    PRIMARY KEY (scope, seq, rows, top, within)
) STRICT, WITHOUT ROWID;

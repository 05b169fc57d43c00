-- A change whose bytes do not fit its hash keeps its row and its place; the bytes move here, for study,
-- until a device brings them back.
ALTER TABLE change ADD COLUMN damaged_at INTEGER;

CREATE TABLE damaged (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    change    INTEGER NOT NULL REFERENCES change (id),
    bytes     BLOB NOT NULL,
    found_at  INTEGER NOT NULL,
    mended_at INTEGER
) STRICT;
CREATE INDEX damaged_by_change ON damaged (change);
CREATE INDEX change_damaged ON change (damaged_at) WHERE damaged_at IS NOT NULL;

-- What else leaves the disk is compared with the head of its SHA-256. Frames and receipts that have
-- none are made anew when they are next asked for; rows at the next start.
DELETE FROM frame;
ALTER TABLE frame ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
DELETE FROM batch;
ALTER TABLE batch ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
ALTER TABLE row ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
UPDATE row SET bytes = x'00';

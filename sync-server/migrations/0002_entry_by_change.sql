-- A record is loaded by its changes, each with its place in the log.
CREATE UNIQUE INDEX entry_by_change ON entry (change);

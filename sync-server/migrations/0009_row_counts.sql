-- What the overview of a unit is summed and sorted by, so that it need not read the rows themselves.
-- All rows are folded anew at the next start, which fills both columns.
ALTER TABLE row ADD COLUMN number TEXT NOT NULL DEFAULT '';
ALTER TABLE row ADD COLUMN checkins INTEGER NOT NULL DEFAULT 0;
UPDATE row SET bytes = x'00';

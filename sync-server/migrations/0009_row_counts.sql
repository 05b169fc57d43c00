-- What the overview of a unit is summed and sorted by, so that it need not read the rows themselves.
-- All rows are folded anew at the next start, which fills both columns.
ALTER TABLE row ADD COLUMN number TEXT NOT NULL DEFAULT '';
ALTER TABLE row ADD COLUMN checkins INTEGER NOT NULL DEFAULT 0;
UPDATE row SET bytes = x'00';

-- In place of the index by grid: all that is summed, so that the rows themselves stay unread.
DROP INDEX row_by_grid;
CREATE INDEX row_counts ON row
    (grid, kind, open, happened_at, due_at, closed_at, status, level, outcome, category, checkins);
CREATE INDEX row_open ON row (grid, due_at, number) WHERE open = 1;

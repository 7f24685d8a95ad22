-- When the people in a ticket were taken out; NULL again once more has come since.
ALTER TABLE ticket ADD COLUMN redacted INTEGER;

CREATE INDEX ticket_over ON ticket (changed) WHERE open = 0 AND redacted IS NULL;

-- Since when the write-ahead log may hold what was taken out of the tables.
CREATE TABLE erasing (
    one   INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    since INTEGER NOT NULL
) STRICT;

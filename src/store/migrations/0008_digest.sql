-- When each unit's next digest is due, so that each is sent once, over restarts and changes of the clock.
CREATE TABLE digest (
    unit TEXT    NOT NULL PRIMARY KEY,
    due  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX digest_due ON digest (due);

-- The open tickets of a unit, however many it has solved.
CREATE INDEX ticket_open_at ON ticket (unit) WHERE open = 1;

-- For reports: what a period has touched.
CREATE INDEX ticket_changed ON ticket (changed);

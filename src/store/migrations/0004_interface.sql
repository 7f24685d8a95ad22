-- How far each unit has come with each ticket that was sent to it: each step at its first time.
CREATE TABLE leg (
    unit         TEXT    NOT NULL,
    ticket       INTEGER NOT NULL REFERENCES ticket (id),
    delivered    INTEGER,
    answered     INTEGER,
    acknowledged INTEGER,
    solved       INTEGER,
    bounced      INTEGER,
    PRIMARY KEY (unit, ticket)
) STRICT, WITHOUT ROWID;

CREATE INDEX leg_ticket ON leg (ticket);
CREATE INDEX leg_delivered ON leg (unit) WHERE delivered IS NOT NULL;
CREATE INDEX leg_answered ON leg (unit) WHERE answered IS NOT NULL;
CREATE INDEX leg_acknowledged ON leg (unit) WHERE acknowledged IS NOT NULL;
CREATE INDEX leg_solved ON leg (unit) WHERE solved IS NOT NULL;
CREATE INDEX leg_bounced ON leg (unit) WHERE bounced IS NOT NULL;

-- When each unit's proven mail last came, and when mail to it last could not be delivered, and why.
CREATE TABLE interface (
    unit    TEXT NOT NULL PRIMARY KEY,
    heard   INTEGER,
    failed  INTEGER,
    failure TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- The newest ticket about each thing that is watched, so that an alarm which comes again finds it.
CREATE TABLE watched (
    what   TEXT    NOT NULL PRIMARY KEY,
    ticket INTEGER NOT NULL REFERENCES ticket (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX watched_ticket ON watched (ticket);

-- Which ticket a ticket hangs on, and how.
CREATE TABLE link (
    ticket INTEGER NOT NULL REFERENCES ticket (id),
    kind   TEXT    NOT NULL CHECK (kind IN ('master', 'merged', 'parent')),
    other  INTEGER NOT NULL REFERENCES ticket (id),
    PRIMARY KEY (ticket, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX link_other ON link (other, kind, ticket);

-- Tickets that must look at what they hang on, or at what hangs on them: it has changed since they last did.
CREATE TABLE rouse (
    ticket INTEGER NOT NULL PRIMARY KEY REFERENCES ticket (id),
    since  INTEGER NOT NULL
) STRICT;

CREATE INDEX rouse_since ON rouse (since);

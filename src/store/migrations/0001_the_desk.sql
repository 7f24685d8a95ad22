-- The memory of the desk. Times are microseconds since 1970 (UTC). A column that may be NULL is absent, never unknown.
-- Searched values are columns; the value as a whole stands beside them as JSON. AUTOINCREMENT: no id is used twice.

CREATE TABLE counter (
    name  TEXT    NOT NULL PRIMARY KEY,
    next  INTEGER NOT NULL CHECK (next > 0),
    given INTEGER NOT NULL DEFAULT 0 CHECK (given >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO counter (name, next, given) VALUES ('ticket', 1, 0);

CREATE TABLE ticket (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id > 0),
    status    TEXT    NOT NULL,
    open      INTEGER NOT NULL CHECK (open IN (0, 1)),
    kind      TEXT    NOT NULL,
    priority  TEXT    NOT NULL,
    unit      TEXT    COLLATE NOCASE,
    site      TEXT    COLLATE NOCASE,
    vo        TEXT    COLLATE NOCASE,
    submitter TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    changed   INTEGER NOT NULL,
    whole     TEXT    NOT NULL
) STRICT;

CREATE INDEX ticket_status ON ticket (status);
CREATE INDEX ticket_open ON ticket (open);
CREATE INDEX ticket_unit ON ticket (unit);
CREATE INDEX ticket_unit_status ON ticket (unit, status);
CREATE INDEX ticket_site ON ticket (site);
CREATE INDEX ticket_vo ON ticket (vo);

CREATE TABLE mail (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest      TEXT    NOT NULL UNIQUE,
    fingerprint TEXT,
    source      TEXT    NOT NULL,
    identity    TEXT    NOT NULL,
    message_id  TEXT,
    sender      TEXT,
    subject     TEXT    NOT NULL,
    received    INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    body_print  TEXT,
    verdict     TEXT    NOT NULL,
    ticket      INTEGER REFERENCES ticket (id),
    trail       TEXT    NOT NULL,
    understood  TEXT    NOT NULL
) STRICT;

CREATE INDEX mail_fingerprint ON mail (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX mail_body_print ON mail (body_print, ticket, received) WHERE body_print IS NOT NULL;
CREATE INDEX mail_ticket ON mail (ticket);
CREATE INDEX mail_received ON mail (received, verdict);

-- Apart, so that listings don't drag the bytes along.
CREATE TABLE mail_raw (
    mail INTEGER NOT NULL PRIMARY KEY REFERENCES mail (id) ON DELETE CASCADE,
    raw  BLOB    NOT NULL
) STRICT;

-- Where a mail lay at its source, and how often it was seen there.
CREATE TABLE sighting (
    identity TEXT    NOT NULL,
    mail     INTEGER NOT NULL REFERENCES mail (id) ON DELETE CASCADE,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    times    INTEGER NOT NULL DEFAULT 1 CHECK (times > 0),
    PRIMARY KEY (identity, mail)
) STRICT, WITHOUT ROWID;

CREATE INDEX sighting_mail ON sighting (mail);

CREATE TABLE thread (
    message_id TEXT    NOT NULL PRIMARY KEY,
    ticket     INTEGER NOT NULL REFERENCES ticket (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX thread_ticket ON thread (ticket);

CREATE TABLE foreign_id (
    unit       TEXT    NOT NULL,
    foreign_id TEXT    NOT NULL,
    ticket     INTEGER NOT NULL REFERENCES ticket (id),
    PRIMARY KEY (unit, foreign_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX foreign_id_ticket ON foreign_id (ticket);

-- Facts, in order. A fact without a ticket belongs to its mail alone.
CREATE TABLE event (
    id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    ticket INTEGER REFERENCES ticket (id),
    n      INTEGER NOT NULL CHECK (n > 0),
    at     INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    event  TEXT    NOT NULL,
    mail   INTEGER REFERENCES mail (id)
) STRICT;

CREATE UNIQUE INDEX event_ticket ON event (ticket, n);
CREATE INDEX event_mail ON event (mail);

-- `due`: of a ready row when it may go out, of a leased row when its lease ends, else NULL.
CREATE TABLE outbox (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    key             TEXT    NOT NULL UNIQUE,
    ticket          INTEGER REFERENCES ticket (id),
    number          INTEGER,
    recipient       TEXT    NOT NULL,
    address         TEXT    NOT NULL,
    address_key     TEXT    NOT NULL,
    template        TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    message_id      TEXT    NOT NULL,
    envelope_sender TEXT,
    automatic       INTEGER NOT NULL CHECK (automatic IN (0, 1)),
    size            INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('ready', 'leased', 'sent', 'dead', 'dropped')),
    due             INTEGER,
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    unknown         INTEGER NOT NULL DEFAULT 0 CHECK (unknown IN (0, 1)),
    answer          TEXT    NOT NULL DEFAULT '',
    created         INTEGER NOT NULL,
    first_tried     INTEGER,
    settled         INTEGER,
    settled_by      TEXT,
    CHECK ((state IN ('ready', 'leased')) = (due IS NOT NULL)),
    CHECK ((state IN ('ready', 'leased')) = (settled IS NULL)),
    CHECK ((ticket IS NULL) = (number IS NULL))
) STRICT;

CREATE UNIQUE INDEX outbox_letter ON outbox (ticket, number) WHERE ticket IS NOT NULL;
CREATE INDEX outbox_due ON outbox (due) WHERE due IS NOT NULL;
CREATE INDEX outbox_state ON outbox (state, created);
CREATE INDEX outbox_answers_to ON outbox (address_key, created) WHERE automatic = 1;
CREATE INDEX outbox_answers_in ON outbox (ticket, created) WHERE automatic = 1;

CREATE TABLE outbox_bytes (
    outbox INTEGER NOT NULL PRIMARY KEY REFERENCES outbox (id) ON DELETE CASCADE,
    bytes  BLOB    NOT NULL
) STRICT;

CREATE TABLE quarantine (
    mail        INTEGER NOT NULL PRIMARY KEY REFERENCES mail (id) ON DELETE CASCADE,
    since       INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    resolved    INTEGER,
    resolution  TEXT,
    resolved_by TEXT,
    CHECK ((resolved IS NULL) = (resolution IS NULL)),
    CHECK ((resolved IS NULL) = (resolved_by IS NULL))
) STRICT;

CREATE INDEX quarantine_open ON quarantine (since) WHERE resolved IS NULL;

-- The latest report of each part of the daemon.
CREATE TABLE health (
    part  TEXT    NOT NULL PRIMARY KEY,
    state TEXT    NOT NULL,
    text  TEXT    NOT NULL,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

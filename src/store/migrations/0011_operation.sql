-- Tickets by unit and state, kept as they change, so that nobody counts them. '': no unit yet. Tests of units are in it.
CREATE TABLE ticket_count (
    status  TEXT    NOT NULL,
    unit    TEXT    NOT NULL COLLATE NOCASE,
    tickets INTEGER NOT NULL,
    PRIMARY KEY (status, unit)
) STRICT, WITHOUT ROWID;

INSERT INTO ticket_count (status, unit, tickets)
SELECT status, coalesce(unit, '') AS unit, count(*) FROM ticket WHERE true GROUP BY status, coalesce(unit, '')
ON CONFLICT DO UPDATE SET tickets = tickets + excluded.tickets;

CREATE TRIGGER ticket_counted AFTER INSERT ON ticket BEGIN
    INSERT INTO ticket_count (status, unit, tickets) VALUES (NEW.status, coalesce(NEW.unit, ''), 1)
    ON CONFLICT DO UPDATE SET tickets = tickets + 1;
END;

CREATE TRIGGER ticket_recounted AFTER UPDATE OF status, unit ON ticket
WHEN OLD.status IS NOT NEW.status OR OLD.unit IS NOT NEW.unit BEGIN
    UPDATE ticket_count SET tickets = tickets - 1 WHERE status = OLD.status AND unit = coalesce(OLD.unit, '');
    INSERT INTO ticket_count (status, unit, tickets) VALUES (NEW.status, coalesce(NEW.unit, ''), 1)
    ON CONFLICT DO UPDATE SET tickets = tickets + 1;
END;

-- The mail for which a letter was written, where it was one; and every attempt to send a letter, with what was answered.
ALTER TABLE outbox ADD COLUMN mail INTEGER REFERENCES mail (id);

CREATE TABLE attempt (
    outbox  INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    n       INTEGER NOT NULL CHECK (n > 0),
    at      INTEGER NOT NULL,
    outcome TEXT    NOT NULL,
    answer  TEXT    NOT NULL,
    PRIMARY KEY (outbox, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_mail ON outbox (mail) WHERE mail IS NOT NULL;
CREATE INDEX outbox_message_id ON outbox (message_id);
CREATE INDEX mail_message_id ON mail (message_id) WHERE message_id IS NOT NULL;

-- Since when a part is well, or is not; and when people were told that it is not, until it is well again.
ALTER TABLE health ADD COLUMN since INTEGER;
ALTER TABLE health ADD COLUMN told INTEGER;

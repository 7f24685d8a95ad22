-- Test tickets of the desk's own: they count in no statistics.
CREATE TABLE probe (
    ticket INTEGER NOT NULL PRIMARY KEY REFERENCES ticket (id),
    unit   TEXT    NOT NULL COLLATE NOCASE,
    status TEXT    NOT NULL
) STRICT;

CREATE INDEX probe_unit ON probe (unit, ticket);
CREATE INDEX probe_status ON probe (status);
CREATE INDEX probe_unit_status ON probe (unit, status);

-- When the next step of a ticket's timers falls due, so that no ticket is looked at before.
ALTER TABLE ticket ADD COLUMN due INTEGER;

CREATE INDEX ticket_due ON ticket (due) WHERE due IS NOT NULL;

-- Why a mail that could go out waits on purpose: its helpdesk answers only so many new tickets in a time.
ALTER TABLE outbox ADD COLUMN held TEXT CHECK (held IS NULL OR state = 'ready');

CREATE INDEX outbox_held ON outbox (recipient, due) WHERE held IS NOT NULL;

-- When the dispatches to each unit went out, or will.
CREATE INDEX outbox_dispatch ON outbox (recipient, coalesce(settled, due))
    WHERE template = 'dispatch' AND state IN ('leased', 'ready', 'sent');

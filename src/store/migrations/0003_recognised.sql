-- What is known of the dialects of units that name none, as the last fact about each says. `mail`: the one that taught it.
CREATE TABLE recognised (
    unit  TEXT    NOT NULL PRIMARY KEY,
    known TEXT    NOT NULL,
    mail  INTEGER REFERENCES mail (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX recognised_mail ON recognised (mail);

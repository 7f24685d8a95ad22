-- Words by which a ticket is found: of its title, its first text, and the solution that the user got.
CREATE TABLE known (
    ticket   INTEGER NOT NULL PRIMARY KEY REFERENCES ticket (id),
    title    TEXT    NOT NULL,
    problem  TEXT    NOT NULL,
    solution TEXT    NOT NULL
) STRICT;

-- The words are kept once, above. What is taken out is taken out of the index itself (secure-delete), not only marked.
CREATE VIRTUAL TABLE known_words USING fts5 (
    title, problem, solution,
    content = 'known', content_rowid = 'ticket', tokenize = 'unicode61 remove_diacritics 2'
);

INSERT INTO known_words (known_words, rank) VALUES ('secure-delete', 1);
INSERT INTO known_words (known_words, rank) VALUES ('rank', 'bm25(4.0, 1.0, 0.5)');

CREATE INDEX foreign_id_alone ON foreign_id (foreign_id);
CREATE INDEX ticket_submitter ON ticket (submitter COLLATE NOCASE);

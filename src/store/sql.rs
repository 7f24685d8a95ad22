//! Every fixed statement of the store, in one place so that a test can ask SQLite for the plan of each: none may walk
//! a whole table. The one statement that is put together at run time is in `reader.rs`, with a test of its own.

macro_rules! statements {
    ($($name:ident = $text:expr;)*) => {
        $(pub(super) const $name: &str = $text;)*
        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

macro_rules! outbox {
    ($rest:literal) => {
        concat!(
            "SELECT id, key, ticket, number, recipient, address, template, subject, message_id, envelope_sender, \
             automatic, size, state, due, held, attempts, unknown, answer, created, first_tried, settled, \
             settled_by, mail FROM outbox ",
            $rest
        )
    };
}

macro_rules! mail {
    ($rest:literal) => {
        concat!(
            "SELECT id, digest, source, identity, message_id, sender, subject, received, size, verdict, ticket \
             FROM mail ",
            $rest
        )
    };
}

macro_rules! quarantine {
    ($rest:literal) => {
        concat!(
            "SELECT q.mail, q.since, q.reason, q.resolved, q.resolution, q.resolved_by, m.source, m.sender, m.subject \
             FROM quarantine q JOIN mail m ON m.id = q.mail ",
            $rest
        )
    };
}

/// A step of a ticket at a unit, at its first time; test tickets count nowhere.
macro_rules! leg_step {
    ($step:literal) => {
        concat!(
            "INSERT INTO leg (unit, ticket, ",
            $step,
            ") SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM probe WHERE ticket = ?2) \
             ON CONFLICT (unit, ticket) DO UPDATE SET ",
            $step,
            " = coalesce(",
            $step,
            ", excluded.",
            $step,
            ")"
        )
    };
}

/// Whether the reasons why a mail is in quarantine name a ticket.
macro_rules! names_ticket {
    () => {
        "EXISTS (SELECT 1 FROM mail m, json_tree(m.trail) part WHERE m.id = q.mail AND part.atom = ?1 \
         AND (part.key = 'ticket' OR part.path LIKE '%.tickets'))"
    };
}

statements! {
    // The snapshot.
    MAIL_BY_DIGEST = "SELECT id, verdict, ticket FROM mail WHERE digest = ?1";
    MAIL_BY_FINGERPRINT = "SELECT id, verdict, ticket FROM mail WHERE fingerprint = ?1 ORDER BY id LIMIT 1";
    THREAD = "SELECT ticket FROM thread WHERE message_id = ?1";
    FOREIGN_ID = "SELECT ticket FROM foreign_id WHERE unit = ?1 AND foreign_id = ?2";
    LETTER = "SELECT recipient, address, message_id FROM outbox WHERE ticket = ?1 AND number = ?2";
    ANSWERS_TO = "SELECT count(*) FROM outbox WHERE address_key = ?1 AND automatic = 1 AND held IS NULL AND created >= ?2";
    ANSWERS_IN = "SELECT count(*) FROM outbox WHERE ticket = ?1 AND automatic = 1 AND held IS NULL AND created >= ?2";
    REPEATS = "SELECT DISTINCT ticket FROM mail \
               WHERE body_print = ?1 AND ticket IS NOT NULL AND received >= ?2 LIMIT ?3";
    RECOGNISED = "SELECT known FROM recognised WHERE unit = ?1";
    WATCHED = "SELECT ticket FROM watched WHERE what = ?1";
    KNOWN_COUNT = "SELECT count(*) FROM (SELECT 1 FROM known_words WHERE known_words MATCH ?1 LIMIT ?2)";
    KNOWN_SOLVED = "SELECT t.whole FROM known_words CROSS JOIN known k ON k.ticket = known_words.rowid \
                    JOIN ticket t ON t.id = k.ticket \
                    WHERE known_words MATCH ?1 AND k.solution <> '' ORDER BY known_words.rank LIMIT ?2";
    TICKETS_GIVEN = "SELECT given FROM counter WHERE name = 'ticket'";
    NEXT_TICKET = "SELECT next FROM counter WHERE name = 'ticket'";
    TICKET = "SELECT whole FROM ticket WHERE id = ?1";

    // A record.
    SCHEMA = "PRAGMA user_version";
    FIRST_TICKET = "UPDATE counter SET next = ?1 WHERE name = 'ticket' AND given = 0";
    NEXT_TICKET_TAKEN = "UPDATE counter SET next = next + 1, given = given + 1 WHERE name = 'ticket' AND next = ?1";
    TICKET_CHANGED = "UPDATE ticket SET status = ?2, open = ?3, kind = ?4, priority = ?5, unit = ?6, site = ?7, \
                      vo = ?8, submitter = ?9, subject = ?10, created = ?11, changed = ?12, redacted = ?13, \
                      whole = ?14, due = ?15 WHERE id = ?1";
    TICKET_NEW = "INSERT INTO ticket (id, status, open, kind, priority, unit, site, vo, submitter, subject, created, \
                  changed, redacted, whole, due) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    TICKETS_DUE = "SELECT id FROM ticket WHERE due <= ?1 ORDER BY due LIMIT ?2";
    NEXT_STEP = "SELECT min(due) FROM (SELECT min(due) AS due FROM ticket WHERE due IS NOT NULL \
                 UNION ALL SELECT min(since) FROM rouse)";
    DIGESTS = "SELECT unit, due FROM digest ORDER BY unit LIMIT ?1";
    DIGEST_SET = "INSERT INTO digest (unit, due) VALUES (?1, ?2) ON CONFLICT (unit) DO UPDATE SET due = excluded.due";
    DIGEST_GONE = "DELETE FROM digest WHERE unit = ?1";
    NEXT_DIGEST = "SELECT min(due) FROM digest";
    TICKETS_STILL_OPEN = "SELECT id, created, vo, json_extract(whole, '$.type_of_problem') AS type_of_problem \
                          FROM ticket WHERE open = 1 AND created < ?1 \
                          AND NOT EXISTS (SELECT 1 FROM probe p WHERE p.ticket = ticket.id)";
    TICKETS_ENDED_SINCE = "SELECT id, created, vo, json_extract(whole, '$.type_of_problem') AS type_of_problem \
                           FROM ticket INDEXED BY ticket_changed WHERE changed >= ?2 AND open = 0 AND created < ?1 \
                           AND NOT EXISTS (SELECT 1 FROM probe p WHERE p.ticket = ticket.id)";
    FACTS = "SELECT at, actor, event FROM event WHERE ticket = ?1 ORDER BY n LIMIT ?2";
    TICKETS_OPEN_AT = "SELECT whole FROM ticket INDEXED BY ticket_open_at WHERE unit = ?1 AND open = 1 \
                       ORDER BY id LIMIT ?2";
    TICKET_POSTPONED = "UPDATE ticket SET due = ?2 WHERE id = ?1";
    WATCHED_SET = "INSERT INTO watched (what, ticket) VALUES (?1, ?2) ON CONFLICT (what) DO UPDATE \
                   SET ticket = max(ticket, excluded.ticket)";
    LINKS_GONE = "DELETE FROM link WHERE ticket = ?1";
    LINK_NEW = "INSERT INTO link (ticket, kind, other) VALUES (?1, ?2, ?3)";
    LINKED = "SELECT ticket FROM link WHERE other = ?1 AND kind = ?2 ORDER BY ticket LIMIT ?3";
    ROUSE = "INSERT INTO rouse (ticket, since) VALUES (?1, ?2) ON CONFLICT (ticket) DO NOTHING";
    ROUSE_SLAVES = "INSERT INTO rouse (ticket, since) SELECT ticket, ?2 FROM link WHERE other = ?1 AND kind = 'master' \
                    ON CONFLICT (ticket) DO NOTHING";
    ROUSED = "SELECT ticket FROM rouse WHERE since <= ?1 ORDER BY since, ticket LIMIT ?2";
    ROUSE_GONE = "DELETE FROM rouse WHERE ticket = ?1";
    ROUSE_POSTPONED = "UPDATE rouse SET since = ?2 WHERE ticket = ?1";
    PROBE_SET = "INSERT INTO probe (ticket, unit, status) VALUES (?1, ?2, ?3) ON CONFLICT (ticket) DO UPDATE \
                 SET status = excluded.status";
    MAIL_NEW = "INSERT INTO mail (digest, fingerprint, source, identity, message_id, sender, subject, received, size, \
                body_print, verdict, ticket, trail, understood) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, (SELECT id FROM ticket WHERE id = ?12), ?13, ?14)";
    MAIL_DECIDED = "UPDATE mail SET verdict = ?2, ticket = (SELECT id FROM ticket WHERE id = ?3), trail = ?4, \
                    understood = ?5 WHERE id = ?1";
    MAIL_PLACE = "SELECT ticket, message_id FROM mail WHERE id = ?1";
    MAIL_RAW_NEW = "INSERT INTO mail_raw (mail, raw) VALUES (?1, ?2)";
    SIGHTING = "INSERT INTO sighting (identity, mail, first, last) VALUES (?1, ?2, ?3, ?3) \
                ON CONFLICT (identity, mail) DO UPDATE SET last = excluded.last, times = times + 1";
    THREAD_NEW = "INSERT INTO thread (message_id, ticket) VALUES (?1, ?2) ON CONFLICT (message_id) DO NOTHING";
    FOREIGN_ID_NEW = "INSERT INTO foreign_id (unit, foreign_id, ticket) VALUES (?1, ?2, ?3) \
                      ON CONFLICT (unit, foreign_id) DO NOTHING";
    KNOWN = "SELECT title, problem, solution FROM known WHERE ticket = ?1";
    KNOWN_SET = "INSERT INTO known (ticket, title, problem, solution) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (ticket) \
                 DO UPDATE SET title = excluded.title, problem = excluded.problem, solution = excluded.solution";
    KNOWN_GONE = "DELETE FROM known WHERE ticket = ?1";
    KNOWN_WORDS_NEW = "INSERT INTO known_words (rowid, title, problem, solution) VALUES (?1, ?2, ?3, ?4)";
    KNOWN_WORDS_GONE = "INSERT INTO known_words (known_words, rowid, title, problem, solution) \
                        VALUES ('delete', ?1, ?2, ?3, ?4)";
    EVENT_LAST = "SELECT coalesce(max(n), 0) FROM event WHERE ticket IS ?1";
    EVENT_NEW = "INSERT INTO event (ticket, n, at, actor, event, mail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    RECOGNISED_SET = "INSERT INTO recognised (unit, known, mail) VALUES (?1, ?2, ?3) ON CONFLICT (unit) DO UPDATE \
                      SET known = excluded.known, mail = excluded.mail";
    LEG_DELIVERED = leg_step!("delivered");
    LEG_ANSWERED = leg_step!("answered");
    LEG_ACKNOWLEDGED = leg_step!("acknowledged");
    LEG_SOLVED = leg_step!("solved");
    LEG_BOUNCED = leg_step!("bounced");
    INTERFACE_HEARD = "INSERT INTO interface (unit, heard) VALUES (?1, ?2) ON CONFLICT (unit) DO UPDATE \
                       SET heard = excluded.heard";
    INTERFACE_FAILED = "INSERT INTO interface (unit, failed, failure) VALUES (?1, ?2, ?3) ON CONFLICT (unit) DO UPDATE \
                        SET failed = excluded.failed, failure = excluded.failure";
    OUTBOX_NEW = "INSERT INTO outbox (key, ticket, number, recipient, address, address_key, template, subject, \
                  message_id, envelope_sender, automatic, size, state, due, created, held, mail) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'ready', ?13, ?14, ?15, ?16) \
                  ON CONFLICT DO NOTHING RETURNING id";
    OUTBOX_BY_KEY = "SELECT id FROM outbox WHERE key = ?1";
    OUTBOX_BYTES_NEW = "INSERT INTO outbox_bytes (outbox, bytes) VALUES (?1, ?2)";
    QUARANTINE_NEW = "INSERT INTO quarantine (mail, since, reason) VALUES (?1, ?2, ?3) ON CONFLICT (mail) DO UPDATE \
                      SET since = excluded.since, reason = excluded.reason, resolved = NULL, resolution = NULL, \
                      resolved_by = NULL";
    QUARANTINE_STATE = "SELECT resolved IS NULL FROM quarantine WHERE mail = ?1";
    QUARANTINE_RESOLVED = "UPDATE quarantine SET resolved = ?2, resolution = ?3, resolved_by = ?4 WHERE mail = ?1";
    HEALTH_TOLD = "UPDATE health SET told = ?2 WHERE part = ?1";
    HEALTH_FORGET = "DELETE FROM health WHERE part = ?1";
    HEALTH_SET = "INSERT INTO health (part, state, text, at, since) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (part) DO UPDATE \
                  SET since = CASE WHEN (state = 'well') = (excluded.state = 'well') THEN coalesce(since, at) \
                  ELSE excluded.at END, state = excluded.state, text = excluded.text, at = excluded.at";

    // A redaction.
    LETTERS_UNDER_WAY = "SELECT id FROM outbox WHERE ticket = ?1 AND state IN ('ready', 'leased') AND due < ?2";
    LETTERS_PARKED = "SELECT id FROM outbox WHERE ticket = ?1 AND state = 'ready' AND due >= ?2";
    QUARANTINE_WAITS = concat!("SELECT mail FROM quarantine q WHERE resolved IS NULL AND ", names_ticket!());
    MAILS_TO_REDACT = concat!(
        "SELECT id FROM mail WHERE ticket = ?1 UNION SELECT mail FROM quarantine q WHERE ",
        names_ticket!()
    );
    LETTERS_TO_REDACT = "SELECT id FROM outbox WHERE ticket = ?1";
    MAIL_TICKET = "SELECT ticket FROM mail WHERE id = ?1";
    MAIL_REDACTED = "UPDATE mail SET message_id = NULL, sender = NULL, subject = ?2, body_print = NULL, trail = '[]', \
                     understood = ?3 WHERE id = ?1";
    MAIL_RAW_GONE = "DELETE FROM mail_raw WHERE mail = ?1";
    QUARANTINE_REDACTED = "UPDATE quarantine SET reason = ?2 WHERE mail = ?1";
    OUTBOX_REDACTED = "UPDATE outbox SET address = ?2, address_key = ?3, subject = ?4, answer = '', \
                       state = CASE state WHEN 'dead' THEN 'dropped' ELSE state END WHERE id = ?1";
    ATTEMPTS_REDACTED = "UPDATE attempt SET answer = '' WHERE outbox = ?1";
    OUTBOX_BYTES_GONE = "DELETE FROM outbox_bytes WHERE outbox = ?1";
    THREADS_OF_TICKET = "SELECT message_id FROM thread WHERE ticket = ?1";
    THREAD_HIDDEN = "UPDATE thread SET message_id = ?2 WHERE message_id = ?1";
    FACTS_OF_TICKET = "SELECT id, actor, event FROM event WHERE ticket = ?1 ORDER BY n";
    FACT_REDACTED = "UPDATE event SET actor = ?2, event = ?3 WHERE id = ?1";
    TICKETS_OVER = "SELECT id, changed FROM ticket INDEXED BY ticket_over WHERE open = 0 AND redacted IS NULL \
                    AND changed < ?1 AND (changed, id) > (?2, ?3) ORDER BY changed, id LIMIT ?4";
    MAILS_UP_TO = "SELECT max(mail), count(*) FROM (SELECT mail FROM mail_raw WHERE mail > ?1 ORDER BY mail LIMIT ?2)";
    MAILS_STALE = "SELECT r.mail FROM mail_raw r CROSS JOIN mail m ON m.id = r.mail LEFT JOIN ticket t ON t.id = m.ticket \
                   WHERE r.mail > ?3 AND r.mail <= ?4 \
                   AND m.received < ?2 AND (t.id IS NULL OR (t.open = 0 AND t.changed < ?1)) \
                   AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.mail = r.mail AND q.resolved IS NULL) \
                   ORDER BY r.mail";
    // Ids grow with time, so what came since is not looked at.
    MAIL_SINCE = "SELECT id FROM mail WHERE received >= ?1 ORDER BY received LIMIT 1";
    LETTERS_UP_TO = "SELECT max(outbox), count(*) FROM (SELECT outbox FROM outbox_bytes WHERE outbox > ?1 ORDER BY outbox LIMIT ?2)";
    LETTERS_STALE = "SELECT b.outbox FROM outbox_bytes b CROSS JOIN outbox o ON o.id = b.outbox \
                     LEFT JOIN ticket t ON t.id = o.ticket \
                     WHERE b.outbox > ?3 AND b.outbox <= ?4 AND o.state IN ('sent', 'dropped') AND o.settled < ?2 \
                     AND (t.id IS NULL OR (t.open = 0 AND t.changed < ?1)) ORDER BY b.outbox";
    LETTER_SINCE = "SELECT id FROM outbox WHERE state = 'sent' AND created >= ?1 ORDER BY created LIMIT 1";
    ERASING = "INSERT INTO erasing (one, since) VALUES (1, ?1) ON CONFLICT (one) DO NOTHING";
    ERASING_SINCE = "SELECT since FROM erasing WHERE one = 1";
    ERASED = "DELETE FROM erasing WHERE one = 1";

    // The outbox.
    OUTBOX_DUE = outbox!("WHERE due <= ?1 ORDER BY due, id LIMIT ?2");
    OUTBOX_NEXT_DUE = "SELECT min(due) FROM outbox WHERE due IS NOT NULL";
    // An expired lease is an attempt of which nobody knows how it ended.
    OUTBOX_CLAIM = "UPDATE outbox SET unknown = max(unknown, state = 'leased'), \
                    answer = CASE state WHEN 'leased' THEN 'the gateway stopped during the attempt' ELSE answer END, \
                    state = 'leased', due = ?2, held = NULL, attempts = attempts + 1, first_tried = coalesce(first_tried, ?3) \
                    WHERE id = ?1";
    OUTBOX_END_LEASES = "UPDATE outbox SET due = ?1 WHERE state = 'leased'";
    OUTBOX_HOLD = "UPDATE outbox SET due = ?2, held = ?3 WHERE id = ?1 AND state = 'ready'";
    // Those that wait count as far as they were queued earlier: each waits for its own turn.
    OUTBOX_DISPATCHES = "SELECT state, coalesce(settled, due) AS going FROM outbox WHERE recipient = ?1 \
                         AND template = 'dispatch' AND state IN ('leased', 'ready', 'sent') \
                         AND coalesce(settled, due) > ?2 AND (state <> 'ready' OR id < ?3) \
                         ORDER BY coalesce(settled, due) DESC LIMIT ?4";
    OUTBOX_HELD_BEFORE = "SELECT max(due) FROM outbox WHERE ticket = ?1 AND number < ?2 AND recipient = ?3 \
                          AND held IS NOT NULL AND due < ?4";
    OUTBOX_HAS_BYTES = "SELECT 1 FROM outbox_bytes WHERE outbox = ?1";
    OUTBOX_STATE = "SELECT state, due FROM outbox WHERE id = ?1";
    OUTBOX_SET = "UPDATE outbox SET state = ?2, due = ?3, held = NULL, answer = ?4, unknown = max(unknown, ?5), settled = ?6, \
                  settled_by = NULL WHERE id = ?1";
    ATTEMPT_NEW = "INSERT INTO attempt (outbox, n, at, outcome, answer) VALUES \
                   (?1, (SELECT coalesce(max(n), 0) + 1 FROM attempt WHERE outbox = ?1), ?2, ?3, ?4)";
    OUTBOX_DROP = "UPDATE outbox SET unknown = max(unknown, state = 'leased'), state = 'dropped', due = NULL, \
                   held = NULL, settled = ?2, settled_by = ?3 WHERE id = ?1";
    OUTBOX_RETRY = "UPDATE outbox SET unknown = max(unknown, state = 'leased'), state = 'ready', due = ?2, \
                    held = NULL, attempts = 0, first_tried = NULL, settled = NULL, settled_by = NULL WHERE id = ?1";

    // Listings.
    SEARCH = "SELECT rowid FROM known_words WHERE known_words MATCH ?1 ORDER BY rowid DESC LIMIT ?2";
    TICKET_LINE = "SELECT id, subject, status, priority, kind, vo, site, unit, submitter, created, changed FROM ticket \
                   WHERE id = ?1";
    TICKETS_OF_FOREIGN_ID = "SELECT ticket FROM foreign_id WHERE foreign_id = ?1 LIMIT ?2";
    OUTBOX_ROW = outbox!("WHERE id = ?1");
    OUTBOX_BYTES = "SELECT bytes FROM outbox_bytes WHERE outbox = ?1";
    OUTBOX_NEWEST = outbox!("ORDER BY id DESC LIMIT ?1");
    OUTBOX_IN_STATE = outbox!("WHERE state = ?1 ORDER BY created DESC, id DESC LIMIT ?2");
    OUTBOX_OF_TICKET = outbox!("WHERE ticket = ?1 ORDER BY number DESC LIMIT ?2");
    OUTBOX_HELD = "SELECT recipient, count(*) AS mails, max(due) AS until FROM outbox WHERE held IS NOT NULL \
                   GROUP BY recipient ORDER BY recipient LIMIT ?1";
    OUTBOX_COUNT = "SELECT count(*), min(created) FROM outbox WHERE state = ?1";
    MAIL = mail!("WHERE id = ?1");
    MAILS_OPENING = "SELECT id FROM mail WHERE verdict = 'open' AND received >= ?1 ORDER BY received LIMIT ?2";
    MAIL_REASONS = "SELECT trail, understood FROM mail WHERE id = ?1";
    MAIL_RAW = "SELECT raw FROM mail_raw WHERE mail = ?1";
    MAILS_OF_TICKET = mail!("WHERE ticket = ?1 ORDER BY id DESC LIMIT ?2");
    MAIL_COUNT = "SELECT verdict, count(*) FROM mail WHERE received >= ?1 GROUP BY verdict";
    EVENTS = "SELECT n, at, actor, event, mail FROM event WHERE ticket = ?1 ORDER BY n LIMIT ?2";
    QUARANTINE_OPEN = quarantine!("WHERE q.resolved IS NULL ORDER BY q.since DESC LIMIT ?1");
    QUARANTINE_ALL = quarantine!("ORDER BY q.mail DESC LIMIT ?1");
    QUARANTINE_COUNT = "SELECT count(*) FROM quarantine WHERE resolved IS NULL";
    HEALTHS = "SELECT part, state, text, at, coalesce(since, at) AS since, told FROM health ORDER BY part LIMIT ?1";
    RECOGNISED_ALL = "SELECT unit, known FROM recognised ORDER BY unit LIMIT ?1";
    INTERFACE = "SELECT heard, failed, failure FROM interface WHERE unit = ?1";
    LEGS_DELIVERED = "SELECT count(*) FROM leg WHERE unit = ?1 AND delivered IS NOT NULL";
    LEGS_ANSWERED = "SELECT count(*) FROM leg WHERE unit = ?1 AND answered IS NOT NULL";
    LEGS_ACKNOWLEDGED = "SELECT count(*) FROM leg WHERE unit = ?1 AND acknowledged IS NOT NULL";
    LEGS_SOLVED = "SELECT count(*) FROM leg WHERE unit = ?1 AND solved IS NOT NULL";
    LEGS_BOUNCED = "SELECT count(*) FROM leg WHERE unit = ?1 AND bounced IS NOT NULL";
    PROBE_LAST = "SELECT ticket FROM probe WHERE unit = ?1 ORDER BY ticket DESC LIMIT 1";
    PROBE_COUNT = "SELECT count(*) FROM probe WHERE status = ?1";
    UNIT_PROBE_COUNT = "SELECT count(*) FROM probe WHERE unit = ?1 AND status = ?2";
    TICKET_COUNT = "SELECT coalesce(sum(tickets), 0) FROM ticket_count WHERE status = ?1";
    UNIT_COUNT = "SELECT coalesce(sum(tickets), 0) FROM ticket_count WHERE unit = ?1 AND status = ?2";
    TICKETS_BY_UNIT = "SELECT unit, status, tickets FROM ticket_count ORDER BY status, unit LIMIT ?1";
    TICKETS_NEXT = "SELECT id, due FROM ticket WHERE due IS NOT NULL ORDER BY due LIMIT ?1";
    OUTBOX_IN_STATE_COUNT = "SELECT count(*) FROM outbox WHERE state = ?1";
    OUTBOX_HELD_COUNT = "SELECT count(*) FROM outbox WHERE held IS NOT NULL";
    OUTBOX_WAITING_SINCE = "SELECT min(created) FROM outbox WHERE state = 'ready' AND held IS NULL";
    OUTBOX_FAILED = outbox!("WHERE state = 'ready' AND held IS NULL AND answer <> '' ORDER BY created LIMIT ?1");

    // The way of a mail.
    MAILS_CALLED = "SELECT id FROM mail WHERE message_id = ?1 ORDER BY id LIMIT ?2";
    LETTERS_CALLED = outbox!("WHERE message_id = ?1 ORDER BY id LIMIT ?2");
    LETTERS_OF_MAIL = outbox!("WHERE mail = ?1 ORDER BY id LIMIT ?2");
    SIGHTINGS = "SELECT identity, first, last, times FROM sighting WHERE mail = ?1 LIMIT ?2";
    ATTEMPTS = "SELECT at, outcome, answer FROM attempt WHERE outbox = ?1 ORDER BY n LIMIT ?2";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    /// Whether a step of a plan reads no more than it must: it searches; or it takes the first rows of everything, in
    /// the order asked for; or it walks just the mails that are in quarantine, or held back, or the reasons of one mail.
    fn is_bounded(text: &str, step: &str) -> bool {
        let takes_first = text.contains("LIMIT") && !text.contains("WHERE");
        let few = ["quarantine_open", "outbox_held"].iter().any(|index| step.contains(index));
        let quarantined = step == "SCAN q" || step.starts_with("SCAN part VIRTUAL TABLE");
        // A look-up of words: `M` in the number of a full-text index is a MATCH.
        let words = step.starts_with("SCAN known_words VIRTUAL TABLE INDEX") && step.contains(":M");
        // What is read for it is a step of its own.
        let words = words || step.starts_with("SCAN (subquery-");
        !step.starts_with("SCAN") || step == "SCAN CONSTANT ROW" || takes_first || few || quarantined || words
    }

    #[test]
    fn no_statement_walks_a_whole_table() {
        let store = Store::in_memory().unwrap();
        for (name, text) in ALL {
            for step in store.reader().plan(text) {
                println!("{name}: {step}");
                assert!(is_bounded(text, &step), "{name}: {step}\n{text}");
            }
        }
    }

    /// Statements that stand elsewhere, by file and beginning, and why no plan of theirs is judged here.
    const ELSEWHERE: &[(&str, &str, &str)] = &[
        ("copy.rs", "UPDATE ticket SET whole", "restore changes all tickets, while no gateway runs"),
        ("copy.rs", "UPDATE counter", "one row"),
        ("known.rs", "SELECT whole FROM ticket", "a migration writes down the words of all tickets, once"),
        ("reader.rs", "SELECT id, subject, status", "is put together; reader.rs judges every form of it"),
        ("schema.rs", "INSERT INTO schema_migration", "as many rows as there are migrations"),
        ("schema.rs", "SELECT count(*) FROM sqlite_schema", "as many rows as there are tables"),
        ("schema.rs", "SELECT count(*) > 0 FROM sqlite_schema", "the same"),
        ("schema.rs", "SELECT version, sha256 FROM schema_migration", "as many rows as there are migrations"),
    ];

    #[test]
    fn every_statement_stands_here_or_says_why_not() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
        let mut seen = std::collections::BTreeSet::new();
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            if file == "sql.rs" || path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for verb in ["\"SELECT ", "\"UPDATE ", "\"DELETE ", "\"INSERT ", "\"REPLACE ", "\"WITH "] {
                for (at, _) in code.match_indices(verb) {
                    let statement = &code[at + 1..];
                    let known = ELSEWHERE.iter().position(|(of, begin, _)| *of == file && statement.starts_with(begin));
                    let place = || format!("{file}: {}", statement.lines().next().unwrap_or_default());
                    seen.insert(known.unwrap_or_else(|| panic!("{}; move it to sql.rs", place())));
                }
            }
        }
        assert_eq!(seen.len(), ELSEWHERE.len(), "an exception that is not needed any more");
    }

    #[test]
    fn listings_come_out_of_their_index_in_order() {
        let store = Store::in_memory().unwrap();
        for (name, text) in ALL.iter().filter(|(_, text)| text.contains("LIMIT")) {
            let plan = store.reader().plan(text);
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{name}: {plan:?}");
        }
    }

    #[test]
    fn the_judge_of_plans_knows_a_walk() {
        let store = Store::in_memory().unwrap();
        let text = "SELECT id FROM mail WHERE subject = ?1 LIMIT 5";
        assert!(store.reader().plan(text).iter().any(|step| !is_bounded(text, step)));
    }
}

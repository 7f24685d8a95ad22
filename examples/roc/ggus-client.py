#!/usr/bin/env python3
"""ggus-client: a helpdesk's side of the GGUS mail protocol, in one file and with nothing but Python's own library.

It takes the desk's mails, keeps the desk's number beside your own, and writes the answers. It starts no program, opens
no connection and sends nothing by itself: answers are printed, for `sendmail -t -i`. A mail that it can't take is kept
and told, never lost and never answered. README.md beside this file says how to hook it in.
"""
import email
import email.policy
import email.utils
import os
import re
import secrets
import sqlite3
import sys
from datetime import datetime, timezone
from email.header import decode_header, make_header
from email.message import EmailMessage
from xml.etree import ElementTree

# Write your own values here, or set these variables where the program is called.
DESK = os.environ.get("GGUS_DESK", "support@ggus.example")  # the desk's address
FROM = os.environ.get("GGUS_FROM", "helpdesk@roc.example")  # yours, as the desk knows it
STORE = os.environ.get("GGUS_STORE", os.path.expanduser("~/ggus.sqlite"))

USAGE = """usage: ggus-client take < MAIL               takes a mail of the desk
       ggus-client accept GGUSID LOCALID     you have it, under your number, and work on it
       ggus-client comment GGUSID < TEXT     tells the user something
       ggus-client ask GGUSID < TEXT         asks the user something
       ggus-client refuse GGUSID < TEXT      it is not yours, and why
       ggus-client solve GGUSID < TEXT       what has helped
       ggus-client list                      tickets, and mails that were not taken
       ggus-client show GGUSID               a ticket with all its mails
       ggus-client refused N                 a mail that was not taken, as it came
accept to solve print a mail; pipe it into `sendmail -t -i`."""

MOST_BYTES = 25 << 20  # of a mail
MOST_XML = 1 << 20
MOST_BOUNDARIES = 1000  # lines that begin with two hyphens
MOST_HEADER = 2000  # characters of one header that is read
RULE = "=" * 72  # around the desk's help on how to answer

# Elements of the XML form, and the same fields in the form made of lines.
FIELDS = {
    "GHD_Request-ID": "TICKET", "GHD_Name": "NAME", "GHD_E-Mail": "SUBMITTER MAIL", "GHD_Affected_VO": "CONCERNED VO",
    "GHD_Affected_Site": "NOTIFIED SITE", "GHD_Type_Of_Problem": "TYPE OF PROBLEM", "GHD_Priority": "PRIORITY",
    "GHD_Ticket_Type": "TICKET TYPE", "GHD_Date_Time_Of_Problem": "DATE TIME OF PROBLEM",
    "GHD_Origin_SG": "ORIGIN SG", "GHD_Responsible_Unit": "RESPONSIBLE UNIT",
}

SCHEMA = """
CREATE TABLE IF NOT EXISTS ticket(id INTEGER PRIMARY KEY, local_id TEXT UNIQUE, subject TEXT NOT NULL,
    reply_to TEXT NOT NULL, last TEXT NOT NULL, changed TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mail(number INTEGER PRIMARY KEY, ticket INTEGER NOT NULL REFERENCES ticket(id),
    message_id TEXT NOT NULL UNIQUE, author TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refused(number INTEGER PRIMARY KEY, at TEXT NOT NULL, why TEXT NOT NULL, raw BLOB NOT NULL);
"""


class Refused(Exception):
    """A mail that must not be taken, and why."""


def fail(code, words):
    print(f"ggus-client: {words}", file=sys.stderr)
    sys.exit(code)


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def clean(text):
    """Without control characters, which could steer a terminal, and with one kind of line end."""
    text = re.sub(r"\r\n?", "\n", text)
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", "", text).strip("\n")


def line(text):
    """On one line, where nothing can begin another header or field."""
    return re.sub(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+", " ", text).strip()[:1000]


# --- reading a mail --------------------------------------------------------------------------------------------------

def header(mail, name):
    """The header, decoded; empty where there is none. Two of one name are nobody's honest mail."""
    values = mail.get_all(name, [])
    if len(values) > 1 or any(len(str(value)) > MOST_HEADER for value in values):
        raise Refused(f"{name} is there twice or too long")
    return line(str(make_header(decode_header(str(values[0]))))) if values else ""


def address(text):
    return email.utils.parseaddr(text)[1].lower()


def check_sender(mail):
    """The address to answer to. The desk's mails are a person's words and bear no mark of a machine (RFC 3834)."""
    if address(header(mail, "From")) != DESK.lower():
        raise Refused(f"it is not from {DESK}; if that is not the desk's address, set GGUS_DESK")
    machine = {"Auto-Submitted": r"(?!no\b).", "Precedence": r"(bulk|junk|list|auto_reply)\b", "List-Id": r".",
               "Return-Path": r"<>", "Content-Type": r"multipart/report\b"}
    for name, pattern in machine.items():
        if any(re.match(pattern, str(value).strip(), re.I) for value in mail.get_all(name, [])):
            raise Refused("it is automatic mail, which nobody is to answer")
    reply_to = address(header(mail, "Reply-To")) or DESK.lower()
    local, domain = (re.escape(part) for part in DESK.lower().rsplit("@", 1))
    if not re.fullmatch(rf"{local}(\+[a-z0-9._-]{{1,100}})?@{domain}", reply_to):
        raise Refused("its Reply-To leads away from the desk")
    return reply_to


def decoded(part):
    raw = part.get_payload(decode=True) or b""
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def text_and_form(mail, ticket):
    """The first text, and the XML form in the attachment that the desk names after the ticket."""
    text, xml = None, None
    for part in mail.walk():
        name = part.get_filename()
        if name is None and part.get_content_type() == "text/plain" and text is None:
            text = clean(decoded(part))
        elif name == f"ticket-{ticket}.xml" and xml is None:
            xml = part.get_payload(decode=True) or b""
    return text or "", xml


def xml_fields(xml):
    """The desk writes elements and text; what declares anything (a DTD, an entity, a charset) is refused unread."""
    if len(xml) > MOST_XML or b"<!" in xml or b"<?" in xml:
        raise Refused("its XML form is too large, or has a DTD, an entity or a declaration")
    try:
        root = ElementTree.fromstring(xml.decode("utf-8"))
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError):
        raise Refused("its XML form is not well-formed") from None
    if root.tag != "Ticket":
        raise Refused("its XML form is no <Ticket>")
    return {FIELDS[element.tag]: line(element.text or "") for element in root if element.tag in FIELDS}


def take_block(text):
    """The fields of the lines at the end of the text, if the desk's block stands there, and the text before it."""
    before, _, block = text.rpartition("\n\n")
    fields, key = {}, None
    for each in block.split("\n"):
        if found := re.fullmatch(r"([A-Z][A-Z ]{0,40}): (.*)", each):
            key = found[1]
            fields[key] = line(found[2])
        elif key and each.startswith("  "):
            fields[key] = line(fields[key] + " " + each)
        else:
            return {}, text
    return (fields, before) if "TICKET" in fields else ({}, text)


def without_help(text):
    """The user's words, without what the desk says below them about how to answer."""
    words, rule, _ = text.rstrip().removesuffix("\n" + RULE).rpartition(f"\n{RULE}\n")
    return (words if rule and text.rstrip().endswith(RULE) else text).strip("\n")


def read(raw):
    """A mail of the desk: its ticket, where to answer, and what it says."""
    if len(raw) > MOST_BYTES or len(re.findall(rb"^--", raw, re.M)) > MOST_BOUNDARIES:
        raise Refused("it is too large, or has too many parts")
    mail = email.message_from_bytes(raw, policy=email.policy.compat32)
    reply_to = check_sender(mail)
    subject = re.sub(r"^re: *", "", header(mail, "Subject"), flags=re.I)
    tag = re.match(r"(?:\[GGUS:([1-9][0-9]{0,9})\]|GGUS-Ticket-ID: #([1-9][0-9]{0,9})(?![0-9]))", subject)
    if not tag:
        raise Refused("its subject does not begin with the desk's tag")
    ticket = int(tag[1] or tag[2])
    message_id = header(mail, "Message-ID")
    if not re.fullmatch(r"<[!-;=?-~]{3,200}>", message_id):
        raise Refused("it has no Message-ID that can be answered to")
    text, xml = text_and_form(mail, ticket)
    fields, text = take_block(text)
    fields = xml_fields(xml) if xml is not None else fields
    if fields.get("TICKET", str(ticket)) != str(ticket):
        raise Refused("its subject and its form name two tickets")
    told = [f"{key}: {fields[key]}" for key in FIELDS.values() if fields.get(key) and key != "TICKET"]
    text = "\n".join(told + [""] * bool(told) + [without_help(text)])
    return {"id": ticket, "reply_to": reply_to, "subject": subject[:300], "message_id": message_id, "text": text}


# --- the store -------------------------------------------------------------------------------------------------------

def open_store():
    os.umask(0o077)
    store = sqlite3.connect(STORE, timeout=20, isolation_level=None)
    store.row_factory = sqlite3.Row
    store.executescript(SCHEMA)
    store.execute("BEGIN IMMEDIATE")
    return store


def find(store, ticket):
    row = store.execute("SELECT * FROM ticket WHERE id = ?", (int(ticket) if ticket.isdecimal() else 0,)).fetchone()
    return row or fail(1, f"{line(ticket)} is not known here; `ggus-client list` shows the tickets that are")


def keep(store, ticket, message_id, author, text, last):
    store.execute("INSERT INTO mail(ticket, message_id, author, at, text) VALUES (?, ?, ?, ?, ?)",
                  (ticket, message_id, author, now(), text))
    store.execute("UPDATE ticket SET last = ?, changed = ? WHERE id = ?", (last, now(), ticket))


# --- the commands ----------------------------------------------------------------------------------------------------

def take(store):
    raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    if not raw.strip():
        fail(65, "there is no mail on standard input; pipe one in")
    try:
        mail = read(raw)
    except (Refused, ValueError, LookupError, RecursionError, email.errors.MessageError) as error:
        why = str(error) if isinstance(error, Refused) else "the mail library can't read it"
        number = store.execute("INSERT INTO refused(at, why, raw) VALUES (?, ?, ?)", (now(), why, raw)).lastrowid
        return f"refused {number} {why}"
    known = store.execute("SELECT * FROM ticket WHERE id = ?", (mail["id"],)).fetchone()
    number = known and known["local_id"] or "-"
    if store.execute("SELECT 1 FROM mail WHERE message_id = ?", (mail["message_id"],)).fetchone():
        return f"again {mail['id']} {number}"
    if not known:
        store.execute("INSERT INTO ticket VALUES (?, NULL, ?, ?, 'new', ?)",
                      (mail["id"], mail["subject"], mail["reply_to"], now()))
    keep(store, mail["id"], mail["message_id"], "desk", mail["text"], "mail" if known else "new")
    return f"{'mail' if known else 'new'} {mail['id']} {number}\n\n{mail['subject']}\n\n{mail['text']}"


# What the desk reads at the top of an answer.
FIRST_LINE = {"accept": "STATUS: in progress\n", "comment": "", "ask": "STATUS: waiting for reply\n",
              "refuse": "REFUSE:\n", "solve": "STATUS: solved\n"}


def answer(store, command, ticket, local_id=None):
    row = find(store, ticket)
    if local_id is not None:
        give_number(store, row, local_id)
    number = local_id or row["local_id"]
    text = "" if command == "accept" else text_from_stdin()
    lines = FIRST_LINE[command] + (f"LOCAL ID: {number}\n" if number else "")
    text = "SOLUTION: " * (command == "solve") + text
    body = "\n".join(part for part in (lines, text) if part).rstrip("\n") + "\n"
    ids = store.execute("SELECT message_id FROM mail WHERE ticket = ? AND author = 'desk' ORDER BY number DESC LIMIT 10",
                        (row["id"],)).fetchall()
    mail = EmailMessage()
    mail["Date"] = email.utils.format_datetime(datetime.now(timezone.utc))
    mail["From"] = FROM
    mail["To"] = row["reply_to"]
    mail["Subject"] = row["subject"]
    mail["Message-ID"] = f"<ggus-{row['id']}.{secrets.token_hex(12)}@{FROM.rpartition('@')[2]}>"
    mail["In-Reply-To"] = ids[0]["message_id"]
    mail["References"] = " ".join(each["message_id"] for each in reversed(ids))
    if command == "accept":  # a script may have said it: no vacation program shall answer
        mail["Auto-Submitted"] = "auto-replied"
    mail.set_content(body, cte="quoted-printable")
    keep(store, row["id"], mail["Message-ID"], "us", body, command)
    return mail.as_bytes().decode("ascii").rstrip("\n")


def give_number(store, row, local_id):
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", local_id):
        fail(2, "LOCALID must be one word of letters, digits and . _ : / -, 64 at most; give your ticket's number")
    other = store.execute("SELECT id FROM ticket WHERE local_id = ? AND id <> ?", (local_id, row["id"])).fetchone()
    if other:
        fail(1, f"{local_id} is your number of {other['id']} already; give each ticket of the desk its own")
    store.execute("UPDATE ticket SET local_id = ? WHERE id = ?", (local_id, row["id"]))


def text_from_stdin():
    text = clean(sys.stdin.buffer.read(1 << 20).decode("utf-8", "replace")).strip()
    return text or fail(65, "there is no text on standard input; pipe in what the desk is to read")


def show_list(store):
    rows = store.execute("SELECT * FROM ticket ORDER BY id").fetchall()
    bad = store.execute("SELECT number, why FROM refused ORDER BY number").fetchall()
    lines = [f"{row['id']}\t{row['local_id'] or '-'}\t{row['last']}\t{row['changed']}\t{row['subject']}" for row in rows]
    return "\n".join(lines + [f"refused {row['number']}\t{row['why']}" for row in bad])


def show(store, ticket):
    row = find(store, ticket)
    mails = store.execute("SELECT * FROM mail WHERE ticket = ? ORDER BY number", (row["id"],)).fetchall()
    head = f"{row['subject']}\nlocal id {row['local_id'] or '-'}, last: {row['last']}"
    return "\n\n".join([head] + [f"--- {each['author']}, {each['at']}\n\n{each['text'].strip()}" for each in mails])


def refused(store, number):
    row = store.execute("SELECT raw FROM refused WHERE number = ?", (number,)).fetchone()
    return row["raw"] if row else fail(1, f"no mail {line(number)} was refused; `ggus-client list` shows which were")


COMMANDS = {"take": (take, 0), "list": (show_list, 0), "show": (show, 1), "refused": (refused, 1)}


def main(command="", *arguments):
    if command in FIRST_LINE:
        action, wanted = answer, 2 if command == "accept" else 1
    else:
        action, wanted = COMMANDS.get(command, (None, 0))
    if not action or len(arguments) != wanted:
        fail(2, USAGE)
    try:
        store = open_store()
        told = action(store, *([command] if action is answer else []), *arguments)
        store.execute("COMMIT")
    except sqlite3.Error as error:
        fail(75, f"{STORE}: {error}; nothing is changed, try again when that is mended")
    told = told if isinstance(told, bytes) else (told + "\n").encode() if told else b""
    sys.stdout.buffer.write(told)


if __name__ == "__main__":
    main(*sys.argv[1:])

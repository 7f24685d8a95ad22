#!/usr/bin/php
<?php
/* ggus-client: a helpdesk's side of the GGUS mail protocol, in one file. Debian packages: php-cli, php-mailparse,
 * php-xml, php-sqlite3, php-mbstring.
 *
 * It takes the desk's mails, keeps the desk's number beside your own, and writes the answers. It starts no program,
 * opens no connection and sends nothing by itself: answers are printed, for `sendmail -t -i`. A mail that it can't take
 * is kept and told, never lost and never answered. README.md beside this file says how to hook it in. */
declare(strict_types=1);

// Write your own values here, or set these variables where the program is called.
define('DESK', getenv('GGUS_DESK') ?: 'support@ggus.example');  // the desk's address
define('FROM', getenv('GGUS_FROM') ?: 'helpdesk@roc.example');  // yours, as the desk knows it
define('STORE', getenv('GGUS_STORE') ?: (getenv('HOME') ?: '.') . '/ggus.sqlite');

const USAGE = <<<'END'
usage: ggus-client take < MAIL               takes a mail of the desk
       ggus-client accept GGUSID LOCALID     you have it, under your number, and work on it
       ggus-client comment GGUSID < TEXT     tells the user something
       ggus-client ask GGUSID < TEXT         asks the user something
       ggus-client refuse GGUSID < TEXT      it is not yours, and why
       ggus-client solve GGUSID < TEXT       what has helped
       ggus-client list                      tickets, and mails that were not taken
       ggus-client show GGUSID               a ticket with all its mails
       ggus-client refused N                 a mail that was not taken, as it came
accept to solve print a mail; pipe it into `sendmail -t -i`.
END;

const MOST_BYTES = 25 << 20;  // of a mail
const MOST_XML = 1 << 20;
const MOST_BOUNDARIES = 1000;  // lines that begin with two hyphens
const MOST_HEADER = 2000;  // characters of one header that is read
const RULE = '========================================================================';  // around the desk's help

// Elements of the XML form, and the same fields in the form made of lines.
const FIELDS = [
    'GHD_Request-ID' => 'TICKET', 'GHD_Name' => 'NAME', 'GHD_E-Mail' => 'SUBMITTER MAIL',
    'GHD_Affected_VO' => 'CONCERNED VO', 'GHD_Affected_Site' => 'NOTIFIED SITE',
    'GHD_Type_Of_Problem' => 'TYPE OF PROBLEM', 'GHD_Priority' => 'PRIORITY', 'GHD_Ticket_Type' => 'TICKET TYPE',
    'GHD_Date_Time_Of_Problem' => 'DATE TIME OF PROBLEM', 'GHD_Origin_SG' => 'ORIGIN SG',
    'GHD_Responsible_Unit' => 'RESPONSIBLE UNIT',
];

const SCHEMA = <<<'END'
CREATE TABLE IF NOT EXISTS ticket(id INTEGER PRIMARY KEY, local_id TEXT UNIQUE, subject TEXT NOT NULL,
    reply_to TEXT NOT NULL, last TEXT NOT NULL, changed TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mail(number INTEGER PRIMARY KEY, ticket INTEGER NOT NULL REFERENCES ticket(id),
    message_id TEXT NOT NULL UNIQUE, author TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refused(number INTEGER PRIMARY KEY, at TEXT NOT NULL, why TEXT NOT NULL, raw BLOB NOT NULL);
END;

/** A mail that must not be taken, and why. */
class Refused extends Exception {}

function fail(int $code, string $words): never
{
    fwrite(STDERR, "ggus-client: $words\n");
    exit($code);
}

function now(): string
{
    return gmdate('Y-m-d\TH:i:s\Z');
}

/** Without control characters, which could steer a terminal, and with one kind of line end. */
function clean(string $text): string
{
    $text = preg_replace('/\r\n?/', "\n", mb_scrub($text, 'UTF-8'));
    return trim(preg_replace('/[\x00-\x08\x0b-\x1f\x7f-\x9f\x{2028}\x{2029}]/u', '', $text), "\n");
}

/** On one line, where nothing can begin another header or field. */
function line(string $text): string
{
    $text = preg_replace('/[\x00-\x20\x7f-\xa0\x{2028}\x{2029}]+/u', ' ', mb_scrub($text, 'UTF-8'));
    return mb_substr(trim($text, ' '), 0, 1000, 'UTF-8');
}

// --- reading a mail --------------------------------------------------------------------------------------------------

/** All values of a header, as written. */
function values(array $headers, string $name): array
{
    return (array) ($headers[strtolower($name)] ?? []);
}

/** The header, decoded; empty where there is none. Two of one name are nobody's honest mail. */
function header_of(array $headers, string $name): string
{
    $values = values($headers, $name);
    if (count($values) > 1 || strlen($values[0] ?? '') > MOST_HEADER) {
        throw new Refused("$name is there twice or too long");
    }
    return line((string) iconv_mime_decode($values[0] ?? '', ICONV_MIME_DECODE_CONTINUE_ON_ERROR, 'UTF-8'));
}

function address(string $text): string
{
    return strtolower(mailparse_rfc822_parse_addresses($text)[0]['address'] ?? '');
}

/** The address to answer to. The desk's mails are a person's words and bear no mark of a machine (RFC 3834). */
function check_sender(array $headers): string
{
    if (address(header_of($headers, 'From')) !== strtolower(DESK)) {
        throw new Refused('it is not from ' . DESK . "; if that is not the desk's address, set GGUS_DESK");
    }
    $machine = ['Auto-Submitted' => '/^\s*(?!no\b)\S/i', 'Precedence' => '/^\s*(bulk|junk|list|auto_reply)\b/i',
        'List-Id' => '/\S/', 'Return-Path' => '/^\s*<>/', 'Content-Type' => '/^\s*multipart\/report\b/i'];
    foreach ($machine as $name => $pattern) {
        if (preg_grep($pattern, values($headers, $name))) {
            throw new Refused('it is automatic mail, which nobody is to answer');
        }
    }
    $reply_to = address(header_of($headers, 'Reply-To')) ?: strtolower(DESK);
    [$local, $domain] = array_map('preg_quote', explode('@', strtolower(DESK), 2));
    if (!preg_match("{^$local(\+[a-z0-9._-]{1,100})?@$domain\$}D", $reply_to)) {
        throw new Refused('its Reply-To leads away from the desk');
    }
    return $reply_to;
}

/** The first text, and the XML form in the attachment that the desk names after the ticket. */
function text_and_form($mail, string $raw, int $ticket): array
{
    [$text, $xml] = [null, null];
    foreach (mailparse_msg_get_structure($mail) as $id) {
        $part = mailparse_msg_get_part($mail, $id);
        $data = mailparse_msg_get_part_data($part);
        $name = $data['disposition-filename'] ?? $data['content-name'] ?? null;
        if ($name === null && $data['content-type'] === 'text/plain' && $text === null) {
            $bytes = mailparse_msg_extract_part($part, $raw, null);
            $charset = $data['charset'] ?? 'utf-8';
            $text = clean(@iconv($charset, 'UTF-8', $bytes) ?: $bytes);
        } elseif ($name === "ticket-$ticket.xml" && $xml === null) {
            $xml = mailparse_msg_extract_part($part, $raw, null);
        }
    }
    return [$text ?? '', $xml];
}

/** The desk writes elements and text; what declares anything (a DTD, an entity, a charset) is refused unread. */
function xml_fields(string $xml): array
{
    if (strlen($xml) > MOST_XML || preg_match('/<[!?]/', $xml)) {
        throw new Refused('its XML form is too large, or has a DTD, an entity or a declaration');
    }
    $document = new DOMDocument();
    libxml_use_internal_errors(true);
    if (!mb_check_encoding($xml, 'UTF-8') || !$document->loadXML($xml, LIBXML_NONET)) {
        throw new Refused('its XML form is not well-formed');
    }
    if ($document->documentElement->nodeName !== 'Ticket') {
        throw new Refused('its XML form is no <Ticket>');
    }
    $fields = [];
    foreach ($document->documentElement->childNodes as $node) {
        if (isset(FIELDS[$node->nodeName])) {
            $fields[FIELDS[$node->nodeName]] = line($node->textContent);
        }
    }
    return $fields;
}

/** The fields of the lines at the end of the text, if the desk's block stands there, and the text before it. */
function take_block(string $text): array
{
    $at = strrpos($text, "\n\n");
    [$fields, $key] = [[], null];
    foreach (explode("\n", $at === false ? $text : substr($text, $at + 2)) as $each) {
        if (preg_match('/^([A-Z][A-Z ]{0,40}): (.*)$/D', $each, $found)) {
            $key = $found[1];
            $fields[$key] = line($found[2]);
        } elseif ($key !== null && str_starts_with($each, '  ')) {
            $fields[$key] = line("$fields[$key] $each");
        } else {
            return [[], $text];
        }
    }
    return isset($fields['TICKET']) ? [$fields, substr($text, 0, (int) $at)] : [[], $text];
}

/** The user's words, without what the desk says below them about how to answer. */
function without_help(string $text): string
{
    $words = rtrim($text);
    if (str_ends_with($words, "\n" . RULE)) {
        $words = substr($words, 0, -strlen(RULE) - 1);
        $at = strrpos($words, "\n" . RULE . "\n");
        $text = $at === false ? $text : substr($words, 0, $at);
    }
    return trim($text, "\n");
}

/** A mail of the desk: its ticket, where to answer, and what it says. */
function read_mail(string $raw): array
{
    if (strlen($raw) > MOST_BYTES || preg_match_all('/^--/m', $raw) > MOST_BOUNDARIES) {
        throw new Refused('it is too large, or has too many parts');
    }
    $mail = mailparse_msg_create();
    mailparse_msg_parse($mail, $raw);
    $headers = mailparse_msg_get_part_data($mail)['headers'];
    $reply_to = check_sender($headers);
    $subject = preg_replace('/^re: */i', '', header_of($headers, 'Subject'));
    $tag = '/^(?|\[GGUS:([1-9][0-9]{0,9})\]|GGUS-Ticket-ID: #([1-9][0-9]{0,9})(?![0-9]))/';
    if (!preg_match($tag, $subject, $found)) {
        throw new Refused("its subject does not begin with the desk's tag");
    }
    $ticket = (int) $found[1];
    $message_id = header_of($headers, 'Message-ID');
    if (!preg_match('/^<[!-;=?-~]{3,200}>$/D', $message_id)) {
        throw new Refused('it has no Message-ID that can be answered to');
    }
    [$text, $xml] = text_and_form($mail, $raw, $ticket);
    [$fields, $text] = take_block($text);
    $fields = $xml === null ? $fields : xml_fields($xml);
    if (($fields['TICKET'] ?? "$ticket") !== "$ticket") {
        throw new Refused('its subject and its form name two tickets');
    }
    unset($fields['TICKET']);
    $told = [];
    foreach (FIELDS as $key) {
        if (($fields[$key] ?? '') !== '') {
            $told[] = "$key: $fields[$key]";
        }
    }
    $text = implode("\n", [...$told, ...($told ? [''] : []), without_help($text)]);
    return ['id' => $ticket, 'reply_to' => $reply_to, 'subject' => mb_substr($subject, 0, 300, 'UTF-8'),
        'message_id' => $message_id, 'text' => $text];
}

// --- the store -------------------------------------------------------------------------------------------------------

function open_store(): SQLite3
{
    umask(077);
    $store = new SQLite3(STORE);
    $store->enableExceptions(true);
    $store->busyTimeout(20_000);
    $store->exec('BEGIN IMMEDIATE');
    $store->exec(SCHEMA);
    return $store;
}

/** Rows of a query with its values bound. */
function query(SQLite3 $store, string $sql, string|int|null ...$values): array
{
    $statement = $store->prepare($sql);
    foreach ($values as $at => $value) {
        $statement->bindValue($at + 1, $value);
    }
    $result = $statement->execute();
    for ($rows = []; $result->numColumns() && $row = $result->fetchArray(SQLITE3_ASSOC);) {
        $rows[] = $row;
    }
    return $rows;
}

function find(SQLite3 $store, string $ticket): array
{
    $id = preg_match('/^[0-9]{1,10}$/D', $ticket) ? (int) $ticket : 0;
    return query($store, 'SELECT * FROM ticket WHERE id = ?', $id)[0]
        ?? fail(1, line($ticket) . ' is not known here; `ggus-client list` shows the tickets that are');
}

function keep(SQLite3 $store, int $ticket, string $message_id, string $author, string $text, string $last): void
{
    query($store, 'INSERT INTO mail(ticket, message_id, author, at, text) VALUES (?, ?, ?, ?, ?)', $ticket, $message_id,
        $author, now(), $text);
    query($store, 'UPDATE ticket SET last = ?, changed = ? WHERE id = ?', $last, now(), $ticket);
}

// --- the commands ----------------------------------------------------------------------------------------------------

function take(SQLite3 $store): string
{
    $raw = stream_get_contents(STDIN, MOST_BYTES + 1);
    if (trim($raw) === '') {
        fail(65, 'there is no mail on standard input; pipe one in');
    }
    try {
        $mail = read_mail($raw);
    } catch (Throwable $error) {
        $why = $error instanceof Refused ? $error->getMessage() : "the mail library can't read it";
        $insert = $store->prepare('INSERT INTO refused(at, why, raw) VALUES (?, ?, ?)');
        $insert->bindValue(1, now());
        $insert->bindValue(2, $why);
        $insert->bindValue(3, $raw, SQLITE3_BLOB);
        $insert->execute();
        return 'refused ' . $store->lastInsertRowID() . " $why";
    }
    $known = query($store, 'SELECT * FROM ticket WHERE id = ?', $mail['id'])[0] ?? null;
    $number = $known['local_id'] ?? '-';
    if (query($store, 'SELECT 1 FROM mail WHERE message_id = ?', $mail['message_id'])) {
        return "again $mail[id] $number";
    }
    if (!$known) {
        query($store, "INSERT INTO ticket VALUES (?, NULL, ?, ?, 'new', ?)", $mail['id'], $mail['subject'],
            $mail['reply_to'], now());
    }
    keep($store, $mail['id'], $mail['message_id'], 'desk', $mail['text'], $known ? 'mail' : 'new');
    $what = $known ? 'mail' : 'new';
    return "$what $mail[id] $number\n\n$mail[subject]\n\n$mail[text]";
}

// What the desk reads at the top of an answer.
const FIRST_LINE = ['accept' => "STATUS: in progress\n", 'comment' => '', 'ask' => "STATUS: waiting for reply\n",
    'refuse' => "REFUSE:\n", 'solve' => "STATUS: solved\n"];

function answer(SQLite3 $store, string $command, string $ticket, ?string $local_id = null): string
{
    $row = find($store, $ticket);
    if ($local_id !== null) {
        give_number($store, $row, $local_id);
    }
    $number = $local_id ?? $row['local_id'];
    $text = $command === 'accept' ? '' : text_from_stdin();
    $lines = FIRST_LINE[$command] . ($number !== null ? "LOCAL ID: $number\n" : '');
    $text = ($command === 'solve' ? 'SOLUTION: ' : '') . $text;
    $body = rtrim(implode("\n", array_filter([$lines, $text], 'strlen')), "\n") . "\n";
    $ids = array_column(query($store, "SELECT message_id FROM mail WHERE ticket = ? AND author = 'desk'
        ORDER BY number DESC LIMIT 10", $row['id']), 'message_id');
    $message_id = "<ggus-$row[id]." . bin2hex(random_bytes(12)) . '@' . substr(strrchr(FROM, '@'), 1) . '>';
    $headers = ['Date: ' . gmdate('D, d M Y H:i:s +0000'), 'From: ' . FROM, "To: $row[reply_to]",
        'Subject: ' . encoded($row['subject']), "Message-ID: $message_id", "In-Reply-To: $ids[0]",
        'References: ' . implode("\n ", array_reverse($ids)), 'MIME-Version: 1.0',
        'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: quoted-printable'];
    if ($command === 'accept') {
        $headers[] = 'Auto-Submitted: auto-replied';  // a script may have said it: no vacation program shall answer
    }
    keep($store, $row['id'], $message_id, 'us', $body, $command);
    $quoted = str_replace("\r\n", "\n", quoted_printable_encode(str_replace("\n", "\r\n", $body)));
    return implode("\n", $headers) . "\n\n" . rtrim($quoted, "\n");
}

/** The subject as a header: the tag stays readable, what is not ASCII becomes encoded words. */
function encoded(string $subject): string
{
    mb_internal_encoding('UTF-8');
    return mb_encode_mimeheader($subject, 'UTF-8', 'Q', "\n", strlen('Subject: '));
}

function give_number(SQLite3 $store, array $row, string $local_id): void
{
    if (!preg_match('/^[A-Za-z0-9][A-Za-z0-9._:\/-]{0,63}$/D', $local_id)) {
        fail(2, "LOCALID must be one word of letters, digits and . _ : / -, 64 at most; give your ticket's number");
    }
    $other = query($store, 'SELECT id FROM ticket WHERE local_id = ? AND id <> ?', $local_id, $row['id'])[0]['id'] ?? 0;
    if ($other) {
        fail(1, "$local_id is your number of $other already; give each ticket of the desk its own");
    }
    query($store, 'UPDATE ticket SET local_id = ? WHERE id = ?', $local_id, $row['id']);
}

function text_from_stdin(): string
{
    $text = trim(clean(stream_get_contents(STDIN, 1 << 20)));
    return $text !== '' ? $text : fail(65, 'there is no text on standard input; pipe in what the desk is to read');
}

function show_list(SQLite3 $store): string
{
    $rows = query($store, "SELECT id, coalesce(local_id, '-'), last, changed, subject FROM ticket ORDER BY id");
    $bad = query($store, "SELECT 'refused ' || number, why FROM refused ORDER BY number");
    return implode("\n", array_map(fn(array $row) => implode("\t", $row), [...$rows, ...$bad]));
}

function show(SQLite3 $store, string $ticket): string
{
    $row = find($store, $ticket);
    $parts = ["$row[subject]\nlocal id " . ($row['local_id'] ?? '-') . ", last: $row[last]"];
    foreach (query($store, 'SELECT * FROM mail WHERE ticket = ? ORDER BY number', $row['id']) as $mail) {
        $parts[] = "--- $mail[author], $mail[at]\n\n" . trim($mail['text']);
    }
    return implode("\n\n", $parts);
}

function refused(SQLite3 $store, string $number): string
{
    $row = query($store, 'SELECT raw FROM refused WHERE number = ?', $number)[0]
        ?? fail(1, 'no mail ' . line($number) . ' was refused; `ggus-client list` shows which were');
    fwrite(STDOUT, $row['raw']);
    return '';
}

set_error_handler(fn(int $kind, string $words) => throw new ErrorException($words));
$command = $argv[1] ?? '';
$arguments = array_slice($argv, 2);
[$action, $wanted] = ['take' => ['take', 0], 'list' => ['show_list', 0], 'show' => ['show', 1],
    'refused' => ['refused', 1]][$command] ?? [null, 0];
if (isset(FIRST_LINE[$command])) {
    [$action, $wanted] = [fn(SQLite3 $store, string ...$more) => answer($store, $command, ...$more),
        $command === 'accept' ? 2 : 1];
}
if ($action === null || count($arguments) !== $wanted) {
    fail(2, USAGE);
}
try {
    $store = open_store();
    $told = $action($store, ...$arguments);
    $store->exec('COMMIT');
} catch (Exception $error) {
    fail(75, STORE . ": {$error->getMessage()}; nothing is changed, try again when that is mended");
}
echo $told === '' ? '' : "$told\n";

#!/usr/bin/perl
# ggus-client: a helpdesk's side of the GGUS mail protocol, in one file. Debian packages: libemail-mime-perl,
# libxml-libxml-perl, libdbd-sqlite3-perl.
#
# It takes the desk's mails, keeps the desk's number beside your own, and writes the answers. It starts no program, opens
# no connection and sends nothing by itself: answers are printed, for `sendmail -t -i`. A mail that it can't take is kept
# and told, never lost and never answered. README.md beside this file says how to hook it in.
use strict;
use warnings;
use utf8;
use DBI;
use Email::Address::XS;
use Email::MIME;
use Encode qw(decode encode);
use POSIX qw(strftime);
use XML::LibXML;

# Write your own values here, or set these variables where the program is called.
my $DESK  = $ENV{GGUS_DESK}  // 'support@ggus.example';     # the desk's address
my $FROM  = $ENV{GGUS_FROM}  // 'helpdesk@roc.example';     # yours, as the desk knows it
my $STORE = $ENV{GGUS_STORE} // ($ENV{HOME} // '.') . '/ggus.sqlite';

my $USAGE = <<'END';
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
END

my $MOST_BYTES      = 25 << 20;     # of a mail
my $MOST_XML        = 1 << 20;
my $MOST_BOUNDARIES = 1000;         # lines that begin with two hyphens
my $MOST_HEADER     = 2000;         # characters of one header that is read
my $RULE            = '=' x 72;     # around the desk's help on how to answer

# Elements of the XML form, and the same fields in the form made of lines.
my @FIELDS = (
    'GHD_Request-ID'           => 'TICKET',               'GHD_Name'        => 'NAME',
    'GHD_E-Mail'               => 'SUBMITTER MAIL',       'GHD_Affected_VO' => 'CONCERNED VO',
    'GHD_Affected_Site'        => 'NOTIFIED SITE',        'GHD_Type_Of_Problem' => 'TYPE OF PROBLEM',
    'GHD_Priority'             => 'PRIORITY',             'GHD_Ticket_Type' => 'TICKET TYPE',
    'GHD_Date_Time_Of_Problem' => 'DATE TIME OF PROBLEM', 'GHD_Origin_SG'   => 'ORIGIN SG',
    'GHD_Responsible_Unit'     => 'RESPONSIBLE UNIT',
);
my %FIELDS = @FIELDS;

my @SCHEMA = (
    'CREATE TABLE IF NOT EXISTS ticket(id INTEGER PRIMARY KEY, local_id TEXT UNIQUE, subject TEXT NOT NULL,
     reply_to TEXT NOT NULL, last TEXT NOT NULL, changed TEXT NOT NULL)',
    'CREATE TABLE IF NOT EXISTS mail(number INTEGER PRIMARY KEY, ticket INTEGER NOT NULL REFERENCES ticket(id),
     message_id TEXT NOT NULL UNIQUE, author TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL)',
    'CREATE TABLE IF NOT EXISTS refused(number INTEGER PRIMARY KEY, at TEXT NOT NULL, why TEXT NOT NULL,
     raw BLOB NOT NULL)',
);

# What a person must mend, and the exit code that goes with it.
sub fail { die { code => $_[0], words => $_[1] } }

# A mail that must not be taken, and why.
sub refuse { die { why => $_[0] } }

sub now { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime) }

# Without control characters, which could steer a terminal, and with one kind of line end.
sub clean {
    my $text = shift;
    $text =~ s/\r\n?/\n/g;
    $text =~ s/[\x00-\x08\x0b-\x1f\x7f-\x9f\x{2028}\x{2029}]//g;
    return $text =~ s/\A\n+//r =~ s/\n+\z//r;
}

# On one line, where nothing can begin another header or field.
sub line {
    my $text = shift;
    $text =~ s/[\x00-\x20\x7f-\xa0\x{2028}\x{2029}]+/ /g;
    return substr($text =~ s/\A //r =~ s/ \z//r, 0, 1000);
}

# --- reading a mail --------------------------------------------------------------------------------------------------

# The header, decoded; empty where there is none. Two of one name are nobody's honest mail.
sub header {
    my ($mail, $name) = @_;
    my @values = $mail->header_raw($name);
    refuse("$name is there twice or too long") if @values > 1 || grep { length > $MOST_HEADER } @values;
    return @values ? line($mail->header_str($name)) : '';
}

sub address {
    my ($first) = Email::Address::XS->parse(shift);
    return lc($first && $first->address || '');
}

# The address to answer to. The desk's mails are a person's words and bear no mark of a machine (RFC 3834).
sub check_sender {
    my $mail = shift;
    address(header($mail, 'From')) eq lc $DESK
        or refuse("it is not from $DESK; if that is not the desk's address, set GGUS_DESK");
    my %machine = (
        'Auto-Submitted' => qr/^\s*(?!no\b)\S/i, 'Precedence' => qr/^\s*(bulk|junk|list|auto_reply)\b/i,
        'List-Id' => qr/\S/, 'Return-Path' => qr/^\s*<>/, 'Content-Type' => qr/^\s*multipart\/report\b/i,
    );
    for my $name (keys %machine) {
        refuse('it is automatic mail, which nobody is to answer') if grep { $_ =~ $machine{$name} } $mail->header_raw($name);
    }
    my $reply_to = address(header($mail, 'Reply-To')) || lc $DESK;
    my ($local, $domain) = map { quotemeta } lc($DESK) =~ /^(.*)@(.*)$/;
    $reply_to =~ /\A$local(\+[a-z0-9._-]{1,100})?\@$domain\z/ or refuse('its Reply-To leads away from the desk');
    return $reply_to;
}

# The first text, and the XML form in the attachment that the desk names after the ticket.
sub text_and_form {
    my ($mail, $ticket) = @_;
    my ($text, $xml);
    $mail->walk_parts(sub {
        my $part = shift;
        return if $part->subparts;
        my $name = $part->filename;
        if (!defined $name && !defined $text && ($part->content_type // 'text/plain') =~ m{^text/plain\b}i) {
            $text = clean(eval { $part->body_str } // decode('UTF-8', $part->body));
        }
        elsif (defined $name && $name eq "ticket-$ticket.xml") { $xml //= $part->body }
    });
    return ($text // '', $xml);
}

# The desk writes elements and text; what declares anything (a DTD, an entity, a charset) is refused unread.
sub xml_fields {
    my $xml = shift;
    refuse('its XML form is too large, or has a DTD, an entity or a declaration')
        if length $xml > $MOST_XML || $xml =~ /<[!?]/;
    my $parser = XML::LibXML->new(no_network => 1, load_ext_dtd => 0, expand_entities => 0);
    my $root = eval { $parser->load_xml(string => decode('UTF-8', $xml, Encode::FB_CROAK))->documentElement }
        or refuse('its XML form is not well-formed');
    $root->nodeName eq 'Ticket' or refuse('its XML form is no <Ticket>');
    return map { $FIELDS{ $_->nodeName } => line($_->textContent) } grep { $FIELDS{ $_->nodeName } } $root->childNodes;
}

# The fields of the lines at the end of the text, if the desk's block stands there, and the text before it.
sub take_block {
    my $text = shift;
    my $at   = rindex $text, "\n\n";
    my ($key, %fields);
    for my $each (split /\n/, substr($text, $at < 0 ? 0 : $at + 2)) {
        if ($each =~ /^([A-Z][A-Z ]{0,40}): (.*)$/) { $key = $1; $fields{$key} = line($2) }
        elsif (defined $key && $each =~ /^  /) { $fields{$key} = line("$fields{$key} $each") }
        else                                   { return ($text) }
    }
    return defined $fields{TICKET} ? (substr($text, 0, $at < 0 ? 0 : $at), %fields) : ($text);
}

# The user's words, without what the desk says below them about how to answer.
sub without_help {
    my $text = shift =~ s/\s+\z//r;
    if ($text =~ s/\n$RULE\z//) {
        my $at = rindex $text, "\n$RULE\n";
        $text = $at < 0 ? "$text\n$RULE" : substr $text, 0, $at;
    }
    return $text =~ s/\A\n+//r =~ s/\n+\z//r;
}

# A mail of the desk: its ticket, where to answer, and what it says.
sub read_mail {
    my $raw        = shift;
    my $boundaries = () = $raw =~ /^--/mg;
    refuse('it is too large, or has too many parts') if length $raw > $MOST_BYTES || $boundaries > $MOST_BOUNDARIES;
    my $mail     = Email::MIME->new($raw);
    my $reply_to = check_sender($mail);
    my $subject  = header($mail, 'Subject') =~ s/^re: *//ri;
    $subject =~ /^(?:\[GGUS:([1-9][0-9]{0,9})\]|GGUS-Ticket-ID: #([1-9][0-9]{0,9})(?![0-9]))/
        or refuse("its subject does not begin with the desk's tag");
    my $ticket     = $1 // $2;
    my $message_id = header($mail, 'Message-ID');
    $message_id =~ /\A<[!-;=?-~]{3,200}>\z/ or refuse('it has no Message-ID that can be answered to');
    my ($text, $xml) = text_and_form($mail, $ticket);
    ($text, my %fields) = take_block($text);
    %fields = xml_fields($xml) if defined $xml;
    ($fields{TICKET} // $ticket) eq $ticket or refuse('its subject and its form name two tickets');
    my @keys = grep { $_ ne 'TICKET' && ($fields{$_} // '') ne '' } @FIELDS[ grep { $_ % 2 } 0 .. $#FIELDS ];
    $text = join "\n", (map { "$_: $fields{$_}" } @keys), ('') x !!@keys, without_help($text);
    return { id => $ticket, reply_to => $reply_to, subject => substr($subject, 0, 300), message_id => $message_id,
        text => $text };
}

# --- the store -------------------------------------------------------------------------------------------------------

sub open_store {
    umask 077;
    my $store = DBI->connect("dbi:SQLite:dbname=$STORE", '', '',
        { RaiseError => 1, PrintError => 0, AutoCommit => 1, sqlite_string_mode => 6 });    # 6: Unicode, strict
    $store->sqlite_busy_timeout(20_000);
    $store->do('BEGIN IMMEDIATE');
    $store->do($_) for @SCHEMA;
    return $store;
}

sub find {
    my ($store, $ticket) = @_;
    return $store->selectrow_hashref('SELECT * FROM ticket WHERE id = ?', undef, $ticket =~ /^[0-9]{1,10}$/ ? $ticket : 0)
        || fail(1, line($ticket) . ' is not known here; `ggus-client list` shows the tickets that are');
}

sub keep {
    my ($store, $ticket, $message_id, $author, $text, $last) = @_;
    $store->do('INSERT INTO mail(ticket, message_id, author, at, text) VALUES (?, ?, ?, ?, ?)',
        undef, $ticket, $message_id, $author, now(), $text);
    $store->do('UPDATE ticket SET last = ?, changed = ? WHERE id = ?', undef, $last, now(), $ticket);
}

# --- the commands ----------------------------------------------------------------------------------------------------

sub take {
    my $store = shift;
    read STDIN, my $raw, $MOST_BYTES + 1;
    fail(65, 'there is no mail on standard input; pipe one in') if $raw !~ /\S/;
    my $mail = eval { local $SIG{__WARN__} = sub { }; read_mail($raw) };
    if (!$mail) {
        my $why    = ref $@ ? $@->{why} : "the mail library can't read it";
        my $insert = $store->prepare('INSERT INTO refused(at, why, raw) VALUES (?, ?, ?)');
        $insert->bind_param(1, now());
        $insert->bind_param(2, $why);
        $insert->bind_param(3, $raw, DBI::SQL_BLOB());
        $insert->execute;
        return 'refused ' . $store->last_insert_id . " $why";
    }
    my $known  = $store->selectrow_hashref('SELECT * FROM ticket WHERE id = ?', undef, $mail->{id});
    my $number = $known && $known->{local_id} // '-';
    my $seen   = $store->selectrow_array('SELECT 1 FROM mail WHERE message_id = ?', undef, $mail->{message_id});
    return "again $mail->{id} $number" if $seen;
    $store->do("INSERT INTO ticket VALUES (?, NULL, ?, ?, 'new', ?)", undef, @$mail{qw(id subject reply_to)}, now())
        if !$known;
    keep($store, @$mail{qw(id message_id)}, 'desk', $mail->{text}, $known ? 'mail' : 'new');
    my $what = $known ? 'mail' : 'new';
    return "$what $mail->{id} $number\n\n$mail->{subject}\n\n$mail->{text}";
}

# What the desk reads at the top of an answer.
my %FIRST_LINE = (
    accept => "STATUS: in progress\n", comment => '', ask => "STATUS: waiting for reply\n",
    refuse => "REFUSE:\n", solve => "STATUS: solved\n",
);

sub answer {
    my ($store, $command, $ticket, $local_id) = @_;
    my $row = find($store, $ticket);
    give_number($store, $row, $local_id) if defined $local_id;
    my $number = $local_id // $row->{local_id};
    my $text   = $command eq 'accept' ? '' : text_from_stdin();
    my $lines  = $FIRST_LINE{$command} . (defined $number ? "LOCAL ID: $number\n" : '');
    $text = "SOLUTION: $text" if $command eq 'solve';
    my $body = join("\n", grep { $_ ne '' } $lines, $text) =~ s/\n*\z/\n/r;
    my $ids  = $store->selectcol_arrayref("SELECT message_id FROM mail WHERE ticket = ? AND author = 'desk'
        ORDER BY number DESC LIMIT 10", undef, $row->{id});
    my $random     = join '', map { sprintf '%02x', ord } split //, random_bytes(12);
    my $message_id = "<ggus-$row->{id}.$random@" . ($FROM =~ s/.*@//r) . '>';
    my $mail       = Email::MIME->create(
        header     => [ Subject => encoded($row->{subject}) ],
        header_str => [
            Date => strftime('%a, %d %b %Y %H:%M:%S +0000', gmtime), From => $FROM, To => $row->{reply_to},
            'Message-ID' => $message_id, 'In-Reply-To' => $ids->[0], References => join(' ', reverse @$ids),
            # A script may have said it: no vacation program shall answer.
            $command eq 'accept' ? ('Auto-Submitted' => 'auto-replied') : (),
        ],
        attributes => { content_type => 'text/plain', charset => 'UTF-8', encoding => 'quoted-printable' },
        body_str   => $body,
    );
    keep($store, $row->{id}, $message_id, 'us', $body, $command);
    return $mail->as_string =~ s/\r\n/\n/gr =~ s/\n+\z//r;
}

# The subject as a header: the tag stays readable, what is not ASCII becomes encoded words.
sub encoded {
    my ($plain, $rest) = shift =~ /^([\x20-\x7e]* )?(.*)$/s;
    return ($plain // '') . ($rest =~ /[^\x20-\x7e]/ ? encode('MIME-Header', $rest) =~ s/\s+/ /gr : $rest);
}

sub random_bytes {
    open my $random, '<:raw', '/dev/urandom' or fail(75, "/dev/urandom: $!; try again when that is mended");
    read $random, my $bytes, shift;
    return $bytes;
}

sub give_number {
    my ($store, $row, $local_id) = @_;
    $local_id =~ /\A[A-Za-z0-9][A-Za-z0-9._:\/-]{0,63}\z/
        or fail(2, "LOCALID must be one word of letters, digits and . _ : / -, 64 at most; give your ticket's number");
    my $other = $store->selectrow_array('SELECT id FROM ticket WHERE local_id = ? AND id <> ?', undef, $local_id,
        $row->{id});
    fail(1, "$local_id is your number of $other already; give each ticket of the desk its own") if $other;
    $store->do('UPDATE ticket SET local_id = ? WHERE id = ?', undef, $local_id, $row->{id});
}

sub text_from_stdin {
    read STDIN, my $text, 1 << 20;
    $text = clean(decode('UTF-8', $text)) =~ s/\A\s+//r =~ s/\s+\z//r;
    return $text ne '' ? $text : fail(65, 'there is no text on standard input; pipe in what the desk is to read');
}

sub show_list {
    my $store = shift;
    my $rows  = $store->selectall_arrayref(
        "SELECT id, coalesce(local_id, '-'), last, changed, subject FROM ticket ORDER BY id");
    my $bad = $store->selectall_arrayref("SELECT 'refused ' || number, why FROM refused ORDER BY number");
    return join "\n", map { join "\t", @$_ } @$rows, @$bad;
}

sub show {
    my ($store, $ticket) = @_;
    my $row   = find($store, $ticket);
    my $mails = $store->selectall_arrayref('SELECT * FROM mail WHERE ticket = ? ORDER BY number', { Slice => {} },
        $row->{id});
    my $head = "$row->{subject}\nlocal id " . ($row->{local_id} // '-') . ", last: $row->{last}";
    return join "\n\n", $head, map { "--- $_->{author}, $_->{at}\n\n" . $_->{text} =~ s/\A\s+//r =~ s/\s+\z//r } @$mails;
}

sub refused {
    my ($store, $number) = @_;
    my ($raw) = $store->selectrow_array('SELECT raw FROM refused WHERE number = ?', undef, $number);
    fail(1, 'no mail ' . line($number) . ' was refused; `ggus-client list` shows which were') if !defined $raw;
    print $raw;
    return '';
}

sub main {
    my ($command, @arguments) = map { decode('UTF-8', $_) } @ARGV ? @ARGV : '';
    my %commands =
        (take => [ \&take, 0 ], list => [ \&show_list, 0 ], show => [ \&show, 1 ], refused => [ \&refused, 1 ]);
    $commands{$_} = [ \&answer, $_ eq 'accept' ? 2 : 1, $_ ] for keys %FIRST_LINE;
    my ($action, $wanted, @name) = @{ $commands{$command} // [] };
    fail(2, $USAGE) if !$action || @arguments != $wanted;
    my $store = open_store();
    my $told  = eval { $action->($store, @name, @arguments) };
    my $error = $@;
    $store->do(defined $told ? 'COMMIT' : 'ROLLBACK');
    die $error if !defined $told;
    print encode('UTF-8', "$told\n") if $told ne '';
}

binmode STDIN;
binmode STDOUT;
if (!eval { main(); 1 }) {
    my $error = ref $@ ? $@ : { code => 75, words => "$STORE: " . (DBI->errstr // $@)
            . '; nothing is changed, try again when that is mended' };
    print STDERR encode('UTF-8', "ggus-client: " . $error->{words} =~ s/\n*\z/\n/r);
    exit $error->{code};
}

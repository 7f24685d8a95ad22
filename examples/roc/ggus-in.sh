#!/bin/sh
# Takes a mail of the desk from standard input and hands it to your own system. Write your commands into the two functions:
# `open_ticket` gets the ticket's text and prints your new number, `add_to_ticket` gets your number and the new text.
#
# What the client has taken stays in its store whatever happens here. Where no ticket of yours could be opened, 75 tells
# the mail server to come again; where a text could not be added, the mail bounces, and the desk is told.
set -ef
client=${GGUS_CLIENT:-ggus-client}
mailer=${GGUS_MAILER:-/usr/sbin/sendmail -t -i}

open_ticket() { your-helpdesk create; }
add_to_ticket() { your-helpdesk append "$1"; }

told=$(mktemp)
trap 'rm -f "$told"' EXIT
"$client" take >"$told"
read -r what ggus_id number _ <"$told"

case "$what $number" in
refused*) cat "$told" >&2 ;;
*" -")
    number=$("$client" show "$ggus_id" | open_ticket) && [ -n "$number" ] || exit 75
    "$client" accept "$ggus_id" "$number" | $mailer
    ;;
mail*) tail -n +3 "$told" | add_to_ticket "$number" ;;
esac

//! Mails in files and on standard input: a single mail, an mbox (RFC 4155), a Maildir, a folder of mails.

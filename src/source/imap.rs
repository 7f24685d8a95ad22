//! The IMAP source (RFC 3501, RFC 2177 IDLE, RFC 6851 MOVE, RFC 4315 UIDPLUS). The only folder that names `async_imap`.

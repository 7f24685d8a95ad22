//! The SMTP relay (RFC 5321). The only file that names lettre's transport.

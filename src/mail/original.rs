//! The original of a signed mail, for whoever wants to check the signature: the signed bytes as they came, and of the
//! header what says by whom, when and about what. What its way has added stays behind, and so do addresses with tokens.

use super::message::Attachment;
use super::parse::{header_fields, verbatim};

/// Fields that go along, beside those that describe the content.
const KEPT: [&str; 5] = ["date", "from", "message-id", "mime-version", "subject"];
/// Begins a signed text that is no MIME (RFC 9580 section 7).
const INLINE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";

/// The original as an attached mail; `None` where the mail bears no signature of a person. `text` is what was read of it.
pub fn of(raw: &[u8], text: &str) -> Option<Attachment> {
    let (fields, body) = verbatim(raw);
    let content_type = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.and_then(|(_, field)| header_fields(&String::from_utf8_lossy(field)).pop());
    let content_type = content_type.map(|field| field.value.to_lowercase()).unwrap_or_default();
    let in_one_piece = content_type.contains("/pkcs7-mime") || content_type.contains("/x-pkcs7-mime");
    let is_signed = content_type.starts_with("multipart/signed")
        || in_one_piece && !content_type.contains("enveloped-data")
        || text.contains(INLINE);
    is_signed.then(|| {
        let kept = |name: &str| {
            let name = name.to_ascii_lowercase();
            KEPT.contains(&name.as_str()) || name.starts_with("content-")
        };
        let mut bytes = Vec::with_capacity(raw.len());
        for (_, field) in fields.into_iter().filter(|(name, _)| kept(name)) {
            bytes.extend_from_slice(field.trim_ascii_end());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        Attachment { name: "signed-original.eml".to_owned(), media_type: "message/rfc822".to_owned(), bytes }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original(raw: &str) -> Option<String> {
        of(raw.as_bytes(), raw).map(|mail| String::from_utf8(mail.bytes).unwrap())
    }

    #[test]
    fn the_signed_bytes_are_kept_and_the_way_is_not() {
        let body = "--b\r\n\r\nhello \r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n";
        let kept = "From: a@x.example\r\nSubject: s\r\n t\r\nContent-Type: Multipart/Signed;\r\n boundary=b\r\n";
        let raw = format!(
            "Received: by x\r\n\tfor <y>\r\nTo: support+1.token@ggus.example\r\nReferences: <1>\r\n{kept}\r\n{body}"
        );
        assert_eq!(original(&raw), Some(format!("{kept}\r\n{body}")));
    }

    #[test]
    fn only_signed_mail_has_an_original() {
        let with =
            |content_type: &str| original(&format!("From: a@x.example\r\nContent-Type: {content_type}\r\n\r\nx\r\n"));
        assert!(with("application/x-pkcs7-mime; smime-type=signed-data").is_some());
        for other in ["text/plain", "multipart/mixed; boundary=b", "application/pkcs7-mime; smime-type=enveloped-data"]
        {
            assert_eq!(with(other), None, "{other}");
        }
        assert!(original("From: a@x.example\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n").is_some());
    }
}

//! Content-Transfer-Encodings (RFC 2045 section 6), read forgivingly: what a program broke costs a few bytes, never the
//! part.

use std::borrow::Cow;

/// Undoes the encoding named by a `Content-Transfer-Encoding`; the bytes as they stand where it names none of the two.
pub fn decode<'a>(bytes: &'a [u8], encoding: &str) -> Cow<'a, [u8]> {
    // `base64; x=y` and `"base64"` occur.
    match encoding.split(';').next().unwrap_or_default().trim().trim_matches('"').to_ascii_lowercase().as_str() {
        "base64" => base64(bytes).into(),
        "quoted-printable" => quoted_printable(bytes).into(),
        _ => bytes.into(),
    }
}

/// Base 64: padding that is missing is no fault, what is not of the alphabet is passed over, and padding ends what its
/// line holds (runs put one behind the other occur, and remarks). A text that only claims to be base 64 stays as it is.
pub fn base64(bytes: &[u8]) -> Vec<u8> {
    if foreign(bytes) > bytes.len() / 10 {
        return bytes.to_vec();
    }
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    let (mut collected, mut bits, mut is_padded) = (0_u32, 0, false);
    for byte in bytes {
        match (byte, sextet(*byte)) {
            (b'=', _) => (collected, bits, is_padded) = (0, 0, true),
            (b'\n', _) => is_padded = false,
            (_, Some(value)) if !is_padded => {
                collected = collected << 6 | u32::from(value);
                bits += 6;
            }
            _ => {}
        }
        if bits >= 8 {
            bits -= 8;
            out.push((collected >> bits & 0xff) as u8);
        }
    }
    out
}

/// Bytes that base 64 would not hold before its padding.
fn foreign(bytes: &[u8]) -> usize {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let data = lines.filter_map(|line| line.split(|byte| *byte == b'=').next());
    data.flatten().filter(|byte| sextet(**byte).is_none()).count()
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Quoted-printable: an `=` that begins nothing is an `=`; blanks at a line's end are not part of the text.
pub fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        match text.strip_suffix(b"=") {
            Some(text) => unescape(text, false, &mut out),
            None => {
                unescape(text, false, &mut out);
                out.extend_from_slice(line_end(line));
            }
        }
    }
    out
}

fn line_end(line: &[u8]) -> &[u8] {
    match line {
        [.., b'\r', b'\n'] => b"\r\n",
        [.., b'\n'] => b"\n",
        _ => b"",
    }
}

/// `=XX` to bytes; in an encoded word `_` is a blank (RFC 2047 section 4.2).
pub fn unescape(text: &[u8], is_word: bool, out: &mut Vec<u8>) {
    let digit = |byte: &u8| (*byte as char).to_digit(16);
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'=', [high, low, ..]) => digit(high).zip(digit(low)),
            _ => None,
        };
        let plain = if is_word && *first == b'_' { b' ' } else { *first };
        out.push(escaped.map_or(plain, |(high, low)| (high << 4 | low) as u8));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_however_it_is_broken() {
        for text in ["aGVsbG8=", "aGVs\r\nbG8=\r\n", "aGVsbG8", "aGVsbG8== ignored", "aGU=\nbGxv", "aGVsbG8=!"] {
            assert_eq!(base64(text.as_bytes()), b"hello", "{text}");
        }
        for text in ["This is plain text.", "?garbage"] {
            assert_eq!(base64(text.as_bytes()), text.as_bytes());
        }
        assert_eq!(base64(b"-_8="), [0xfb, 0xff]);
        assert_eq!(base64(b"=="), b"");
    }

    #[test]
    fn quoted_printable_is_read_however_it_is_broken() {
        for (text, expected) in [
            ("Gr=C3=B6=C3=9Fe", "Größe"),
            ("a=\r\nb=  \nc\r\nd  \r\n", "abc\r\nd\r\n"),
            ("a == b =ZZ =4", "a == b =ZZ =4"),
            ("if x == 1=3D", "if x == 1="),
            ("=3d=", "="),
            ("a_b", "a_b"),
        ] {
            assert_eq!(String::from_utf8_lossy(&quoted_printable(text.as_bytes())), expected, "{text}");
        }
    }

    #[test]
    fn other_encodings_leave_the_bytes_alone() {
        assert_eq!(&*decode(b"a=3D", "8bit"), b"a=3D");
        assert_eq!(&*decode(b"a=3D", "Quoted-Printable ; x"), b"a=");
        assert_eq!(&*decode(b"YQ==", "\"BASE64\""), b"a");
    }
}

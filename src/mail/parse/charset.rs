//! Charsets as mails declare them, rightly or not (WHATWG labels, RFC 2152 for UTF-7).
//!
//! The declared one counts where the bytes decode without a fault; else UTF-8 where they are valid; else one is guessed.
//! Nothing is ever lost to a charset: what fits none becomes windows-1252, or U+FFFD where a declared one was nearly right.

use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::transfer;

/// Bytes that the detection looks at.
const LOOKED_AT: usize = 256 << 10;

/// A decoded text.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    pub text: String,
    /// The declared charset was wrong, unknown, or missing where one was needed.
    pub faulty: bool,
}

/// Decodes by the declared charset if it fits, else by what fits best.
pub fn decode(bytes: &[u8], declared: Option<&str>) -> Decoded {
    let right = |text: String| Decoded { text, faulty: false };
    let charset = declared.and_then(Charset::for_label);
    let nearly = match charset.map(|charset| charset.decode(bytes)) {
        Some((text, 0)) => return right(text),
        other => other,
    };
    if let Some(text) = iso_2022_jp(bytes).filter(|_| charset.is_none()) {
        return right(text);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let undeclared = declared.is_none_or(is_empty_word);
        return Decoded { text: text.to_owned(), faulty: !(undeclared || text.is_ascii()) };
    }
    let nearly = nearly.filter(|(text, faults)| text.chars().filter(|c| !c.is_ascii()).count() > faults * 10);
    Decoded { text: nearly.map_or_else(|| guess(bytes), |(text, _)| text), faulty: true }
}

/// Raw 8-bit header text: UTF-8, else the body's charset, else windows-1252.
pub fn decode_header(raw: &[u8], body_charset: Option<&str>) -> String {
    if let Ok(text) = std::str::from_utf8(raw) {
        return text.to_owned();
    }
    match body_charset.and_then(Charset::for_label).map(|charset| charset.decode(raw)) {
        Some((text, 0)) => text,
        _ => WINDOWS_1252.decode_without_bom_handling(raw).0.into_owned(),
    }
}

/// A charset that can be decoded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Known(&'static Encoding),
    Utf7,
}

impl Charset {
    /// Finds a label as mails spell it. US-ASCII is none: bytes below 128 need no charset, others contradict it.
    pub fn for_label(label: &str) -> Option<Self> {
        let label = label.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
        if label.contains("utf-7") || label == "utf7" {
            return Some(Self::Utf7);
        }
        if ["us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us"].contains(&label.as_str()) {
            return None;
        }
        let found = Encoding::for_label(label.as_bytes()).or_else(|| Encoding::for_label(usual(&label).as_bytes()))?;
        (found != REPLACEMENT).then_some(Self::Known(found))
    }

    /// The text, with the number of places that did not decode.
    pub fn decode(self, bytes: &[u8]) -> (String, usize) {
        let (text, broken) = match self {
            Self::Utf7 => return utf_7(bytes),
            Self::Known(charset) if charset == UTF_16LE || charset == UTF_16BE => {
                let (text, _, broken) = charset.decode(bytes);
                (text, broken)
            }
            Self::Known(charset) => charset.decode_with_bom_removal(bytes),
        };
        let faults = if broken { text.matches('\u{fffd}').count().max(1) } else { 0 };
        (text.into_owned(), faults)
    }

    /// Whether words in it may be run together before they are decoded: not where each begins in a state of its own.
    pub fn is_stateless(self) -> bool {
        self != Self::Utf7 && self != Self::Known(ISO_2022_JP)
    }
}

/// The standard's spelling of a label that is only known from real mails.
fn usual(label: &str) -> String {
    let known = match label {
        "utf8mb4" | "utf-8mb4" => "utf-8",
        "cp932" => "windows-31j",
        "cp936" | "ms936" => "gbk",
        "cp949" | "ms949" | "uhc" => "windows-949",
        "cp950" => "big5",
        "iso-2022-jp-1" | "iso-2022-jp-2" | "iso-2022-jp-3" | "iso-2022-jp-ms" | "cp50220" | "cp50221" => "iso-2022-jp",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let digits = label.trim_start_matches(|c: char| !c.is_ascii_digit());
    match label.strip_suffix(digits).unwrap_or_default().trim_end_matches(['-', '_', ' ']) {
        "cp" | "win" | "windows" | "cp-win" | "ms-ansi" => format!("windows-{digits}"),
        "latin" => format!("latin{digits}"),
        "iso" if digits.starts_with("8859") => format!("iso-{digits}").replace('_', "-"),
        _ => label.replace(['_', ' '], "-"),
    }
}

/// Words that stand where a charset should and say nothing.
fn is_empty_word(label: &str) -> bool {
    matches!(label.to_ascii_lowercase().as_str(), "" | "unknown" | "x-unknown" | "unknown-8bit" | "default" | "binary")
}

/// Japanese in seven bits tells itself by its escapes, also where nothing was declared.
fn iso_2022_jp(bytes: &[u8]) -> Option<String> {
    let escapes = [b"\x1b$B", b"\x1b$@", b"\x1b(J"];
    let escaped = bytes.is_ascii() && bytes.windows(3).any(|part| escapes.iter().any(|escape| part == *escape));
    let decoded = escaped.then(|| ISO_2022_JP.decode_without_bom_handling_and_without_replacement(bytes))?;
    decoded.map(|text| text.into_owned())
}

fn guess(bytes: &[u8]) -> String {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(LOOKED_AT)], true);
    let guessed = detector.guess(None, chardetng::Utf8Detection::Allow);
    let charset = if guessed == UTF_8 { WINDOWS_1252 } else { guessed };
    charset.decode_without_bom_handling(bytes).0.into_owned()
}

/// UTF-7: runs of base 64 over UTF-16 between `+` and `-`.
fn utf_7(bytes: &[u8]) -> (String, usize) {
    let (mut text, mut faults) = (String::new(), 0);
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'+' {
            text.push(if first.is_ascii() { *first as char } else { '\u{fffd}' });
            faults += usize::from(!first.is_ascii());
            continue;
        }
        let length = after.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"+/".contains(byte));
        let (run, behind) = after.split_at(length.unwrap_or(after.len()));
        rest = behind.strip_prefix(b"-").unwrap_or(behind);
        if run.is_empty() {
            text.push('+');
            continue;
        }
        let decoded = transfer::base64(run);
        let units = decoded.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        for c in char::decode_utf16(units) {
            faults += usize::from(c.is_err());
            text.push(c.unwrap_or('\u{fffd}'));
        }
    }
    (text, faults)
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1251;

    use super::*;

    const RUSSIAN: &str = "Здравствуйте, задания завершаются с ошибкой, что можно сделать?";

    fn read(bytes: &[u8], declared: &str) -> (String, bool) {
        let Decoded { text, faulty } = decode(bytes, Some(declared).filter(|label| !label.is_empty()));
        (text, faulty)
    }

    #[test]
    fn a_declared_charset_that_fits_counts() {
        assert_eq!(read(b"Gr\xf6\xdfe", "iso-8859-1"), ("Größe".into(), false));
        assert_eq!(read(b"Gr\xf6\xdfe", "ISO8859_1"), ("Größe".into(), false));
        assert_eq!(read(b"\x80", "cp1252"), ("€".into(), false));
        assert_eq!(read(&WINDOWS_1251.encode(RUSSIAN).0, "win-1251"), (RUSSIAN.into(), false));
        assert_eq!(read("\u{feff}ä".as_bytes(), "utf-8"), ("ä".into(), false));
        assert_eq!(read(b"\xff\xfea\0b\0", "utf-16"), ("ab".into(), false));
        assert_eq!(read(b"\xfe\xff\0a\0b", "utf-16"), ("ab".into(), false));
        assert_eq!(read(b"\x1b$BF|K\\\x1b(B", "iso-2022-jp"), ("日本".into(), false));
        assert_eq!(read(b"Fr+APY-sche + +- +2D3eAA-", "unicode-1-1-utf-7"), ("Frösche + + 😀".into(), false));
    }

    #[test]
    fn a_wrong_one_gives_way_to_utf_8_and_then_to_a_guess() {
        assert_eq!(read("Größe".as_bytes(), "us-ascii"), ("Größe".into(), true));
        assert_eq!(read("Größe".as_bytes(), "x-klingon"), ("Größe".into(), true));
        assert_eq!(read(&WINDOWS_1251.encode(RUSSIAN).0, "utf-8"), (RUSSIAN.into(), true));
        assert_eq!(read(&WINDOWS_1251.encode(RUSSIAN).0, ""), (RUSSIAN.into(), true));
        assert_eq!(read(b"Gr\xf6\xdfe", "utf-8"), ("Größe".into(), true));
        assert!(!read(b"\x81\x8d", "utf-8").0.is_empty());
    }

    #[test]
    fn what_needs_no_charset_is_no_fault() {
        for label in ["", "us-ascii", "x-unknown", "x-klingon", "iso-2022-kr"] {
            assert_eq!(read(b"plain", label), ("plain".into(), false), "{label}");
        }
        assert_eq!(read("Größe".as_bytes(), ""), ("Größe".into(), false));
        assert_eq!(read(b"\x1b$BF|K\\\x1b(B", ""), ("日本".into(), false));
    }

    #[test]
    fn one_broken_letter_does_not_spoil_a_text() {
        let mut bytes = RUSSIAN.as_bytes().to_vec();
        bytes.truncate(bytes.len() - 2);
        assert_eq!(read(&bytes, "utf-8"), (RUSSIAN.replace("ь?", "\u{fffd}"), true));
    }

    #[test]
    fn raw_header_text_is_utf_8_or_the_bodys_or_windows_1252() {
        assert_eq!(decode_header("ä".as_bytes(), Some("koi8-r")), "ä");
        assert_eq!(decode_header(b"\xc1", Some("koi8-r")), "а");
        assert_eq!(decode_header(b"\xe4", Some("utf-8")), "ä");
        assert_eq!(decode_header(b"\xe4", None), "ä");
    }
}

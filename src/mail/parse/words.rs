//! Encoded words (RFC 2047). They are decoded wherever they stand, since programs write them where they must not.

use super::charset::{self, Charset};
use super::transfer;
use crate::mail::pattern::Pattern;

/// `=?charset*language?encoding?text?=`
static WORD: Pattern = Pattern::new(r"(?i)=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bq])\?([^?\r\n]{0,4096})\?=");

/// Bytes of one word in an address list; RFC 2047 allows 75.
const LONGEST: usize = 1_000;

/// Words side by side whose bytes belong together.
struct Run<'a> {
    label: &'a str,
    bytes: Vec<u8>,
}

/// Decodes every encoded word. White space between two words goes; neighbours in one charset are decoded as one run of
/// bytes, since some programs split a character over two words.
pub fn decode(text: &str) -> String {
    let Some(pattern) = WORD.regex().filter(|_| text.contains("=?")) else { return text.to_owned() };
    let mut out = String::with_capacity(text.len());
    let mut run: Option<Run> = None;
    let mut at = 0;
    for found in pattern.captures_iter(text) {
        let (Some(whole), Some(label), Some(kind), Some(data)) =
            (found.get(0), found.get(1), found.get(2), found.get(3))
        else {
            continue;
        };
        let gap = &text[at..whole.start()];
        if run.is_none() || !gap.chars().all(char::is_whitespace) {
            flush(&mut out, run.take());
            out.push_str(gap);
        }
        let bytes = word_bytes(kind.as_str(), data.as_str(), label.as_str());
        match &mut run {
            Some(open) if continues(open.label, label.as_str()) => open.bytes.extend(bytes),
            _ => {
                flush(&mut out, run.take());
                run = Some(Run { label: label.as_str(), bytes });
            }
        }
        at = whole.end();
    }
    flush(&mut out, run);
    out.push_str(&text[at..]);
    out
}

/// Bytes of the encoded word that begins `text`.
pub fn length(text: &str) -> Option<usize> {
    text.strip_prefix("=?")?;
    let near = &text[..text.floor_char_boundary(LONGEST)];
    let mut ends = near.match_indices("?=").map(|(at, mark)| at + mark.len()).take(3);
    ends.find(|end| WORD.regex().and_then(|word| word.find(&near[..*end])).is_some_and(|found| found.start() == 0))
}

fn continues(open: &str, label: &str) -> bool {
    open.eq_ignore_ascii_case(label) && Charset::for_label(label).is_none_or(Charset::is_stateless)
}

fn flush(out: &mut String, run: Option<Run>) {
    let Some(run) = run else { return };
    match (Charset::for_label(run.label).map(|known| known.decode(&run.bytes)), std::str::from_utf8(&run.bytes)) {
        (Some((text, 0)), _) => out.push_str(&text),
        (_, Ok(utf8)) => out.push_str(utf8),
        (Some((text, _)), _) => out.push_str(&text),
        (None, _) => out.push_str(&charset::decode(&run.bytes, None).text),
    }
}

fn word_bytes(kind: &str, data: &str, label: &str) -> Vec<u8> {
    // Raw 8-bit characters inside a word have been decoded already; they go back into the word's charset with the rest.
    let raw = match Charset::for_label(label) {
        Some(Charset::Known(charset)) if !data.is_ascii() => charset.encode(data).0,
        _ => data.as_bytes().into(),
    };
    if kind.eq_ignore_ascii_case("b") {
        return transfer::base64(&raw);
    }
    let mut bytes = Vec::with_capacity(raw.len());
    transfer::unescape(&raw, true, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_compiles() {
        assert!(WORD.regex().is_some());
    }

    #[test]
    fn words_are_decoded_and_joined() {
        for (text, expected) in [
            ("=?utf-8?Q?Gr=C3=BC=C3?= =?utf-8?Q?=9Fe?= x", "Grüße x"),
            ("=?utf-8?B?R3LDvMM=?=\t=?UTF-8?B?n2U=?=", "Grüße"),
            ("a =?iso-8859-1?q?b=FC_c?= d", "a bü c d"),
            ("=?iso-8859-1*de?q?=FC?=x=?koi8-r?q?=C1?=", "üxа"),
            ("=?iso-8859-1?q?Fr\u{f6}sche=FC?=", "Fröscheü"),
            ("=?utf-8?B?W0dHVVM6NTc4?= =?utf-8?B?OTBdIGJyb2tlbg?=", "[GGUS:57890] broken"),
            ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=", "日本語"),
            ("=?utf-7?Q?Fr+APY-sche?=", "Frösche"),
            ("=?us-ascii?Q?Gr=C3=BC=C3=9Fe?= =?x-none?Q?=FC?=", "Grüßeü"),
            ("no =?word here?= =?utf-8?x?y?=", "no =?word here?= =?utf-8?x?y?="),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
    }

    #[test]
    fn a_word_has_a_length() {
        assert_eq!(length("=?utf-8?Q?a,b?= c"), Some(15));
        assert_eq!(length("=?utf-8?Q?=41?= c"), Some(15));
        assert_eq!(length("=?utf-8?Q??= c"), Some(12));
        assert_eq!(length("x =?utf-8?Q?a?="), None);
        assert_eq!(length("=?utf-8 ?="), None);
    }
}

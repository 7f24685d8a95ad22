//! How sets of numbers and names of folders are written in a command (RFC 3501 sections 9 and 5.1.3).

/// `1:3,7`: runs are written short, so that a command stays short.
pub fn set(uids: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match parts.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*uid) => *last = *uid,
            _ => parts.push((*uid, *uid)),
        }
    }
    let word = |(first, last): (u32, u32)| if first == last { first.to_string() } else { format!("{first}:{last}") };
    parts.into_iter().map(word).collect::<Vec<_>>().join(",")
}

/// A folder name as a quoted string in modified UTF-7 (RFC 3501 section 5.1.3).
pub fn quoted(folder: &str) -> String {
    let mut out = String::from("\"");
    let mut run: Vec<u16> = Vec::new();
    for c in folder.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut out, &mut run);
            match c {
                '&' => out.push_str("&-"),
                '"' | '\\' => out.extend(['\\', c]),
                _ => out.push(c),
            }
        } else if !c.is_control() {
            run.extend(c.encode_utf16(&mut [0; 2]).iter());
        }
    }
    flush(&mut out, &mut run);
    out.push('"');
    out
}

fn flush(out: &mut String, run: &mut Vec<u16>) {
    use base64::Engine as _;
    if run.is_empty() {
        return;
    }
    let bytes: Vec<u8> = run.drain(..).flat_map(u16::to_be_bytes).collect();
    let coded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes).replace('/', ",");
    out.push_str(&format!("&{coded}-"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_short_and_names_are_coded() {
        assert_eq!(set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(quoted("Größe"), "\"Gr&APYA3w-e\"");
        assert_eq!(quoted("a & \"b\""), "\"a &- \\\"b\\\"\"");
        assert_eq!(quoted("台北"), "\"&U,BTFw-\"");
    }
}

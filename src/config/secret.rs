//! The secret behind reply tokens and Message-IDs: a file of hexadecimal lines, the current key first.
//!
//! To roll a key over, put a new line on top; delete the old one when no open ticket is older than it.

use std::io::{self, Write};
use std::path::Path;

/// Bytes of a new key.
const KEY_BYTES: usize = 32;
/// Fewest bytes of a key that is accepted.
const FEWEST_BYTES: usize = 16;

/// Makes a new secret with mode 0600; a file that is there stays as it is. Whether one was made.
pub fn create(path: &Path) -> io::Result<bool> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            let line: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(file, "{line}")?;
            file.sync_all()?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The keys of a secret file, and a warning about its rights. The error says what to do.
pub fn read(path: &Path) -> Result<(Vec<Vec<u8>>, Option<String>), String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{shown} does not exist; `ggus-gateway init` makes it"),
        _ => format!("{shown} can't be read ({error}); let the gateway's user read it"),
    })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(key).collect::<Option<Vec<_>>>();
    match keys {
        Some(keys) if !keys.is_empty() => Ok((keys, rights(path))),
        _ => Err(format!(
            "{shown} holds no key: one line of at least {} hexadecimal digits; `ggus-gateway init` makes one where there is no file",
            2 * FEWEST_BYTES
        )),
    }
}

fn key(line: &str) -> Option<Vec<u8>> {
    let even = line.len().is_multiple_of(2) && line.is_ascii();
    let pairs = (0..line.len() / 2).map(|at| u8::from_str_radix(line.get(2 * at..2 * at + 2)?, 16).ok());
    let bytes = pairs.collect::<Option<Vec<u8>>>()?;
    (even && bytes.len() >= FEWEST_BYTES).then_some(bytes)
}

#[cfg(unix)]
fn rights(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| format!("{} can be read by others (mode {mode:o}); run chmod 600", path.display()))
}

#[cfg(not(unix))]
fn rights(_: &Path) -> Option<String> {
    None
}

//! The sample configuration, as `init` writes it: it runs as it is, and names every setting.

use std::io;
use std::path::{Path, PathBuf};

use super::{Loaded, Problems, secret};

/// The sample files by name.
pub const FILES: [(&str, &str); 2] = [
    ("gateway.toml", include_str!("../../config/gateway.toml")),
    ("routing.toml", include_str!("../../config/routing.toml")),
];

/// Where the samples have the store, seen from them.
const VAR: &str = "../var";

/// What the samples say, for tests and fuzzers that need a desk: no file is read, and the secret is none.
pub fn loaded() -> Result<Loaded, Problems> {
    let [(_, gateway), (_, routing)] = FILES;
    super::from_texts(gateway, routing, &[7; 32])
}

/// What `init` did with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Kept(PathBuf),
    New(PathBuf),
}

/// Writes the samples and a new secret into a directory, which is made, like that of the store; what is there stays as
/// it is.
pub fn init(directory: &Path) -> io::Result<Vec<Written>> {
    std::fs::create_dir_all(directory)?;
    let mut written = Vec::new();
    for (name, text) in FILES {
        let path = directory.join(name);
        if path.exists() {
            written.push(Written::Kept(path));
        } else {
            std::fs::write(&path, text)?;
            std::fs::create_dir_all(directory.join(VAR))?;
            written.push(Written::New(path));
        }
    }
    let path = directory.join("secret");
    let fresh = secret::create(&path)?;
    written.push(if fresh { Written::New(path) } else { Written::Kept(path) });
    Ok(written)
}

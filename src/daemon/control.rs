//! How a command reaches the daemon that runs: a socket beside the store, for its own user and root. It knows one word,
//! `reload`, and answers `done` or `refused` and what there is to say. Whatever else comes is not answered.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::reload::Request;

/// How long a command may take to say its word, and to hear the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a command waits for the daemon's answer: a configuration may name large files.
const LONGEST_RELOAD: Duration = Duration::from_secs(120);

const RELOAD: &str = "reload";
const DONE: &str = "done";
const REFUSED: &str = "refused";

/// Where the socket of the daemon with this store is.
fn path(store: &Path) -> PathBuf {
    store.with_extension("socket")
}

/// Listens from now on, for as long as the runtime lives. The caller holds the store's lock, so a socket that is there is
/// nobody's.
///
/// # Errors
/// The socket can't be made; commands can't reach this daemon then, signals can.
pub fn listen(store: &Path, requests: mpsc::Sender<Request>) -> io::Result<()> {
    let path = path(store);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, requests.clone()));
        }
    });
    Ok(())
}

async fn answer(mut stream: UnixStream, requests: mpsc::Sender<Request>) {
    let own = std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).ok();
    let may = stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || Some(peer.uid()) == own);
    let mut word = [0; RELOAD.len()];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut word)).await;
    if !may || !matches!(read, Ok(Ok(_))) || word != RELOAD.as_bytes() {
        return;
    }
    let (asked, answer) = oneshot::channel();
    if requests.send(Some(asked)).await.is_err() {
        return;
    }
    let told = match answer.await {
        Ok(Ok(adopted)) => format!("{DONE}\n{adopted}\n"),
        Ok(Err(refused)) => format!("{REFUSED}\n{refused}\n"),
        Err(_) => return,
    };
    // Whoever asked may have given up.
    let _ = tokio::time::timeout(PATIENCE, stream.write_all(told.as_bytes())).await;
}

/// Has the daemon with this store read its configuration again: what it changed, or why it changed nothing.
///
/// # Errors
/// No daemon can be reached; the text says what to do.
pub async fn reload(store: &Path) -> Result<Result<String, String>, String> {
    let unreachable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            format!(
                "no gateway runs with the store {}; start it, or name its configuration by --config",
                store.display()
            )
        }
        io::ErrorKind::PermissionDenied => "the gateway belongs to another user; be that user, or root".to_owned(),
        _ => format!("the gateway can't be reached ({error}); send it SIGHUP instead"),
    };
    let mut stream = UnixStream::connect(path(store)).await.map_err(unreachable)?;
    stream.write_all(RELOAD.as_bytes()).await.map_err(unreachable)?;
    let mut text = String::new();
    let read = tokio::time::timeout(LONGEST_RELOAD, stream.read_to_string(&mut text)).await;
    match (read, text.split_once('\n')) {
        (Ok(Ok(_)), Some((DONE, told))) => Ok(Ok(told.trim_end().to_owned())),
        (Ok(Ok(_)), Some((REFUSED, told))) => Ok(Err(told.trim_end().to_owned())),
        _ => {
            Err("the gateway did not answer; its log tells what it does, and whether it belongs to another user"
                .to_owned())
        }
    }
}

//! The LMTP door (RFC 2033): an MTA on this host hands mail over, and hears "kept" only when it is durable.
//!
//! It polls nothing and keeps nothing: what can't be kept now, the MTA brings again. It listens on this host only, since
//! whoever reaches it is believed about envelopes and `Authentication-Results`.

mod connection;
mod dialogue;
mod settings;

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::{Health, Mailroom, Receipt, Stay};
pub use settings::{Listen, Settings};

/// How long until a door that can't be opened is tried again, and how often an open one says so.
const AGAIN: Duration = Duration::from_secs(10);

/// Opens the door and takes mail until told to stop. `Once` opens none: nothing waits in front of it that the MTA has not.
pub async fn run(name: &str, settings: &Settings, mailroom: &Mailroom, stay: Stay) {
    let part = format!("source {name}");
    if stay == Stay::Once {
        return mailroom
            .report(&part, Health::Well("closed, the MTA keeps mail until the gateway runs".to_owned()))
            .await;
    }
    let door = loop {
        match Door::open(settings).await {
            Ok(door) => break door,
            Err(why) => mailroom.report(&part, Health::Trouble(why)).await,
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = mailroom.stopped() => return,
        }
    };
    let visit = Arc::new(Visit {
        name: name.to_owned(),
        settings: settings.clone(),
        mailroom: mailroom.clone(),
        trouble: AtomicBool::new(false),
        changed: Notify::new(),
    });
    visit.take_all(&door, &part).await;
}

/// Whether the door can be opened, or is open.
pub async fn probe(settings: &Settings) -> Result<String, String> {
    match answers(&settings.listen).await {
        true => Ok(format!("{} is open", settings.listen)),
        false => Door::open(settings).await.map(|_| format!("{} can be opened", settings.listen)),
    }
}

/// Whether somebody takes connections there.
async fn answers(listen: &Listen) -> bool {
    match listen {
        Listen::Tcp(address) => TcpStream::connect(address).await.is_ok(),
        Listen::Socket(path) => UnixStream::connect(path).await.is_ok(),
    }
}

/// What all connections share.
struct Visit {
    name: String,
    settings: Settings,
    mailroom: Mailroom,
    /// The last mail could not be kept.
    trouble: AtomicBool,
    changed: Notify,
}

impl Visit {
    /// Takes connections until told to stop; those that are open end by themselves then.
    async fn take_all(self: Arc<Self>, door: &Door, part: &str) {
        let places = Arc::new(Semaphore::new(self.settings.connections));
        let mut connections = JoinSet::new();
        let mut often = tokio::time::interval(AGAIN);
        loop {
            tokio::select! {
                accepted = door.accept() => match accepted {
                    Ok(stream) => {
                        let place = Arc::clone(&places).try_acquire_owned().ok();
                        let visit = Arc::clone(&self);
                        connections.spawn(async move {
                            match place {
                                Some(_place) => visit.serve(stream).await,
                                None => visit.turn_away(stream).await,
                            }
                        });
                    }
                    Err(error) => {
                        let why = format!("{} takes no connection ({error}); mail waits at the MTA", self.settings.listen);
                        self.mailroom.report(part, Health::Trouble(why)).await;
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                _ = often.tick() => self.report(part).await,
                () = self.changed.notified() => self.report(part).await,
                () = self.mailroom.stopped() => break,
            }
        }
        while connections.join_next().await.is_some() {}
    }

    async fn serve(&self, stream: Stream) {
        let told = |receipt: &Receipt| {
            let trouble = *receipt != Receipt::Kept;
            if self.trouble.swap(trouble, Ordering::Relaxed) != trouble {
                self.changed.notify_one();
            }
        };
        connection::serve(stream, &self.name, &self.settings, &self.mailroom, told).await;
    }

    async fn turn_away(&self, mut stream: Stream) {
        // Whoever does not wait for the answer comes again all the same.
        let _ = tokio::time::timeout(self.settings.limit, stream.write_all(dialogue::BUSY.as_bytes())).await;
    }

    async fn report(&self, part: &str) {
        let health = match self.trouble.load(Ordering::Relaxed) {
            false => Health::Well(format!("open at {}", self.settings.listen)),
            true => Health::Trouble("the last mail could not be kept; the MTA brings it again".to_owned()),
        };
        self.mailroom.report(part, health).await;
    }
}

trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}
type Stream = Box<dyn Bytes>;

enum Door {
    Tcp(TcpListener),
    Socket(UnixListener),
}

impl Door {
    async fn open(settings: &Settings) -> Result<Self, String> {
        let listen = &settings.listen;
        let cannot = |error: std::io::Error| {
            let todo = match error.kind() {
                ErrorKind::AddrInUse => "another program has it; stop that, or name another",
                ErrorKind::PermissionDenied => "let the gateway's user write there, or take a port above 1023",
                _ => "make its folder, or name another",
            };
            format!("{listen} can't be opened ({error}); {todo}")
        };
        match listen {
            Listen::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp).map_err(cannot),
            Listen::Socket(path) => {
                leave_no_dead_socket(path).await;
                let listener = UnixListener::bind(path).map_err(cannot)?;
                let mode = std::fs::Permissions::from_mode(settings.mode.0);
                std::fs::set_permissions(path, mode).map_err(cannot)?;
                Ok(Self::Socket(listener))
            }
        }
    }

    async fn accept(&self) -> std::io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Socket(listener) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

/// Takes away a socket that a gateway left behind when it was killed: nobody answers there any more.
async fn leave_no_dead_socket(path: &Path) {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let refused =
        |result: std::io::Result<UnixStream>| result.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    if is_socket && refused(UnixStream::connect(path).await) {
        // Where it can't be removed, opening tells why.
        let _ = std::fs::remove_file(path);
    }
}

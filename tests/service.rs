//! What a service manager hears of the program (sd_notify(3)): ready, how it fares, that it works, that it ends.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Manager {
    folder: tempfile::TempDir,
    socket: UnixDatagram,
    gateway: Option<Child>,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new(PROGRAM).arg("init").arg(folder.path().join("config")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { folder, socket, gateway: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&mut self, arguments: &[&str]) {
        let mut program = Command::new(PROGRAM);
        program.arg("--config").arg(self.path("config/gateway.toml")).arg("run").args(arguments);
        program.env("NOTIFY_SOCKET", self.path("notify")).env("WATCHDOG_USEC", "300000").env_remove("WATCHDOG_PID");
        self.gateway = Some(program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    /// Everything that is told until a line like this, that line included.
    fn until(&self, begins: &str) -> Vec<String> {
        let mut told = Vec::new();
        let mut buffer = [0; 4_096];
        while !told.last().is_some_and(|line: &String| line.starts_with(begins)) {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{begins}: {error}: {told:?}"));
            told.extend(String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned));
        }
        told
    }

    fn signal(&self, signal: &str) {
        let id = self.gateway.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn rewrite(&self, from: &str, to: &str) {
        let path = self.path("config/gateway.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if let Some(mut gateway) = self.gateway.take() {
            let _ = gateway.kill();
            let _ = gateway.wait();
        }
    }
}

#[test]
fn a_service_manager_hears_that_it_is_ready_works_and_ends() {
    let mut manager = Manager::new();
    manager.start(&[]);
    let told = manager.until("READY=1");
    assert!(!told.iter().any(|line| line == "WATCHDOG=1"), "{told:?}");
    manager.until("WATCHDOG=1");
    manager.until("WATCHDOG=1");
    manager.signal("-TERM");
    manager.until("STOPPING=1");
    assert!(manager.gateway.as_mut().unwrap().wait().unwrap().success());
}

#[test]
fn what_is_in_trouble_is_told_in_one_line() {
    let mut manager = Manager::new();
    let incoming = manager.path("var/incoming");
    std::fs::write(&incoming, "no folder").unwrap();
    manager.rewrite("path = \"../var/incoming\"", "path = \"../var/incoming\"\npoll_ms = 20");
    manager.start(&[]);
    // A gateway is open whose source is in trouble: nobody would be helped if it did not start.
    let told = manager.until("READY=1");
    let told = [told, manager.until("WATCHDOG=1")].concat();
    let status: Vec<&String> = told.iter().filter(|line| line.starts_with("STATUS=source support: ")).collect();
    assert!(status.len() == 1 && status[0].contains("incoming"), "{told:?}");
    std::fs::remove_file(&incoming).unwrap();
    manager.until("STATUS=All is well.");
}

#[test]
fn a_run_that_ends_by_itself_tells_nobody() {
    let mut manager = Manager::new();
    manager.start(&["--once"]);
    assert!(manager.gateway.as_mut().unwrap().wait().unwrap().success());
    manager.socket.set_nonblocking(true).unwrap();
    assert!(manager.socket.recv(&mut [0; 64]).is_err());
}

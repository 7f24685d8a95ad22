//! Who watches the gateway, and whom it calls: `/metrics`, `/healthz`, `/readyz` of the real program, a real Prometheus
//! that scrapes it and checks the alert rules, and alerts by a command and by a second relay.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ggus-gateway");
const PATIENCE: Duration = Duration::from_secs(30);

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Status and body.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Desk {
    folder: tempfile::TempDir,
    port: u16,
    daemon: Option<Running>,
}

impl Desk {
    /// With these settings at the end of the sample.
    fn start(more: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let config = folder.path().join("config/gateway.toml");
        let done = Command::new(PROGRAM).arg("init").arg(folder.path().join("config")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let text = fs::read_to_string(&config).unwrap().replace("# poll_ms = 5000", "poll_ms = 20");
        fs::write(&config, format!("{text}\n[metrics]\nlisten = \"127.0.0.1:{port}\"\n{more}")).unwrap();
        let mut desk = Self { folder, port, daemon: None };
        desk.run();
        desk
    }

    fn run(&mut self) {
        self.daemon = None;
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut program = Command::new(PROGRAM);
        program.arg("--config").arg(self.path("config/gateway.toml")).arg("run");
        let child = program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.daemon = Some(Running(child));
        until("it answers", || get(self.port, "/healthz").is_some_and(|(code, _)| code == 200));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn post(&self, name: &str, mail: &str) {
        until("the source has made its folders", || self.path("var/incoming/tmp").is_dir());
        fs::write(self.path("var/incoming/tmp").join(name), mail).unwrap();
        fs::rename(self.path("var/incoming/tmp").join(name), self.path("var/incoming/new").join(name)).unwrap();
    }

    fn metrics(&self) -> String {
        get(self.port, "/metrics").unwrap().1
    }

    /// Waits for a line of the metrics.
    fn until_line(&self, line: &str) {
        let start = Instant::now();
        while !self.metrics().lines().any(|one| one == line) {
            assert!(start.elapsed() < PATIENCE, "{line}: not within {PATIENCE:?}: {}", self.metrics());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

const MAIL: &str = "From: Anna <anna@uni.example>\nTo: support@ggus.example\nSubject: CE down\nMessage-ID: <1@uni.example>\n\n\
    SITE: INFN-T1\n\nHelp.\n";

#[test]
fn what_happens_is_counted_and_what_there_is_is_told() {
    let desk = Desk::start("");
    desk.post("1", MAIL);
    desk.post("2", &format!("X-Other: 1\n{MAIL}"));
    desk.post(
        "3",
        "From: MAILER-DAEMON@uni.example\nTo: support@ggus.example\nSubject: vacation\nAuto-Submitted: auto-replied\n\
        Message-ID: <3@uni.example>\n\nI am away.\n",
    );
    for line in [
        "ggus_mails_in_total{source=\"support\",verdict=\"open\"} 2",
        "ggus_mails_in_total{source=\"support\",verdict=\"duplicate\"} 1",
        "ggus_answers_suppressed_total{why=\"automatic\"} 1",
        "ggus_mails_out_total{outcome=\"sent\"} 3",
        "ggus_tickets{unit=\"ROC_Italy\",status=\"assigned\"} 1",
        "ggus_outbox_mails{state=\"ready\"} 0",
        "ggus_outbox_oldest_seconds 0",
        "ggus_quarantine_mails 0",
        "ggus_store_readable 1",
        "ggus_part_well{part=\"source support\"} 1",
    ] {
        desk.until_line(line);
    }
    let metrics = desk.metrics();
    assert!(
        metrics.contains("ggus_decide_seconds_count 3") && metrics.contains("ggus_commit_seconds_bucket"),
        "{metrics}"
    );
    assert!(metrics.contains("ggus_source_last_success_timestamp_seconds{source=\"support\"} "), "{metrics}");
    assert!(!metrics.contains("anna"), "{metrics}");
    let solved = Command::new(PROGRAM)
        .arg("--config")
        .arg(desk.path("config/gateway.toml"))
        .args(["ticket", "solve", "1", "--text", "Restarted."])
        .output()
        .unwrap();
    assert!(solved.status.success(), "{solved:?}");
    // Another process wrote that.
    desk.until_line("ggus_tickets{unit=\"ROC_Italy\",status=\"solved\"} 1");
    desk.until_line("ggus_tickets{unit=\"ROC_Italy\",status=\"assigned\"} 0");
    assert_eq!(get(desk.port, "/readyz").unwrap().0, 200);
    assert_eq!(get(desk.port, "/etc/passwd").unwrap().0, 404);
}

#[test]
fn it_is_not_ready_while_a_part_is_in_trouble_and_works_all_the_same() {
    let desk = Desk::start("");
    desk.until_line("ggus_part_well{part=\"source support\"} 1");
    fs::remove_dir_all(desk.path("var/incoming")).unwrap();
    fs::write(desk.path("var/incoming"), "no folder").unwrap();
    desk.until_line("ggus_part_well{part=\"source support\"} 0");
    let (code, text) = get(desk.port, "/readyz").unwrap();
    assert!(code == 503 && text.starts_with("source support: "), "{code} {text}");
    assert_eq!(get(desk.port, "/healthz").unwrap().0, 200);
}

#[test]
fn strangers_hosts_are_not_let_in_by_mistake() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new(PROGRAM).arg("init").arg(folder.path()).output().unwrap().status.success());
    let config = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n[metrics]\nlisten = \"0.0.0.0:9464\"\n")).unwrap();
    let done = Command::new(PROGRAM).arg("--config").arg(&config).arg("check").output().unwrap();
    let told = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
    assert!(told.contains("metrics.listen: 0.0.0.0:9464 can be reached from other hosts"), "{told}");
}

#[test]
fn a_real_prometheus_scrapes_it_and_takes_the_rules() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus");
    let check = |arguments: &[&str]| {
        let done = Command::new("promtool").args(arguments).current_dir(&examples).output();
        let done = done.expect("promtool is missing; tests/run installs it");
        assert!(done.status.success(), "{done:?}");
    };
    check(&["check", "rules", "ggus.rules.yml"]);
    check(&["test", "rules", "ggus.rules.test.yml"]);
    let desk = Desk::start("");
    desk.post("1", MAIL);
    desk.until_line("ggus_mails_in_total{source=\"support\",verdict=\"open\"} 1");
    let port = free_port();
    let config = fs::read_to_string(examples.join("prometheus.yml")).unwrap();
    let config = config.replace("127.0.0.1:9464", &format!("127.0.0.1:{}", desk.port)).replace("30s", "1s");
    fs::write(desk.path("prometheus.yml"), config).unwrap();
    fs::copy(examples.join("ggus.rules.yml"), desk.path("ggus.rules.yml")).unwrap();
    let mut prometheus = Command::new("prometheus");
    prometheus.arg(format!("--config.file={}", desk.path("prometheus.yml").display()));
    prometheus.arg(format!("--storage.tsdb.path={}", desk.path("prometheus").display()));
    prometheus.arg(format!("--web.listen-address=127.0.0.1:{port}")).stdout(Stdio::null()).stderr(Stdio::null());
    let _prometheus = Running(prometheus.spawn().unwrap());
    let ask = |query: &str| get(port, &format!("/api/v1/query?query={query}")).map_or(String::new(), |(_, text)| text);
    until("a scrape", || ask("up").contains("\"1\"]"));
    for query in ["ggus_tickets", "ggus_mails_in_total", "ggus_part_well", "ggus_commit_seconds_bucket"] {
        until(query, || ask(query).contains("\"job\":\"ggus-gateway\""));
    }
    // Every name in the rules and the dashboard is one that the gateway tells.
    let told = desk.metrics();
    let rules = fs::read_to_string(examples.join("ggus.rules.yml")).unwrap();
    let named = rules + &fs::read_to_string(examples.join("dashboard.json")).unwrap();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = named.split(|c| !is_name(c)).filter(|word| word.starts_with("ggus_"));
    let unknown: Vec<&str> = names.filter(|name| !told.contains(*name)).collect();
    assert!(unknown.iter().all(|name| *name == "ggus_reloads_total"), "{unknown:?}");
}

/// Trouble of the source, told by a command and by mail; what the command heard.
#[test]
fn people_are_told_once_by_another_way_and_once_when_it_is_over() {
    let heard = tempfile::NamedTempFile::new().unwrap();
    let script = format!("printf '%s|%s|' \"$GGUS_ALERT\" \"$GGUS_PART\" >>{0}; cat >>{0}", heard.path().display());
    let mails = tempfile::tempdir().unwrap();
    let mut desk = Desk::start(&format!(
        "[alerts]\nafter = \"200ms\"\ncommand = [\"sh\", \"-c\", {script:?}]\nto = [\"on-call@elsewhere.example\"]\n\
         [alerts.relay.maildir]\npath = {:?}\n",
        mails.path()
    ));
    let said = || fs::read_to_string(heard.path()).unwrap();
    desk.until_line("ggus_part_well{part=\"source support\"} 1");
    fs::remove_dir_all(desk.path("var/incoming")).unwrap();
    fs::write(desk.path("var/incoming"), "no folder").unwrap();
    until("trouble is told", || said().contains('\n'));
    assert!(said().starts_with("trouble|source support|source support has been in trouble since "), "{}", said());
    desk.until_line("ggus_alerts_total{about=\"trouble\"} 1");
    // A new start is no new trouble.
    desk.run();
    desk.until_line("ggus_part_well{part=\"source support\"} 0");
    fs::remove_file(desk.path("var/incoming")).unwrap();
    until("its end is told", || said().lines().count() >= 2);
    desk.until_line("ggus_alerts_total{about=\"well again\"} 1");
    let said = said();
    assert!(
        said.lines().nth(1).unwrap().starts_with("well again|source support|source support works again since "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
    let sent: Vec<String> = walk(mails.path()).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent.iter().any(|mail| mail.contains("\nSubject: [GGUS] source support: trouble\n")), "{sent:?}");
    assert!(sent.iter().all(|mail| mail.contains("\nTo: on-call@elsewhere.example\n")), "{sent:?}");
}

/// All files in the `new` folders below.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    let is_new = folder.file_name().is_some_and(|name| name == "new");
    let here = files.into_iter().filter(|_| is_new);
    here.chain(folders.iter().flat_map(|folder| walk(folder))).collect()
}

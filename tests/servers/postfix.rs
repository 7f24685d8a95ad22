//! A private Postfix on loopback: takes mail by SMTP and hands all of it to a Dovecot by LMTP, whose users may log in on
//! the submission port. Needs root, as master(8) does.

use std::path::PathBuf;
use std::process::{Child, Command};

use super::dovecot::Dovecot;
use super::{certificate, free_port, start, until, until_listening};

/// The name in its certificate.
pub const NAME: &str = "mx.example.test";

pub struct Postfix {
    folder: tempfile::TempDir,
    child: Option<Child>,
    pub smtp: u16,
    /// STARTTLS and a login are required.
    pub submission: u16,
    /// TLS from the first byte, and a login.
    pub smtps: u16,
}

impl Postfix {
    /// Delivers mail for example.test, with or without a `+detail`, to this Dovecot. `nobody@` is refused for good,
    /// `later@` for now.
    pub fn start(dovecot: &Dovecot) -> Self {
        Self::before(&format!("inet:127.0.0.1:{}", dovecot.lmtp), dovecot.sasl)
    }

    /// Delivers it to whoever speaks LMTP there: `inet:HOST:PORT` or `unix:PATH`.
    pub fn before(lmtp: &str, sasl: u16) -> Self {
        assert!(super::dovecot::is_root(), "Postfix's master needs root; run the tests as root");
        let folder = tempfile::tempdir().unwrap();
        certificate(&folder.path().join("tls"), NAME);
        let mut server = Self { folder, child: None, smtp: free_port(), submission: free_port(), smtps: free_port() };
        server.configure(lmtp, sasl);
        server.again();
        server
    }

    pub fn again(&mut self) {
        let etc = self.path("etc");
        self.child = Some(start(Command::new("postfix").arg("-c").arg(etc).arg("start-fg")));
        until_listening("postfix", self.smtp);
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("postfix").arg("-c").arg(self.path("etc")).arg("stop").output();
            child.wait().unwrap();
            until("postfix's end", || std::net::TcpStream::connect(("127.0.0.1", self.smtp)).is_err());
        }
    }

    /// Takes no mail of this sender for now (451), nor of bounces; `None` takes all again.
    pub fn defer_mail_of(&self, sender: Option<&str>) {
        let later = "451 4.3.0 come again";
        let access = sender
            .map(|sender| format!("check_sender_access inline:{{ {{ {sender} = {later} }}, {{ <> = {later} }} }}"));
        let line = format!("smtpd_sender_restrictions = {}", access.unwrap_or_default());
        self.configured("postconf", &["-e", &line]);
        self.configured("postfix", &["reload"]);
    }

    /// Hands mail for an address to a command, by pipe(8), as an ordinary user.
    pub fn pipe(&self, address: &str, command: &str) {
        let master = self.path("etc/master.cf");
        let services = std::fs::read_to_string(&master).unwrap();
        let pipe = format!("piped unix - n n - - pipe\n  flags=R user=nobody argv={command}\n");
        std::fs::write(&master, services + &pipe).unwrap();
        let line = format!("transport_maps = inline:{{ {{ {address} = piped: }} }}");
        self.configured("postconf", &["-e", &line]);
        self.configured("postfix", &["reload"]);
    }

    /// Tries all that waits in the queue now.
    pub fn flush(&self) {
        self.configured("postqueue", &["-f"]);
    }

    fn configured(&self, program: &str, arguments: &[&str]) {
        let done = Command::new(program).arg("-c").arg(self.path("etc")).args(arguments).output().unwrap();
        assert!(done.status.success(), "{program} {arguments:?}: {done:?}");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, lmtp: &str, sasl: u16) {
        let base = self.folder.path();
        for part in ["etc", "spool", "data"] {
            std::fs::create_dir_all(base.join(part)).unwrap();
        }
        assert!(Command::new("chmod").arg("755").arg(base).status().unwrap().success());
        assert!(Command::new("chown").arg("postfix").arg(base.join("data")).status().unwrap().success());
        let base = base.display();
        let main = format!(
            "compatibility_level = 3.6\nmyhostname = mx.example.test\nmydomain = example.test\nmyorigin = example.test\n\
             mydestination =\nlocal_transport = error:none\nvirtual_mailbox_domains = example.test\n\
             virtual_transport = lmtp:{lmtp}\nrecipient_delimiter = +\ndefault_transport = error:not here\n\
             mynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nalias_maps =\n\
             alias_database =\ndisable_dns_lookups = yes\nsmtp_host_lookup = native\nbiff = no\n\
             append_dot_mydomain = no\nqueue_directory = {base}/spool\ndata_directory = {base}/data\n\
             config_directory = {base}/etc\ncommand_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
             queue_run_delay = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s\ntransport_retry_time = 2s\n\
             meta_directory = /etc/postfix\nmail_owner = postfix\nsetgid_group = postdrop\nmaillog_file = {base}/maillog\n\
             maillog_file_prefixes = {base}\nnotify_classes =\n\
             smtpd_tls_cert_file = {base}/tls/cert.pem\nsmtpd_tls_key_file = {base}/tls/key.pem\n\
             smtpd_tls_security_level = may\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:127.0.0.1:{sasl}\nsmtpd_peername_lookup = no\nsmtputf8_enable = yes\n\
             smtpd_recipient_restrictions = check_recipient_access inline:{{ \
             {{ nobody@example.test = 550 5.1.1 no such mailbox }}, {{ later@example.test = 451 4.3.0 come again }} }}, \
             permit_mynetworks, reject\n"
        );
        let services = [
            ("pickup unix n - n 60 1", "pickup"),
            ("cleanup unix n - n - 0", "cleanup"),
            ("qmgr unix n - n 300 1", "qmgr"),
            ("tlsmgr unix - - n 1000? 1", "tlsmgr"),
            ("rewrite unix - - n - -", "trivial-rewrite"),
            ("bounce unix - - n - 0", "bounce"),
            ("defer unix - - n - 0", "bounce"),
            ("trace unix - - n - 0", "bounce"),
            ("verify unix - - n - 1", "verify"),
            ("flush unix n - n 1000? 0", "flush"),
            ("proxymap unix - - n - -", "proxymap"),
            ("smtp unix - - n - -", "smtp"),
            ("error unix - - n - -", "error"),
            ("retry unix - - n - -", "error"),
            ("lmtp unix - - n - -", "lmtp"),
            ("anvil unix - - n - 1", "anvil"),
            ("scache unix - - n - 1", "scache"),
            ("postlog unix-dgram n - n - 1", "postlogd"),
        ];
        let mut master = format!("127.0.0.1:{} inet n - n - - smtpd\n", self.smtp);
        let login = "-o smtpd_sasl_auth_enable=yes -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject";
        let (submission, smtps) = (self.submission, self.smtps);
        master.push_str(&format!(
            "127.0.0.1:{submission} inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt {login}\n"
        ));
        master.push_str(&format!("127.0.0.1:{smtps} inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes {login}\n"));
        services.iter().for_each(|(service, program)| master.push_str(&format!("{service} {program}\n")));
        std::fs::write(self.path("etc/main.cf"), main).unwrap();
        std::fs::write(self.path("etc/master.cf"), master).unwrap();
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.stop();
    }
}

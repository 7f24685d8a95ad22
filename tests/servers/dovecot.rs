//! A private Dovecot: IMAP, IMAPS, LMTP and SASL on loopback. Users gw, roc, france, anna at example.test, password `secret`;
//! user jo, whose password is no ASCII. Tokens are taken that are signed with [`TOKEN_KEY`].

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{certificate, free_port, start, until, until_listening};

pub struct Dovecot {
    folder: tempfile::TempDir,
    child: Option<Child>,
    pub imap: u16,
    pub imaps: u16,
    pub lmtp: u16,
    pub sasl: u16,
}

/// What tokens are signed with.
const TOKEN_KEY: &[u8] = b"a key for tests only, thirty-two";

/// The password of jo.
pub const OTHER_PASSWORD: &str = "grüße";

/// A token for a user of [`Dovecot`], as an OAuth 2.0 service would give it (RFC 7519).
pub fn token(user: &str) -> String {
    let [head, claims] = [
        r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(),
        format!(r#"{{"sub":"{user}@example.test","iat":1000000000,"exp":4000000000}}"#),
    ]
    .map(|part| URL_SAFE_NO_PAD.encode(part));
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN_KEY).unwrap();
    mac.update(format!("{head}.{claims}").as_bytes());
    format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The name in its certificate.
pub const NAME: &str = "imap.example.test";

impl Dovecot {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With lines of configuration beside the usual ones.
    pub fn start_with(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificate(&folder.path().join("tls"), NAME);
        let mut server =
            Self { folder, child: None, imap: free_port(), imaps: free_port(), lmtp: free_port(), sasl: free_port() };
        server.configure(lines);
        server.again();
        server
    }

    /// Starts it (again) in the same directory, on the same ports.
    pub fn again(&mut self) {
        let config = self.path("dovecot.conf");
        self.child = Some(start(Command::new("dovecot").arg("-F").arg("-c").arg(config)));
        until_listening("dovecot", self.imap);
        until_listening("dovecot", self.lmtp);
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            child.wait().unwrap();
            until("dovecot's end", || std::net::TcpStream::connect(("127.0.0.1", self.imap)).is_err());
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The certificate that clients must trust.
    pub fn ca(&self) -> PathBuf {
        self.path("tls/cert.pem")
    }

    /// Puts a mail into the inbox of a user.
    pub fn put(&self, user: &str, name: &str, mail: &[u8]) {
        let inbox = self.maildir(user, "INBOX");
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(inbox.join(part)).unwrap();
        }
        std::fs::write(inbox.join("tmp").join(name), mail).unwrap();
        self.own(&self.path("home"));
        std::fs::rename(inbox.join("tmp").join(name), inbox.join("new").join(name)).unwrap();
    }

    /// Deletes a user's mailbox; the next one has this UIDVALIDITY.
    pub fn renew(&self, user: &str, uid_validity: u32) {
        let maildir = self.maildir(user, "INBOX");
        std::fs::remove_dir_all(&maildir).unwrap();
        std::fs::create_dir_all(&maildir).unwrap();
        let list = format!("3 V{uid_validity} N1 G0123456789abcdef0123456789abcdef\n");
        std::fs::write(maildir.join("dovecot-uidlist"), list).unwrap();
        self.own(&maildir);
    }

    /// Makes a mail in the inbox unreadable for the server, and readable again.
    pub fn lock(&self, user: &str, name: &str, locked: bool) {
        use std::os::unix::fs::PermissionsExt as _;
        let inbox = self.maildir(user, "INBOX");
        let files = ["new", "cur"].into_iter().filter_map(|part| std::fs::read_dir(inbox.join(part)).ok()).flatten();
        for file in files.flatten().filter(|file| file.file_name().to_string_lossy().starts_with(name)) {
            let mode = if locked { 0 } else { 0o644 };
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    /// Texts of the mails in a folder of a user.
    pub fn mails(&self, user: &str, folder: &str) -> Vec<String> {
        let maildir = self.maildir(user, folder);
        let files = ["new", "cur"].into_iter().filter_map(|part| std::fs::read_dir(maildir.join(part)).ok()).flatten();
        let mut texts: Vec<String> = files
            .flatten()
            .map(|file| String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned())
            .collect();
        texts.sort();
        texts
    }

    /// The Maildir of a folder.
    pub fn maildir(&self, user: &str, folder: &str) -> PathBuf {
        let home = self.path("home").join(user).join("Maildir");
        if folder == "INBOX" { home } else { home.join(format!(".{folder}")) }
    }

    fn own(&self, path: &Path) {
        if is_root() {
            assert!(Command::new("chown").arg("-R").arg("8000:8000").arg(path).status().unwrap().success());
        }
    }

    fn configure(&self, lines: &str) {
        let base = self.folder.path();
        for part in ["run", "state", "home"] {
            std::fs::create_dir_all(base.join(part)).unwrap();
        }
        // Dovecot's own users must be able to pass through.
        assert!(Command::new("chmod").arg("755").arg(base).status().unwrap().success());
        self.own(&base.join("home"));
        let own =
            || String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned();
        let (internal, login) = if is_root() { ("dovecot".to_owned(), "dovenull".to_owned()) } else { (own(), own()) };
        let (uid, gid) = if is_root() { (8000, 8000) } else { (number("-u"), number("-g")) };
        let users: String = ["gw", "roc", "france", "anna"]
            .into_iter()
            .map(|user| format!("{user}@example.test:{{PLAIN}}secret:{uid}:{gid}::{}/home/{user}::\n", base.display()))
            .collect();
        let jo = format!("jo@example.test:{{PLAIN}}{OTHER_PASSWORD}:{uid}:{gid}::{}/home/jo::\n", base.display());
        std::fs::write(base.join("users"), users + &jo).unwrap();
        let keys = base.join("keys/default/HS256");
        std::fs::create_dir_all(&keys).unwrap();
        std::fs::write(keys.join("default"), STANDARD.encode(TOKEN_KEY)).unwrap();
        let tokens = format!(
            "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={}/keys/\nusername_attribute = sub\n",
            base.display()
        );
        std::fs::write(base.join("tokens.conf"), tokens).unwrap();
        let Self { imap, imaps, lmtp, sasl, .. } = self;
        let base = base.display();
        let config = format!(
            "base_dir = {base}/run\nstate_dir = {base}/state\nlog_path = {base}/log\nlisten = 127.0.0.1\n\
             protocols = imap lmtp\ndefault_internal_user = {internal}\ndefault_login_user = {login}\n\
             first_valid_uid = 1\nfirst_valid_gid = 1\nmail_location = maildir:~/Maildir\ndisable_plaintext_auth = no\n\
             auth_mechanisms = plain login xoauth2 oauthbearer\nssl = yes\nssl_cert = <{base}/tls/cert.pem\nssl_key = <{base}/tls/key.pem\n\
             passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {base}/tokens.conf\n}}\n\
             passdb {{\n  driver = passwd-file\n  mechanisms = plain login\n  args = username_format=%Lu {base}/users\n}}\n\
             userdb {{\n  driver = passwd-file\n  args = username_format=%Lu {base}/users\n}}\n\
             namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n\
             service imap-login {{\n  chroot =\n  inet_listener imap {{\n    address = 127.0.0.1\n    port = {imap}\n  }}\n  \
             inet_listener imaps {{\n    address = 127.0.0.1\n    port = {imaps}\n    ssl = yes\n  }}\n}}\n\
             service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {lmtp}\n  }}\n}}\n\
             service auth {{\n  inet_listener {{\n    address = 127.0.0.1\n    port = {sasl}\n  }}\n}}\n\
             service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n\
             recipient_delimiter = +\nlmtp_save_to_detail_mailbox = no\n\
             protocol lmtp {{\n  postmaster_address = postmaster@example.test\n}}\n{lines}\n"
        );
        std::fs::write(self.path("dovecot.conf"), config).unwrap();
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn is_root() -> bool {
    number("-u") == 0
}

fn number(flag: &str) -> u32 {
    let printed = Command::new("id").arg(flag).output().unwrap().stdout;
    String::from_utf8(printed).unwrap().trim().parse().unwrap()
}

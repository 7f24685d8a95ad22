//! Authorities, people with certificates, and what they sign: all made by the `openssl` program.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What mail programs ask for in a certificate for people.
const FOR_MAIL: &str = "keyUsage = digitalSignature\nextendedKeyUsage = emailProtection\n";

/// A folder in which everybody keeps key and certificate, and below it the folder of authorities that are believed.
pub struct People {
    folder: tempfile::TempDir,
}

impl People {
    /// The grid's authority is believed; another is not. Anna, Ben and Eve have certificates.
    pub fn new() -> Self {
        let people = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(people.trusted()).unwrap();
        people.authority("grid", "/C=IT/O=Grid/CN=Grid CA");
        people.authority("other", "/C=XX/O=Other/CN=Other CA");
        fs::copy(people.path("grid.pem"), people.trusted().join("grid.pem")).unwrap();
        fs::write(people.trusted().join("grid.signing_policy"), "access_id_CA X509 '/C=IT/O=Grid/CN=Grid CA'\n")
            .unwrap();
        people.person(
            "anna",
            "grid",
            "/C=IT/O=Grid/CN=Anna Rossi",
            &format!("{FOR_MAIL}subjectAltName = email:anna@infn.example"),
        );
        people.person("ben", "grid", "/C=IT/O=Grid/CN=Ben/emailAddress=ben@infn.example", FOR_MAIL);
        people.person(
            "eve",
            "other",
            "/C=IT/O=Grid/CN=Anna Rossi",
            &format!("{FOR_MAIL}subjectAltName = email:anna@infn.example"),
        );
        people
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of those who are believed.
    pub fn trusted(&self) -> PathBuf {
        self.path("trusted")
    }

    fn openssl(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        run(Command::new("openssl").current_dir(self.folder.path()).args(arguments), input)
    }

    fn key(&self, name: &str, subject: &str, what: &[&str]) {
        let key = format!("{name}.key");
        let new = [
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-subj",
            subject,
        ];
        self.openssl(&[&new, what].concat(), b"");
    }

    pub fn authority(&self, name: &str, subject: &str) {
        self.key(name, subject, &["-x509", "-days", "3650", "-out", &format!("{name}.pem")]);
    }

    /// A certificate of ten days.
    pub fn person(&self, name: &str, authority: &str, subject: &str, extensions: &str) {
        let file = |ending: &str| format!("{name}.{ending}");
        self.key(name, subject, &["-new", "-out", &file("csr")]);
        fs::write(self.path(&file("ext")), extensions).unwrap();
        let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
        let asked = ["x509", "-req", "-in", &file("csr"), "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
        let given = ["-days", "10", "-extfile", &file("ext"), "-out", &file("pem")];
        self.openssl(&[&asked[..], &given].concat(), b"");
    }

    /// A revocation list of the grid's authority with these people on it, good for some days.
    pub fn revoke(&self, names: &[&str], days: u32) {
        let config = "[ca]\ndefault_ca = grid\n[grid]\ndatabase = index.txt\ncertificate = grid.pem\nprivate_key = grid.key\n\
                      default_md = sha256\n";
        fs::write(self.path("ca.cnf"), config).unwrap();
        fs::write(self.path("index.txt"), "").unwrap();
        for name in names {
            self.openssl(&["ca", "-config", "ca.cnf", "-revoke", &format!("{name}.pem")], b"");
        }
        let days = days.to_string();
        self.openssl(&["ca", "-config", "ca.cnf", "-gencrl", "-crldays", &days, "-out", "trusted/grid.r0"], b"");
    }

    /// A mail with this entity in it, signed by the program's `smime` or `cms`, with more arguments.
    pub fn signed_by(&self, program: &str, names: &[&str], entity: &str, how: &[&str]) -> String {
        let mut arguments: Vec<String> = vec![program.to_owned(), "-sign".to_owned()];
        for name in names {
            arguments.extend(["-signer".to_owned(), format!("{name}.pem"), "-inkey".to_owned(), format!("{name}.key")]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(how.iter().copied()).collect();
        let signed = String::from_utf8(self.openssl(&arguments, entity.as_bytes())).unwrap();
        signed.replace("\r\n", "\n").replace('\n', "\r\n")
    }

    /// A mail signed with the text beside the signature.
    pub fn signed(&self, name: &str, head: &str, text: &str) -> String {
        let entity = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n");
        format!("{head}{}", self.signed_by("smime", &[name], &entity, &[]))
    }

    /// A mail signed with the text inside the signature.
    pub fn signed_opaque(&self, name: &str, head: &str, text: &str) -> String {
        let entity = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n");
        format!("{head}{}", self.signed_by("smime", &[name], &entity, &["-nodetach"]))
    }

    /// What the program says of a mail, by the authorities that are believed: the signed entity.
    pub fn verified(&self, mail: &[u8]) -> String {
        String::from_utf8(self.openssl(&["smime", "-verify", "-CAfile", "grid.pem"], mail)).unwrap()
    }
}

/// Runs a program; it must succeed.
pub fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let shown = format!("{command:?}");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{shown}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

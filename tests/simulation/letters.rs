//! Mails as the world around the gateways writes and reads them: by hand, without any of the gateway's code.

/// What a person sees of a mail.
#[derive(Clone, Debug)]
pub struct Letter {
    pub subject: String,
    pub id: String,
    /// Where an answer goes.
    pub reply_to: String,
    pub author: String,
    /// The words that a program puts on what no person wrote.
    pub automatic: bool,
}

/// Reads as much as a mail program needs to answer.
pub fn read(raw: &[u8]) -> Letter {
    let text = String::from_utf8_lossy(raw);
    let head = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    let field = |name: &str| {
        let start = format!("{name}: ");
        head.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
    };
    let author = address(&field("From")).to_owned();
    let reply_to = field("Reply-To");
    Letter {
        subject: field("Subject"),
        id: field("Message-ID"),
        reply_to: if reply_to.is_empty() { author.clone() } else { address(&reply_to).to_owned() },
        author,
        automatic: !field("Auto-Submitted").is_empty(),
    }
}

fn address(field: &str) -> &str {
    field.rsplit_once('<').map_or(field, |(_, rest)| rest.trim_end_matches('>')).trim()
}

/// A mail that is being written.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub from: String,
    pub to: String,
    pub subject: String,
    /// Empty: without one.
    pub id: String,
    /// The mail that it answers, where it says so.
    pub answers: String,
    pub headers: Vec<(&'static str, String)>,
    pub text: String,
}

impl Draft {
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("From: {}\nTo: {}\nSubject: {}\n", self.from, self.to, self.subject);
        let optional = [("Message-ID", &self.id), ("In-Reply-To", &self.answers), ("References", &self.answers)];
        let fields = optional.into_iter().chain(self.headers.iter().map(|(name, value)| (*name, value)));
        for (name, value) in fields.filter(|(_, value)| !value.is_empty()) {
            head.push_str(&format!("{name}: {value}\n"));
        }
        format!("{head}\n{}\n", self.text).replace('\n', "\r\n").into_bytes()
    }
}

/// The report of a mail server that took a mail and could not deliver it (RFC 3464).
pub fn bounce(envelope_sender: &str, recipient: &str, returned: &str, id: String) -> Draft {
    let text = format!(
        "--b\nContent-Type: text/plain\n\nYour mail could not be delivered.\n--b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; relay.example\n\nFinal-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; 550 5.1.1 no such user\n\n--b\nContent-Type: text/rfc822-headers\n\n\
         Message-ID: {returned}\nSubject: returned\n\n--b--"
    );
    let kind = "multipart/report; report-type=delivery-status; boundary=\"b\"".to_owned();
    Draft {
        from: "MAILER-DAEMON@relay.example".to_owned(),
        to: envelope_sender.to_owned(),
        subject: "Undelivered Mail Returned to Sender".to_owned(),
        id,
        headers: vec![("Auto-Submitted", "auto-replied".to_owned()), ("Content-Type", kind)],
        text,
        ..Draft::default()
    }
}

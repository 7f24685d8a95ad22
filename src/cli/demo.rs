//! `demo`: the real daemon on a throw-away desk plays a whole ticket, with real mails and no server at all.
//!
//! Mail comes in by a Maildir and goes out into Maildirs. The players only do what people and helpdesks do: they write
//! mails and read what arrives. What the desk does is what `run --once` does.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::sync::{mpsc, watch};

use super::{Failure, load, open_store, print};
use crate::config::sample;
use crate::daemon::{self, Outside};
use crate::mail::parse::{ReadLimits, parse};
use crate::mail::{Mail, MessageId};
use crate::source::Stay;
use crate::store::Lock;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to build the desk; by default a new directory among the temporary files
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Who plays.
const USER: &str = "Anna Rossi <anna@uni.example>";
const ROC: &str = "ROC Italy Helpdesk <helpdesk@roc-italy.example>";
/// RT's own number for the ticket.
const LOCAL: &str = "4711";

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let directory = args.directory.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("ggus-demo-{}-{}", std::process::id(), daemon::clock::now().as_second()))
    });
    let mut stage = Stage::build(directory)?;
    print("A desk is built in a directory of its own, with the sample configuration: units with their real sites,")?;
    print("mail in and out by Maildirs. Now a ticket, from the user's mail to the solution.\n")?;
    play(&mut stage)?;
    let (shown, config) = (stage.directory.display(), stage.config.display());
    print(&format!("That was a ticket. The desk lies in {shown}; to look around:\n"))?;
    let program = std::env::args().next().unwrap_or_else(|| "ggus-gateway".to_owned());
    for command in ["ticket show 1", "ticket history 1", "outbox list", "unit list", "status"] {
        print(&format!("    {program} --config {config} {command}"))?;
    }
    print(&format!("\nEvery mail that went out is in {shown}/var/outgoing, in one Maildir for each recipient."))?;
    Ok(ExitCode::SUCCESS)
}

fn play(stage: &mut Stage) -> Result<(), Failure> {
    stage.says(
        "Anna, who knows nothing of helpdesks, mails the support address.",
        USER,
        "Subject: Job submission fails at INFN-T1",
        "SITE: INFN-T1\nVO: atlas\n\nHello,\n\nsince this morning all my jobs at the Tier-1 fail with error 10.\nWhat can I do about it?\n\nAnna\n",
    )?;
    stage.desk_works("The site picks the unit. Anna gets a receipt, ROC Italy's helpdesk the ticket.")?;
    let dispatch = stage.last_to("helpdesk@roc-italy.example")?;
    stage.says(
        "ROC Italy runs RT. It makes its own ticket and says so; the desk stores its number.",
        ROC,
        &format!("{}\nAuto-Submitted: auto-replied", rt_headers("AutoReply: ", &dispatch)),
        "This message has been automatically generated in response to the\ncreation of a trouble ticket.\n",
    )?;
    stage.desk_works("An acknowledgement is noted and answered by nobody.")?;
    stage.says(
        "Bruno of ROC Italy has a question, and writes it in RT.",
        ROC,
        &rt_headers("", &dispatch),
        "STATUS: waiting for reply\n\nWhich queue did you use?\n\nBruno\n",
    )?;
    stage.desk_works("Anna is asked in the desk's name, and sees nothing of RT.")?;
    let question = stage.last_to("anna@uni.example")?;
    stage.says("Anna just answers the mail.", USER, &answer_headers(&question), "The long one.\n")?;
    stage.desk_works("Her answer reaches RT under RT's own number, so it lands in the same RT ticket.")?;
    stage.says(
        "Bruno finds the fault and answers.",
        ROC,
        &rt_headers("", &dispatch),
        "The long queue was closed by mistake. It is open again,\nplease send your jobs once more.\n",
    )?;
    stage.desk_works("A public answer goes on to Anna.")?;
    stage.says(
        "Bruno resolves the ticket in RT, which mails its standard text without a word of the solution.",
        ROC,
        &rt_headers("Resolved: ", &dispatch),
        "According to our records, your request has been resolved. If you have any\nfurther questions or concerns, please respond to this message.\n",
    )?;
    stage.desk_works("The last answer is the solution: Anna gets it, and RT hears that it is noted.")?;
    let solution = stage.last_to("anna@uni.example")?;
    print("What Anna reads in the end:\n")?;
    print(&indented(&format!("Subject: {}\n\n{}", solution.subject, solution.text.trim())))?;
    print("")
}

/// RT's subject and headers for its ticket about this dispatch.
fn rt_headers(word: &str, dispatch: &Mail) -> String {
    let tag = format!("rt.roc-italy.example #{LOCAL}");
    let answers = dispatch.message_id.as_ref().map(MessageId::to_string).unwrap_or_default();
    format!(
        "Subject: [{tag}] {word}{}\nX-RT-Ticket: {tag}\nX-RT-Loop-Prevention: rt.roc-italy.example\nPrecedence: bulk\nTo: {}\nIn-Reply-To: {answers}",
        dispatch.subject,
        reply_address(dispatch)
    )
}

/// A mail program's headers for an answer.
fn answer_headers(mail: &Mail) -> String {
    let answers = mail.message_id.as_ref().map(MessageId::to_string).unwrap_or_default();
    format!("Subject: Re: {}\nTo: {}\nIn-Reply-To: {answers}", mail.subject, reply_address(mail))
}

fn reply_address(mail: &Mail) -> String {
    mail.reply_to.first().map(|mailbox| mailbox.address.to_string()).unwrap_or_default()
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        // Writing into a String can't fail.
        let _ = writeln!(all, "    | {line}");
        all
    })
}

/// The desk of the demo and the mailboxes around it.
struct Stage {
    directory: PathBuf,
    config: PathBuf,
    mails: u32,
    seen: std::collections::BTreeSet<PathBuf>,
    step: u32,
}

impl Stage {
    fn build(directory: PathBuf) -> Result<Self, Failure> {
        let folder = directory.join("config");
        sample::init(&folder)?;
        for part in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(directory.join("var/incoming").join(part))?;
        }
        let config = folder.join("gateway.toml");
        Ok(Self { directory, config, mails: 0, seen: std::collections::BTreeSet::new(), step: 0 })
    }

    /// Somebody writes to the desk.
    fn says(&mut self, story: &str, who: &str, headers: &str, text: &str) -> Result<(), Failure> {
        self.step += 1;
        self.mails += 1;
        print(&format!("{}. {story}\n", self.step))?;
        print(&indented(&format!("From: {who}\n{headers}\n\n{text}")))?;
        let to = if headers.contains("\nTo: ") { "" } else { "To: support@ggus.example\n" };
        let now = daemon::clock::now().strftime("%a, %d %b %Y %H:%M:%S +0000");
        let raw = format!(
            "From: {who}\n{to}{headers}\nDate: {now}\nMessage-ID: <demo-{}@players.example>\n\n{text}",
            self.mails
        );
        let path = self.directory.join(format!("var/incoming/new/demo-{}", self.mails));
        Ok(std::fs::write(path, raw.replace('\n', "\r\n"))?)
    }

    /// The real daemon takes what is there and delivers what is due.
    fn desk_works(&mut self, story: &str) -> Result<(), Failure> {
        let (loaded, templates) = load(&self.config)?;
        let owned = (open_store(&loaded)?, Lock::take(&loaded.plant.store)?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (_stop, stopped) = watch::channel(false);
        let (_, reloads) = mpsc::channel(1);
        let outside = Outside { stop: stopped, reloads, filter: None };
        runtime.block_on(daemon::run(loaded, templates, owned, Stay::Once, outside))?;
        print(&format!("   {story}\n"))?;
        for (to, path) in self.delivered()? {
            if self.seen.insert(path.clone()) {
                let mail = read(&path)?;
                print(&format!("   -> {to}: {}", mail.subject))?;
            }
        }
        print("")
    }

    /// Every mail that went out, with its recipient, in the order in which they went.
    fn delivered(&self) -> Result<Vec<(String, PathBuf)>, Failure> {
        let mut found = Vec::new();
        let outgoing = self.directory.join("var/outgoing");
        for mailbox in std::fs::read_dir(outgoing).into_iter().flatten().flatten() {
            for mail in std::fs::read_dir(mailbox.path().join("new"))?.flatten() {
                let path = mail.path();
                let mail = read(&path)?;
                let to = mail.to.first().map(|mailbox| mailbox.address.to_string()).unwrap_or_default();
                found.push((number(&mail), to, path));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, to, path)| (to, path)).collect())
    }

    fn last_to(&self, address: &str) -> Result<Mail, Failure> {
        let path = self.delivered()?.into_iter().filter(|(to, _)| to == address).map(|(_, path)| path).next_back();
        let missing =
            || Failure::Refused(format!("no mail to {address} went out; please report this with the directory"));
        read(&path.ok_or_else(missing)?)
    }
}

fn read(path: &Path) -> Result<Mail, Failure> {
    Ok(parse(&std::fs::read(path)?, &ReadLimits::default()))
}

/// The number of a mail of the desk, from its Message-ID.
fn number(mail: &Mail) -> u32 {
    let id = mail.message_id.as_ref().map(MessageId::as_str).unwrap_or_default();
    id.split('.').nth(1).and_then(|number| number.parse().ok()).unwrap_or_default()
}

"""The machinery between people and helpdesks: a private Postfix and a private Dovecot on loopback, and the gateway.

Everything lies below one folder and is stopped by its process id. Nothing here knows any helpdesk.
"""

import contextlib
import email
import email.policy
import json
import os
import shutil
import smtplib
import socket
import subprocess
import time
from pathlib import Path

# How long a thing may take to happen. Helpdesks are slow on a busy machine; nothing waits longer than it must.
PATIENCE = 90
# Postfix's pipe(8) runs the helpdesks' gates as this user, so the helpdesks run as it as well.
USER, GROUP = "nobody", "nogroup"
PASSWORD = "secret"


class Failure(Exception):
    """Something that must happen did not, or something that must not did."""


def until(what, so, limit=PATIENCE):
    """Looks again and again until it is so, and gives what was seen."""
    end = time.monotonic() + limit
    while not (seen := so()):
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {limit} seconds")
        time.sleep(0.05)
    return seen


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Process:
    """A server in the foreground, with its output in a file."""

    def __init__(self, name, arguments, log, port=None, **options):
        self.name = name
        with open(log, "ab") as output:
            self.child = subprocess.Popen(
                list(map(str, arguments)), stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options
            )
        if port:
            until(f"{name} listens (its output: {log})", lambda: self.is_up(log) and listens(port))

    def is_up(self, log):
        if self.child.poll() is not None:
            raise Failure(f"{self.name} has ended: {Path(log).read_text(errors='replace')[-2000:]}")
        return True

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()


class Dovecot:
    """The mailboxes: one for each address given."""

    def __init__(self, folder, addresses):
        self.folder = folder
        self.imap, self.lmtp = free_port(), free_port()
        for part in ("run", "state", "home"):
            (folder / part).mkdir(parents=True)
        os.chown(folder / "home", 8000, 8000)
        users = (f"{address}:{{PLAIN}}{PASSWORD}:8000:8000::{folder}/home/{address}::\n" for address in addresses)
        (folder / "users").write_text("".join(users))
        (folder / "dovecot.conf").write_text(f"""
            base_dir = {folder}/run
            state_dir = {folder}/state
            log_path = {folder}/log
            listen = 127.0.0.1
            protocols = imap lmtp
            first_valid_uid = 1
            first_valid_gid = 1
            mail_location = maildir:~/Maildir
            disable_plaintext_auth = no
            ssl = no
            passdb {{
              driver = passwd-file
              args = username_format=%Lu {folder}/users
            }}
            userdb {{
              driver = passwd-file
              args = username_format=%Lu {folder}/users
            }}
            namespace inbox {{
              inbox = yes
              separator = /
            }}
            service imap-login {{
              chroot =
              inet_listener imap {{
                address = 127.0.0.1
                port = {self.imap}
              }}
              inet_listener imaps {{
                port = 0
              }}
            }}
            service lmtp {{
              inet_listener lmtp {{
                address = 127.0.0.1
                port = {self.lmtp}
              }}
            }}
            service anvil {{
              chroot =
            }}
            service stats {{
              chroot =
            }}
            recipient_delimiter = +
            protocol lmtp {{
              postmaster_address = postmaster@ggus.example
            }}
            """)
        command = ["dovecot", "-F", "-c", folder / "dovecot.conf"]
        self.process = Process("Dovecot", command, folder / "log", self.lmtp)
        until("Dovecot's IMAP", lambda: listens(self.imap))

    def mails(self, address, mailbox="INBOX"):
        """The mails in a mailbox, oldest first."""
        maildir = self.folder / "home" / address / "Maildir"
        maildir = maildir if mailbox == "INBOX" else maildir / f".{mailbox}"
        return [read(file) for file in by_age([*maildir.glob("new/*"), *maildir.glob("cur/*")])]

    def stop(self):
        self.process.stop()


def by_age(files):
    """Maildir names begin with the second of delivery and go on with M and the microseconds."""
    return sorted(files, key=lambda file: (file.name.split(".")[0], file.name.split("M", 1)[-1].split("P")[0].zfill(6)))


def read(file):
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def text(mail):
    """The words of a mail; HTML as it is where there is nothing else."""
    part = mail.get_body(("plain", "html"))
    return part.get_content() if part else ""


class Postfix:
    """Takes all mail; hands it to Dovecot, save that for the helpdesk's gate: a program that gets it as its input."""

    SERVICES = """
        pickup unix n - n 60 1 pickup
        cleanup unix n - n - 0 cleanup
        qmgr unix n - n 300 1 qmgr
        rewrite unix - - n - - trivial-rewrite
        bounce unix - - n - 0 bounce
        defer unix - - n - 0 bounce
        trace unix - - n - 0 bounce
        flush unix n - n 1000? 0 flush
        proxymap unix - - n - - proxymap
        error unix - - n - - error
        retry unix - - n - - error
        lmtp unix - - n - - lmtp
        anvil unix - - n - 1 anvil
        scache unix - - n - 1 scache
        postlog unix-dgram n - n - 1 postlogd
        """

    def __init__(self, folder, domains, lmtp, gates):
        self.folder, self.smtp = folder, free_port()
        for part in ("etc", "spool", "data"):
            (folder / part).mkdir(parents=True)
        shutil.chown(folder / "data", "postfix")
        routes = " ".join(f"{{ {address} = gate: }}" for address in gates)
        (folder / "etc/main.cf").write_text(strip(f"""
            compatibility_level = 3.6
            myhostname = mx.ggus.example
            mydestination =
            local_transport = error:none
            virtual_mailbox_domains = {" ".join(domains)}
            virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
            transport_maps = inline:{{ {routes} }}
            gate_destination_recipient_limit = 1
            gate_destination_concurrency_limit = 1
            recipient_delimiter = +
            default_transport = error:nobody is to write there
            mynetworks = 127.0.0.0/8
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            alias_maps =
            alias_database =
            disable_dns_lookups = yes
            smtp_host_lookup = native
            smtpd_peername_lookup = no
            biff = no
            append_dot_mydomain = no
            queue_directory = {folder}/spool
            data_directory = {folder}/data
            command_directory = /usr/sbin
            daemon_directory = {daemons()}
            meta_directory = /etc/postfix
            mail_owner = postfix
            setgid_group = postdrop
            maillog_file = {folder}/maillog
            maillog_file_prefixes = {folder}
            """))
        (folder / "etc/master.cf").write_text(strip(
            f"127.0.0.1:{self.smtp} inet n - n - - smtpd\n"
            f"gate unix - n n - 1 pipe flags=R user={USER}:{GROUP} argv={folder.parent}/gate ${{recipient}}\n"
            + self.SERVICES
        ))
        self.process = Process("Postfix", ["postfix", "-c", folder / "etc", "start-fg"], folder / "log", self.smtp)

    def send(self, mail, sender, recipient):
        with smtplib.SMTP("127.0.0.1", self.smtp) as smtp:
            smtp.send_message(mail, sender, [recipient])

    def queue(self):
        """The mails that it still has."""
        queues = ("maildrop", "incoming", "active", "deferred")
        return [file for queue in queues for file in (self.folder / "spool" / queue).rglob("*") if file.is_file()]

    def stop(self):
        subprocess.run(["postfix", "-c", self.folder / "etc", "stop"], capture_output=True, check=False)
        self.process.stop()


def daemons():
    done = subprocess.run(["postconf", "-d", "-h", "daemon_directory"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "/usr/lib/postfix/sbin"


def strip(lines):
    return "".join(line.strip() + "\n" for line in lines.strip().splitlines())


class Gateway:
    """The program that all this is about."""

    DESK, TPM = "support@ggus.example", "tpm@ggus.example"

    def __init__(self, program, folder, imap, smtp, unit):
        self.program, self.folder = program, folder
        subprocess.run([program, "init", folder], check=True, capture_output=True)
        (folder / "imap-password").write_text(PASSWORD + "\n")
        (folder / "gateway.toml").write_text(strip(f"""
            [desk]
            name = "GGUS"
            address = "{self.DESK}"
            [store]
            path = "desk.sqlite"
            [source.support.imap]
            host = "127.0.0.1"
            port = {imap}
            tls = "none"
            user = "{self.DESK}"
            password_file = "imap-password"
            [relay.smtp]
            host = "127.0.0.1"
            port = {smtp}
            tls = "none"
            # Nobody signs here, and there is no name server to ask.
            [proof]
            own_checks = false
            """))
        (folder / "routing.toml").write_text(strip(f"""
            default_unit = "TPM"
            [unit.TPM]
            address = "{self.TPM}"
            """) + unit)
        self.ask("check")
        self.process = Process("the gateway", [*self.command(), "run"], folder / "log")

    def command(self):
        return [self.program, "--config", self.folder / "gateway.toml"]

    def ask(self, *arguments):
        done = subprocess.run([*self.command(), *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"ggus-gateway {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def tickets(self):
        return json.loads(self.ask("ticket", "list", "--json")) if (self.folder / "desk.sqlite").exists() else []

    def ticket(self):
        """The only ticket."""
        return json.loads(self.ask("ticket", "show", "1", "--json"))

    def foreign_id(self):
        return next((leg["foreign_id"] for leg in self.ticket()["legs"] if leg["unit"] == "ROC"), None)

    def is_well(self):
        return json.loads(self.ask("status", "--json"))["well"]

    def outbox(self):
        """The mails that it still has to send."""
        mails = json.loads(self.ask("outbox", "list", "--json", "--most", "1000"))
        return [mail for mail in mails if mail["state"] != "sent"]

    def stop(self):
        self.process.stop()

"""Kills a program while it takes mails from a real Dovecot, and counts what it made of them: this gateway, or Roundup.

    tests/interop/kills.py gateway target/debug/ggus-gateway
    tests/interop/kills.py roundup VENV       # a folder of Python's venv in which `pip install roundup` was done

Each gets the same mails twice. The first time nobody disturbs it, which tells how long it takes; the second time it is
killed with SIGKILL at moments within that time that the seed chooses, and then runs once more to the end. What it sends
goes through a real Postfix into mailboxes. Needs root, Dovecot and Postfix (`tests/interop/run` installs them).
"""

import argparse
import contextlib
import random
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import servers
from servers import Dovecot, Gateway, Postfix, until

DESK, UNIT = "support@ggus.example", "unit@roc.example"
USERS = [f"user{n}@uni.example" for n in range(20)]
# Roundup's command `roundup-mailgw`. It knows one port of IMAP, which is told here.
MAILGW = """
import imaplib, sys
imaplib.IMAP4.__init__.__defaults__ = ("", int(sys.argv.pop(1)), None)
from roundup.scripts.roundup_mailgw import run
sys.exit(run())
"""


def put(inbox, count):
    """Lays mails into a Maildir, each with a subject of its own."""
    for part in ("tmp", "new", "cur"):
        (inbox / part).mkdir(parents=True, exist_ok=True)
    for n in range(count):
        (inbox / "new" / f"{n:05}").write_text(
            f"From: {USERS[n % len(USERS)]}\r\nTo: {DESK}\r\nSubject: trouble {n}\r\nMessage-ID: <{n}@uni.example>\r\n"
            f"Date: Mon, 23 Nov 2026 10:{n // 60 % 60:02}:{n % 60:02} +0000\r\n\r\nText {n}.\r\n"
        )
    subprocess.run(["chown", "-R", "8000:8000", inbox.parent], check=True)


class Roundup:
    """A tracker as Roundup's installation makes it. New issues are assigned to the unit, which hears of them."""

    def __init__(self, venv, folder, imap, smtp):
        self.tracker, programs = folder / "tracker", Path(venv).resolve() / "bin"
        settings = f"mail_domain=ggus.example,mail_host=127.0.0.1,mail_port={smtp},tracker_email=support," \
            "tracker_web=http://127.0.0.1:1/,admin_email=root"
        admin = [programs / "roundup-admin", "-i", self.tracker]
        subprocess.run([*admin, "install", "classic", "sqlite", settings], check=True, capture_output=True)
        with (self.tracker / "initial_data.py").open("a") as script:
            for name, address in [("unit", UNIT), *((user.split("@")[0], user) for user in USERS)]:
                script.write(f'user.create(username="{name}", password=adminpw, address="{address}", roles="User")\n')
        subprocess.run([*admin, "initialise", "secret"], check=True, capture_output=True)
        box = f"{DESK}:{servers.PASSWORD}@127.0.0.1"
        self.command = [programs / "python", "-c", MAILGW, imap, "-S", "issue.assignedto=unit", self.tracker, "imap", box]

    def titles(self):
        with contextlib.closing(sqlite3.connect(self.tracker / "db/db")) as store:
            return [title for (title,) in store.execute("SELECT _title FROM _issue")]


class Ours:
    """The gateway with one unit, which gets everything."""

    def __init__(self, program, folder, imap, smtp):
        unit = f'[unit.ROC]\naddress = "{UNIT}"\n'
        self.gateway = Gateway(Path(program).resolve(), folder / "config", imap, smtp, unit)
        self.gateway.stop()
        routing = self.gateway.folder / "routing.toml"
        routing.write_text(routing.read_text().replace('"TPM"', '"ROC"', 1))
        self.command = [*self.gateway.command(), "run", "--once"]

    def titles(self):
        with contextlib.closing(sqlite3.connect(self.gateway.folder / "desk.sqlite")) as store:
            return [title for (title,) in store.execute("SELECT subject FROM ticket")]


def play(kind, program, mails, moments):
    """Gives how long the last run took, the titles of tickets, and the mails that were sent."""
    with contextlib.ExitStack() as ended, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        dovecot = Dovecot(folder / "dovecot", [DESK, UNIT, *USERS])
        ended.callback(dovecot.stop)
        postfix = Postfix(folder / "postfix", ["ggus.example", "roc.example", "uni.example"], dovecot.lmtp, ["nobody@roc.example"])
        ended.callback(postfix.stop)
        (folder / "peer").mkdir()
        peer = kind(program, folder / "peer", dovecot.imap, postfix.smtp)
        put(dovecot.folder / "home" / DESK / "Maildir", mails)
        for moment in [*moments, None]:
            began = time.monotonic()
            with (folder / "output").open("ab") as output:
                child = subprocess.Popen(list(map(str, peer.command)), stdout=output, stderr=output)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(moment)
            child.kill()
            child.wait()
        took = time.monotonic() - began
        until("the last mails have arrived", lambda: not postfix.queue())
        sent = [mail for address in [UNIT, *USERS] for mail in dovecot.mails(address)]
        left = len(dovecot.mails(DESK))
        return took, peer.titles(), sent, left


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["gateway", "roundup"])
    parser.add_argument("program")
    parser.add_argument("--mails", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    kind = {"gateway": Ours, "roundup": Roundup}[asked.kind]
    took, titles, sent, _ = play(kind, asked.program, asked.mails, [])
    print(f"{asked.kind}, nobody disturbs it: {asked.mails} mails, {took:.1f} s: {len(titles)} tickets, {len(sent)} mails sent")
    dice = random.Random(asked.seed)
    moments = sorted(dice.uniform(0, took) for _ in range(asked.kills))
    dice.shuffle(moments)
    _, titles, sent, left = play(kind, asked.program, asked.mails, moments)
    ids = Counter(mail["Message-ID"] for mail in sent)
    print(
        f"{asked.kind}, {asked.kills} kills: {asked.mails} mails: {len(titles)} tickets, {asked.mails - len(set(titles))} lost, "
        f"{len(titles) - len(set(titles))} doubled; {len(sent)} mails sent, {len(ids)} different; {left} left in the inbox"
    )


if __name__ == "__main__":
    main()

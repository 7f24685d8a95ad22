"""One ticket between a user, the gateway and a real helpdesk, from the first mail to a reopening.

The same play for every helpdesk. Nothing is mocked: the helpdesk makes its ticket, numbers it, writes and resolves by
itself. Each step waits for what must be seen; at the end every mail is counted, and a mail too many is a failure.
"""

import argparse
import email.message
import email.utils
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import helpdesks
from helpdesks.base import CannotBeHad
from servers import GROUP, USER, Dovecot, Failure, Gateway, Postfix, by_age, read, text, until

USER_ADDRESS = "anna@user.example"
# Words that get through only where each one on the way minds characters, quotes and mark-up.
TITLE = "Jobs end at once: Größe > 2 GB & more"
TROUBLE = "Nothing has worked since Monday; “Größe überschritten” & <no job>."
QUESTION = 'Which queue do you use? It isn\'t <long> & "slow", is it?'
ANSWER = "It's the <long> one & says “größer als 2 GB”."
SOLUTION = "The queue is open again. Don't use <old>, it's \"full\" & süß."
OBJECTION = "It fails as before; it isn't “süß” & <new> at all."
STEPS = ("ticket", "foreign id", "comment", "reply", "solved", "reopened", "counted")


class World:
    """One helpdesk, a gateway that knows it as a unit, and the mail servers between them."""

    def __init__(self, program, helpdesk, folder):
        self.helpdesk, self.folder, self.servers = helpdesk, folder, []
        try:
            self.start(program)
        except BaseException:
            self.stop()
            raise

    def start(self, program):
        helpdesk, folder = self.helpdesk, self.folder
        people = [USER_ADDRESS, Gateway.DESK, Gateway.TPM, helpdesk.staff]
        self.dovecot = self.running(Dovecot(folder / "dovecot", people))
        domains = {address.split("@")[1] for address in people}
        self.postfix = self.running(Postfix(folder / "postfix", domains, self.dovecot.lmtp, [helpdesk.address]))
        helpdesk.folder.mkdir()
        shutil.chown(helpdesk.folder, USER, GROUP)
        self.running(helpdesk).start(self.postfix.smtp)
        self.open_gate(helpdesk.gate())
        self.gateway = self.running(
            Gateway(program, folder / "gateway", self.dovecot.imap, self.postfix.smtp, self.unit())
        )

    def running(self, server):
        self.servers.append(server)
        return server

    def open_gate(self, command):
        """What Postfix runs for each mail to the helpdesk: keeps a copy, and hands it over."""
        heard, gate = self.folder / "heard", self.folder / "gate"
        heard.mkdir()
        shutil.chown(heard, USER, GROUP)
        words = " ".join(f"'{word}'" for word in map(str, command))
        gate.write_text(
            f'#!/bin/sh\ncd {self.helpdesk.folder} || exit 75\nexport HOME=$PWD\n'
            f'mail=$(mktemp {heard}/XXXXXXXX) && cat >"$mail" && exec {words} <"$mail"\n'
        )
        gate.chmod(0o755)

    def unit(self):
        helpdesk = self.helpdesk
        parameters = ", ".join(f'{name} = "{value}"' for name, value in helpdesk.parameters.items())
        return (
            f'[unit.ROC]\naddress = "{helpdesk.address}"\ndialect = "{helpdesk.dialect}"\n'
            f'parameters = {{ {parameters} }}\ntrust = "{helpdesk.trust}"\nsites = ["SITE"]\n'
        )

    def stop(self):
        for server in reversed(self.servers):
            server.stop()
        self.servers.clear()

    # --- what there is to see ---

    def heard(self):
        """The mails that the helpdesk got."""
        return [read(file) for file in sorted((self.folder / "heard").iterdir(), key=lambda file: file.stat().st_mtime)]

    def said(self):
        """The mails that the gateway took from its mailbox and that are not the user's."""
        taken = self.dovecot.mails(Gateway.DESK, "Processed")
        return [mail for mail in taken if USER_ADDRESS not in str(mail["From"])]

    def told(self):
        """The mails that the user got."""
        return self.dovecot.mails(USER_ADDRESS)

    def is_quiet(self):
        """No mail is under way anywhere: not in the servers, not at the gateway, not in a helpdesk's gate."""
        return not (self.postfix.queue() or self.dovecot.mails(Gateway.DESK) or self.gateway.outbox())

    def settle(self):
        """Waits until nothing happens any more. What one look misses, since it was between two places, the next sees."""

        def counts():
            return [len(self.heard()), len(self.said()), len(self.told())]

        def settled():
            before = counts()
            return all(self.is_quiet() for _ in range(3)) and counts() == before

        until("all mails have arrived", settled)


def mail(to, subject, words, answers=None):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = f"Anna <{USER_ADDRESS}>", to, subject
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = email.utils.make_msgid(domain="user.example")
    if answers:
        message["In-Reply-To"] = message["References"] = answers["Message-ID"]
    message.set_content(words)
    return message


class Play:
    def __init__(self, world):
        self.world, self.helpdesk, self.gateway = world, world.helpdesk, world.gateway
        self.done = []

    def run(self):
        for step in STEPS:
            getattr(self, step.replace(" ", "_"))()
            self.done.append(step)

    def ticket(self):
        """The user writes; the helpdesk has a ticket of its own with their words."""
        self.write(mail(Gateway.DESK, TITLE, f"SITE: SITE\n\n{TROUBLE}\n"))
        self.id = until("the helpdesk's ticket", self.helpdesk.tickets)[0]
        self.arrives(TROUBLE)

    def foreign_id(self):
        until(f"the gateway knows the helpdesk's id {self.id}", lambda: self.gateway.foreign_id() == self.id)

    def comment(self):
        self.helpdesk.comment(self.id, QUESTION)
        self.question = self.is_told(QUESTION)

    def reply(self):
        self.write(self.answer(self.question, ANSWER))
        self.arrives(ANSWER)

    def solved(self):
        self.helpdesk.resolve(self.id, SOLUTION)
        until("the gateway's ticket is solved", lambda: self.gateway.ticket()["status"] == "solved")
        self.solution = self.is_told("has a solution")
        if SOLUTION not in text(self.solution):
            raise Failure(f"the user is told another solution: {text(self.solution)}")
        self.world.settle()
        if self.helpdesk.is_open(self.id):
            raise Failure("the helpdesk's ticket is open again, and nobody has said anything new")

    def reopened(self):
        """The user is not content, which opens the very same ticket again."""
        self.write(self.answer(self.solution, OBJECTION))
        until("the gateway's ticket is open again", lambda: self.gateway.ticket()["status"] == "reopened")
        self.arrives(OBJECTION)
        if self.helpdesk.is_open(self.id) != self.helpdesk.news_reopen:
            raise Failure("the helpdesk's ticket should be open now" if self.helpdesk.news_reopen else "it is open")

    def counted(self):
        world, helpdesk = self.world, self.helpdesk
        world.settle()
        seen = {
            "tickets at the helpdesk": len(helpdesk.tickets()),
            "tickets at the desk": len(self.gateway.tickets()),
            "mails of the helpdesk": len(world.said()),
            "mails to the helpdesk": len(world.heard()),
            "mails to the user": len(world.told()),
        }
        wanted = dict(zip(seen, (1, 1, len(helpdesk.says), len(helpdesk.hears), len(helpdesk.tells))))
        if seen != wanted:
            raise Failure(f"counted {seen}, wanted {wanted}")
        for letter in world.said():
            if "[GGUS:1]" not in letter["Subject"]:
                raise Failure(f"the helpdesk's people no longer see the desk's tag: {letter['Subject']}")
        if not self.gateway.is_well():
            raise Failure(f"the gateway is not well: {self.gateway.ask('status')}")

    # --- what the steps are made of ---

    def write(self, message):
        self.world.postfix.send(message, USER_ADDRESS, email.utils.parseaddr(message["To"])[1])

    def answer(self, to, words):
        address = email.utils.parseaddr(str(to["Reply-To"] or to["From"]))[1]
        quoted = "".join(f"> {line}\n" for line in text(to).splitlines())
        return mail(address, f"Re: {to['Subject']}", f"{words}\n\nOn {to['Date']}, {to['From']} wrote:\n{quoted}", to)

    def is_told(self, words):
        """The user gets a mail with these words, and it gives away nothing of the helpdesk."""

        def found():
            return next((letter for letter in self.world.told() if words in text(letter)), None)

        told = until(f"the user gets {words!r}", found)
        if told["Subject"] != f"[GGUS:1] {TITLE}" or self.helpdesk.address in str(told):
            raise Failure(f"the user's mail shows the helpdesk: {told}")
        return told

    def arrives(self, words):
        until(f"{words!r} is in the helpdesk's ticket", lambda: self.helpdesk.holds(self.id, words))
        if (tickets := self.helpdesk.tickets()) != [self.id]:
            raise Failure(f"the helpdesk has another ticket: {tickets}")


def letters(world):
    """All mails, in the order in which they arrived."""
    home = world.dovecot.folder / "home"
    boxes = [("", USER_ADDRESS, ""), ("desk", Gateway.DESK, ".Processed"), ("TPM", Gateway.TPM, "")]
    seen = [(file.stat().st_mtime, "helpdesk", read(file)) for file in (world.folder / "heard").iterdir()]
    for name, address, mailbox in boxes:
        files = (home / address / "Maildir" / mailbox).glob("[nc][eu][wr]/*")
        seen += [(file.stat().st_mtime, name or "user", read(file)) for file in files]
    return sorted(seen, key=lambda letter: letter[0])


def show(world):
    names = {USER_ADDRESS: "user", Gateway.DESK: "desk", world.helpdesk.address: "helpdesk"}
    for _, to, letter in letters(world):
        sender = email.utils.parseaddr(str(letter["From"]))[1]
        print(f"    {names.get(sender, sender):>8} -> {to:<8}  {re.sub(chr(10), ' ', str(letter['Subject']))}")


def perform(program, kind, keep):
    """Plays with one helpdesk; gives its line of the table."""
    started = time.monotonic()
    print(f"{kind.name}:", flush=True)
    try:
        kind.install()
    except CannotBeHad as why:
        print(f"  skipped: {why}", flush=True)
        return [kind.name, "skipped", *["" for _ in STEPS], ""]
    folder = Path(tempfile.mkdtemp(prefix=f"ggus-interop-{kind.name}-"))
    folder.chmod(0o755)
    helpdesk, world, play, outcome = kind(folder / "helpdesk"), None, None, "passed"
    try:
        world = World(program, helpdesk, folder)
        play = Play(world)
        print(f"  {helpdesk.version()} in {folder}", flush=True)
        play.run()
    except Failure as why:
        outcome = "FAILED"
        print(f"  FAILED: {why}", flush=True)
    finally:
        if world:
            show(world)
            world.stop()
    if outcome == "passed" and not keep:
        shutil.rmtree(folder)
    else:
        print(f"  all of it is kept in {folder}", flush=True)
    done = play.done if play else []
    marks = ["yes" if step in done else "NO" if step == STEPS[len(done)] else "" for step in STEPS]
    return [kind.name, outcome, *marks, f"{time.monotonic() - started:.0f} s"]


def table(lines):
    lines = [["helpdesk", "", *STEPS, "time"], *lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True, help="the gateway")
    parser.add_argument("--keep", action="store_true", help="keep the mails, logs and stores of runs that passed, too")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(helpdesks.ALL)}; without any: all")
    wanted = parser.parse_args()
    unknown = [name for name in wanted.names if name not in helpdesks.ALL]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; choose of {', '.join(helpdesks.ALL)}")
    lines = [perform(wanted.program, helpdesks.ALL[name], wanted.keep) for name in wanted.names or helpdesks.ALL]
    print()
    table(lines)
    outcomes = [line[1] for line in lines]
    print(f"\n{outcomes.count('passed')} passed, {outcomes.count('FAILED')} failed, {outcomes.count('skipped')} skipped")
    sys.exit("FAILED" in outcomes)


if __name__ == "__main__":
    main()

"""Roundup with its classic tracker on SQLite. The gate is its own roundup-mailgw; the staff works by its Python library,
as its web pages do."""

import textwrap

from .base import Helpdesk


class Roundup(Helpdesk):
    name = "roundup"
    dialect = "roundup"
    requirements = ("roundup==2.6.0",)
    # It answers to the From of a mail, never to its Reply-To, so no token comes back.
    trust = "address"
    # Any mail opens a closed ticket again, so that the desk acknowledges no solution.
    hears = ("dispatch", "reply", "reopened")

    def version(self):
        return self.python("import roundup; print('Roundup', roundup.__version__, end='')")

    def start(self, smtp):
        self.tracker = self.folder / "tracker"
        settings = {
            "mail_domain": self.address.partition("@")[2],
            "mail_host": "127.0.0.1",
            "mail_port": smtp,
            "tracker_web": f"http://127.0.0.1/{self.name}/",
            "tracker_email": self.address.partition("@")[0],
            "admin_email": "admin",
            # What the advice of the dialect asks for: the desk hears of its own new tickets, and of those only.
            "messages_to_author": "new",
        }
        settings = ",".join(f"{name}={value}" for name, value in settings.items())
        self.admin("install", "classic", "sqlite", settings)
        self.admin("initialise", "secret-of-admin")
        self.admin("create", "user", "username=staff", f"address={self.staff}", "roles=User")
        # Roundup takes mail of those only whom it knows.
        self.admin("create", "user", "username=ggus", "address=support@ggus.example", "roles=User")

    def admin(self, *arguments):
        return self.run(self.venv("roundup-admin"), "-i", self.tracker, *arguments)

    def gate(self):
        return [self.venv("roundup-mailgw"), self.tracker]

    def tickets(self):
        return self.staff_does("print(*db.issue.list())").split()

    def holds(self, ticket, words):
        said = self.staff_does("print(*(db.msg.get(one, 'content') for one in db.issue.get(id, 'messages')))", ticket)
        return words in said

    def is_open(self, ticket):
        status = self.staff_does("print(db.status.get(db.issue.get(id, 'status'), 'name'))", ticket)
        return status.strip() != "resolved"

    def comment(self, ticket, words):
        self.write(ticket, words, "")

    def resolve(self, ticket, words):
        self.write(ticket, words, ", status=db.status.lookup('resolved')")

    def write(self, ticket, words, change):
        self.staff_does(f"""
            said = db.msg.create(author=db.getuid(), content=words, date=date.Date('.'), summary=words)
            db.issue.set(id, messages=db.issue.get(id, 'messages') + [said]{change})
            db.commit()
            """, ticket, words)

    def staff_does(self, code, *arguments):
        start = f"""
            import sys
            from roundup import date, instance
            db = instance.open({str(self.tracker)!r}).open('staff')
            id, words = (sys.argv[1:] + ['', ''])[:2]
            """
        return self.python(textwrap.dedent(start) + textwrap.dedent(code), *arguments)

    def python(self, code, *arguments):
        return self.run(self.venv("python"), "-c", code, *arguments)

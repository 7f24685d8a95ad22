"""django-helpdesk on SQLite. Its gate is its own get_email, which looks into a folder that each mail is put into; the staff
writes comments by mail to the queue, and resolves by its update_ticket, as its web pages do."""

import email.message
import email.utils
import textwrap

from .base import Helpdesk

SETTINGS = """
SECRET_KEY = "for tests only"
SITE_ID = 1
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.sites", "django.contrib.staticfiles", "django.contrib.humanize",
    "rest_framework", "helpdesk",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE + "/helpdesk.sqlite"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
STATIC_URL, MEDIA_URL, MEDIA_ROOT = "/static/", "/media/", BASE + "/media"
EMAIL_HOST, EMAIL_PORT = "127.0.0.1", SMTP
DEFAULT_FROM_EMAIL = ADDRESS
HELPDESK_TEAMS_MODE_ENABLED = False
# What the advice of the dialect asks for: an answer to a resolved ticket (3) opens it, as one to a closed ticket (4) does.
HELPDESK_EMAIL_REOPEN_STATUSES = (3, 4)
"""

# Its numbers for a ticket's status.
OPEN, REOPENED = 1, 2

URLS = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("", include("helpdesk.urls"))]
"""


class DjangoHelpdesk(Helpdesk):
    name = "django-helpdesk"
    dialect = "django-helpdesk"
    parameters = {"queue": "grid"}
    requirements = ("django==5.2.19", "django-helpdesk==2.6.1")
    # It answers to the From of a mail, never to its Reply-To, so no token comes back.
    trust = "address"
    # It confirms each mail to a ticket with the words of that mail.
    says = ("acknowledgement", "comment", "own words", "solution", "own words")
    # Any mail opens a closed ticket again, so that the desk acknowledges no solution.
    hears = ("dispatch", "reply", "reopened")

    def version(self):
        return self.staff_does("""
            from importlib.metadata import version
            print("django-helpdesk", version("django-helpdesk"), end="")
            """)

    def start(self, smtp):
        for part in ("incoming", "media"):
            self.make_folder(part)
        given = f"BASE, SMTP, ADDRESS = {str(self.folder)!r}, {smtp}, {self.address!r}\n"
        (self.folder / "settings.py").write_text(given + SETTINGS)
        (self.folder / "urls.py").write_text(URLS)
        self.manage("migrate", "--verbosity=0")
        self.manage("loaddata", "--verbosity=0", "emailtemplate.json")
        self.staff_does(f"""
            from django.contrib.auth.models import User
            from helpdesk.models import Queue
            User.objects.create_superuser("staff", {self.staff!r}, "secret")
            Queue.objects.create(
                title="Grid", slug="grid", email_address={self.address!r}, allow_email_submission=True,
                email_box_type="local", email_box_local_dir={str(self.folder / "incoming")!r}, email_box_interval=0,
            )
            """)

    def environment(self):
        return {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(self.folder)}

    def manage(self, *arguments):
        return self.run(self.venv("python"), "-m", "django", *arguments, env=self.environment())

    def gate(self):
        environment = [f"{name}={value}" for name, value in self.environment().items()]
        fetch = f"cat >incoming/$$ && exec {self.venv('python')} -m django get_email --quiet"
        return ["/usr/bin/env", *environment, "/bin/sh", "-c", fetch]

    def database(self):
        return self.folder / "helpdesk.sqlite"

    def tickets(self):
        return [str(id) for (id,) in self.look("SELECT id FROM helpdesk_ticket ORDER BY id")]

    def holds(self, ticket, words):
        said = self.look(
            "SELECT description FROM helpdesk_ticket WHERE id = ?1 UNION ALL"
            " SELECT comment FROM helpdesk_followup WHERE ticket_id = ?1", ticket
        )
        return any(words in (text or "") for (text,) in said)

    def is_open(self, ticket):
        return self.look("SELECT status FROM helpdesk_ticket WHERE id = ?", ticket)[0][0] in (OPEN, REOPENED)

    def comment(self, ticket, words):
        """By mail, since such words reach the desk escaped as if they were HTML; what is written in the browser does not."""
        message = email.message.EmailMessage()
        message["From"], message["To"], message["Subject"] = self.staff, self.address, f"Re: [grid-{ticket}]"
        message["Message-ID"] = email.utils.make_msgid(domain="staff.example")
        message.set_content(words)
        self.run("/bin/sh", "-c", "cat >incoming/comment", stdin=message.as_string())
        self.manage("get_email", "--quiet")

    def resolve(self, ticket, words):
        change = "update_ticket(staff, ticket, comment=words, public=True, new_status=Ticket.RESOLVED_STATUS)"
        self.staff_does(change, ticket, words)

    def staff_does(self, code, *arguments):
        start = """
            import sys
            import django
            django.setup()
            from django.contrib.auth.models import User
            from helpdesk.models import Ticket
            from helpdesk.update_ticket import update_ticket
            id, words = (sys.argv[1:] + ["", ""])[:2]
            if id:
                staff, ticket = User.objects.get(username="staff"), Ticket.objects.get(id=id)
            """
        code = textwrap.dedent(start) + textwrap.dedent(code)
        return self.run(self.venv("python"), "-c", code, *arguments, env=self.environment())

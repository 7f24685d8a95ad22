"""What a helpdesk must be able to do to take part in the play."""

import fcntl
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from servers import GROUP, USER, Failure

CACHE = Path(os.environ.get("GGUS_INTEROP_CACHE", "/var/cache/ggus-interop"))


class CannotBeHad(Exception):
    """The helpdesk can't be installed here; says why."""


class Helpdesk:
    """One real helpdesk. Texts that it takes or gives are plain; ids are what the gateway calls foreign ids."""

    name = ""
    # As a unit of the gateway.
    dialect = ""
    parameters = {}
    # What proves that a mail is the helpdesk's. The default wants the token that the desk put into its Reply-To.
    trust = "dkim"
    # Debian's packages, answers to their questions, and PyPI's.
    packages = ()
    answers = ()
    requirements = ()
    # The mails of the play: what the helpdesk sends, what it gets, and what the user gets. One more or less is a failure.
    says = ("acknowledgement", "comment", "solution")
    hears = ("dispatch", "reply", "solution acknowledged", "reopened")
    tells = ("receipt", "comment", "solution", "reopened")
    # Whether news of the user opens its closed ticket; else the staff reads them in it and does that.
    news_reopen = True

    def __init__(self, folder):
        self.folder = folder
        self.address = f"helpdesk@{self.name}.example"
        self.staff = f"staff@{self.name}.example"
        self.processes = []

    # --- what each helpdesk says for itself ---

    def version(self):
        raise NotImplementedError

    def start(self, smtp):
        """Makes a fresh helpdesk below the folder and starts what it needs; its mail goes out by SMTP to that port."""
        raise NotImplementedError

    def gate(self):
        """The command that takes one mail as its input."""
        raise NotImplementedError

    def tickets(self):
        """The ids of all tickets."""
        raise NotImplementedError

    def holds(self, ticket, words):
        """Whether the ticket has these words."""
        raise NotImplementedError

    def is_open(self, ticket):
        raise NotImplementedError

    def comment(self, ticket, words):
        """A member of the staff writes to the submitter."""
        raise NotImplementedError

    def resolve(self, ticket, words):
        """A member of the staff resolves the ticket; the words are the solution."""
        raise NotImplementedError

    def database(self):
        """The file of its SQLite database, for helpdesks that are looked into there."""
        raise NotImplementedError

    # --- what they share ---

    @classmethod
    def install(cls):
        apt(cls.packages, cls.answers)
        if cls.requirements:
            pip(cls.name, cls.requirements)

    @classmethod
    def venv(cls, program):
        return CACHE / cls.name / "bin" / program

    def run(self, *command, stdin="", **options):
        """A command of the helpdesk, as its own user."""
        as_user = {"user": USER, "group": GROUP, "extra_groups": [], "cwd": options.pop("cwd", self.folder)}
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        environment |= options.pop("env", {})
        command = list(map(str, command))
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, env=environment, **as_user, **options
        )
        if done.returncode:
            raise Failure(f"{self.name}: {shlex.join(command)}: {done.stdout[-2000:]}{done.stderr[:2000]}")
        return done.stdout

    def look(self, query, *values):
        """Rows of its database, which is quicker than a start of the helpdesk's library."""
        with sqlite3.connect(f"file:{self.database()}?mode=ro", uri=True, timeout=30) as database:
            return database.execute(query, values).fetchall()

    def make_folder(self, name):
        """A folder that the helpdesk may write into."""
        (self.folder / name).mkdir()
        shutil.chown(self.folder / name, USER, GROUP)

    def stop(self):
        for process in reversed(self.processes):
            process.stop()


def apt(packages, answers=()):
    """Installs what is missing of Debian's packages."""
    missing = [package for package in packages if not is_installed(package)]
    if not missing:
        return
    if not shutil.which("apt-get") or os.getuid():
        raise CannotBeHad(f"needs {' '.join(missing)}; install them, or run this as root on Debian")
    print(f"  installing {' '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", "DPkg::Lock::Timeout=300", "-qq"]
    subprocess.run(["debconf-set-selections"], input="\n".join(answers) + "\n", text=True, check=False)
    for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *wait, *command], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBeHad(f"apt-get can't install {' '.join(missing)}: {done.stderr.strip().splitlines()[-1:]}")


def is_installed(package):
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def pip(name, requirements):
    """Installs into a virtual environment in the cache; a finished one is taken as it is."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_environment(name, requirements)


def make_environment(name, requirements):
    done = CACHE / name / "installed"
    if done.exists() and done.read_text() == "\n".join(requirements):
        return
    print(f"  installing {' '.join(requirements)}", flush=True)
    shutil.rmtree(CACHE / name, ignore_errors=True)
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    # One after the other: some need an earlier one to be built.
    fetch = [CACHE / name / "bin/pip", "install", "-q", "--disable-pip-version-check"]
    for command in ([python, "-m", "venv", CACHE / name], *([*fetch, requirement] for requirement in requirements)):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise CannotBeHad(f"{' '.join(map(str, command))}: {result.stderr.strip()[-300:]}")
    done.write_text("\n".join(requirements))

"""Request Tracker 5 and 4 as Debian ships them: SQLite, their own mail gate over HTTP, their default scrips and templates."""

import os

from servers import GROUP, USER, Process, free_port

from .base import Helpdesk


def questions(release):
    """Answers to those of Debian's packages."""
    package = f"request-tracker{release}"
    return (
        f"{package} {package}/install-cronjobs boolean false",
        f"{package} {package}/initialize-database select skip",
        f"{package} {package}/webserver select none",
        f"{package} {package}/dbconfig-install boolean false",
        f"{package} {package}/rtname string rt.example",
        f"{package} {package}/organization string rt.example",
        "msmtp msmtp/apparmor boolean false",
    )


class RequestTracker(Helpdesk):
    name = "rt"
    release = 5
    dialect = "rt"
    parameters = {"tag": "rt.example"}
    # The solution is written first, and "Resolved" only says that this was it.
    says = ("acknowledgement", "comment", "comment with the solution", "resolved")
    tells = ("receipt", "comment", "comment with the solution", "solution", "reopened")
    packages = ("request-tracker5", "rt5-db-sqlite", "rt5-clients", "starman", "msmtp")
    answers = questions(5)

    def version(self):
        return "Request Tracker " + self.perl("print $RT::VERSION")

    def start(self, smtp):
        self.port = free_port()
        for part in ("mason", "session", "log", "empty.d"):
            self.make_folder(part)
        (self.folder / "RT_SiteConfig.pm").write_text(f"""
            Set($rtname, 'rt.example');
            Set($Organization, 'rt.example');
            Set($CorrespondAddress, '{self.address}');
            Set($CommentAddress, 'comment@rt.example');
            Set($WebDomain, '127.0.0.1');
            Set($WebPort, {self.port});
            Set($WebPath, '');
            Set($DatabaseType, 'SQLite');
            Set($DatabaseName, '{self.folder}/rt.sqlite');
            Set($DatabaseHost, '');
            Set($DatabaseUser, '');
            Set($DatabasePassword, '');
            Set($LogToSyslog, undef);
            Set($LogToSTDERR, 'warning');
            Set($SendmailPath, '/usr/bin/msmtp');
            Set($SendmailArguments, '--host=127.0.0.1 --port={smtp} --auth=off --tls=off --read-envelope-from -oi -t');
            Set($MasonDataDir, '{self.folder}/mason');
            Set($MasonSessionDir, '{self.folder}/session');
            Set($LogDir, '{self.folder}/log');
            Set($WebSessionClass, 'Apache::Session::File');
            1;
            """)
        # What the advice of the dialect asks for: anybody may write to the queue, and a member of the staff who works.
        (self.folder / "staff").write_text(f"""
            @ACL = map {{ {{ GroupDomain => 'SystemInternal', GroupType => 'Everyone', Right => $_, Queue => 'General' }} }}
                qw(CreateTicket ReplyToTicket SeeQueue);
            @Users = ({{ Name => 'staff', EmailAddress => '{self.staff}', Privileged => 1 }});
            push @Final, sub {{
                my $staff = RT::User->new(RT->SystemUser);
                $staff->Load('staff');
                $staff->PrincipalObj->GrantRight(Right => 'SuperUser', Object => $RT::System);
            }};
            """)
        setup = f"/usr/sbin/rt-setup-database-{self.release}"
        (self.folder / "password").write_text("secret-of-root\n")
        own = {"env": self.environment()}
        self.run(setup, "--action", "init", "--skip-create", "--root-password-file", self.folder / "password", **own)
        self.run(setup, "--action", "insert", "--skip-create", "--datafile", self.folder / "staff", **own)
        server = [f"{self.lib()}/libexec/rt-server", "--server", "Starman", "--host", "127.0.0.1", "--port", self.port]
        self.processes.append(Process(
            "Request Tracker", [*server, "--workers", 2, "--env", "deployment"], self.folder / "log/server", self.port,
            env={**os.environ, **self.environment()}, user=USER, group=GROUP, extra_groups=[], cwd=self.folder,
        ))

    def lib(self):
        return f"/usr/share/request-tracker{self.release}"

    def environment(self):
        return {"RT_SITE_CONFIG": f"{self.folder}/RT_SiteConfig.pm", "RT_SITE_CONFIG_DIR": f"{self.folder}/empty.d"}

    def gate(self):
        url = f"http://127.0.0.1:{self.port}/"
        return [f"/usr/bin/rt-mailgate-{self.release}", "--queue", "General", "--action", "correspond", "--url", url]

    def tickets(self):
        return self.perl("""
            my $all = RT::Tickets->new(RT->SystemUser);
            $all->UnLimit;
            while (my $ticket = $all->Next) { print $ticket->Id, "\\n" }
            """).split()

    def holds(self, ticket, words):
        said = self.perl("""
            my $all = $ticket->Transactions;
            while (my $said = $all->Next) { print $said->Content(Type => 'text/plain'), "\\n" }
            """, ticket)
        return words in said

    def is_open(self, ticket):
        return self.perl("print $ticket->Status", ticket) not in ("resolved", "rejected")

    def comment(self, ticket, words):
        self.perl("my ($done, $why) = $ticket->Correspond(Content => $words); die $why unless $done", ticket, words)

    def resolve(self, ticket, words):
        self.comment(ticket, words)
        self.perl("my ($done, $why) = $ticket->SetStatus('resolved'); die $why unless $done", ticket)

    def perl(self, code, ticket="", words=""):
        """Code against RT's own library, as the member of the staff."""
        start = """
            use RT -init;
            my $staff = RT::CurrentUser->new('staff');
            binmode STDOUT, ':utf8';
            my ($id, $words) = map { Encode::decode('UTF-8', $_) } @ARGV;
            my $ticket = RT::Ticket->new($staff);
            $ticket->Load($id) if $id;
            """
        return self.run("perl", "-I", f"{self.lib()}/lib", "-e", start + code, ticket, words, env=self.environment())


class RequestTracker4(RequestTracker):
    name = "rt4"
    release = 4
    packages = ("request-tracker4", "rt4-db-sqlite", "rt4-clients", "starman", "msmtp")
    answers = questions(4)

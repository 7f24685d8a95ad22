"""Redmine as Debian ships it, on SQLite, with its default statuses and texts. Its gate is its own redmine:email:read; the
staff works by its models, as its web pages do."""

import textwrap

from .base import Helpdesk

HOME = "/usr/share/redmine"


class Redmine(Helpdesk):
    name = "redmine"
    dialect = "redmine"
    parameters = {"account": "ggus", "project": "Grid Operations"}
    packages = ("redmine", "redmine-sqlite")
    answers = (
        "redmine redmine/instances/default/dbconfig-install boolean false",
        "redmine redmine/instances/default/database-type select sqlite3",
    )
    # It tells the desk's account of its own changes too.
    says = ("acknowledgement", "comment", "own change", "solution", "own change", "own change")
    news_reopen = False
    # It answers to the address of the desk's account, so no token comes back.
    trust = "address"

    def version(self):
        return "Redmine " + self.rails("print Redmine::VERSION")

    def start(self, smtp):
        for part in ("config", "tmp", "log", "files"):
            self.make_folder(part)
        config = self.folder / "config"
        (config / "database.yml").write_text(
            f"production: {{ adapter: sqlite3, database: {self.database()}, timeout: 30000 }}\n"
        )
        (config / "configuration.yml").write_text(
            "production:\n  email_delivery:\n    delivery_method: :smtp\n"
            f"    smtp_settings: {{ address: 127.0.0.1, port: {smtp}, enable_starttls_auto: false }}\n"
        )
        (config / "secret_key.txt").write_text("0123456789abcdef" * 4)
        self.rake("db:migrate", SCHEMA="/dev/null")
        self.rake("redmine:load_default_data", REDMINE_LANG="en")
        self.rails(f"""
            Setting.mail_from = '{self.address}'
            Setting.host_name = '{self.name}.example'
            def person(login, address)
              user = User.new(firstname: login, lastname: 'of the grid', mail: address, language: 'en')
              user.login, user.password = login, 'a password of theirs'
              user.pref.no_self_notified = false
              user.save!
              user
            end
            staff, desk = person('staff', '{self.staff}'), person('ggus', 'support@ggus.example')
            trackers = Tracker.where(name: 'Support')
            grid = Project.create!(name: 'Grid Operations', identifier: 'grid', is_public: false, trackers: trackers)
            Member.create!(project: grid, principal: staff, roles: [Role.find_by!(name: 'Manager')])
            Member.create!(project: grid, principal: desk, roles: [Role.find_by!(name: 'Reporter')])
            """)

    def database(self):
        return self.folder / "redmine.sqlite"

    def environment(self):
        # Redmine's instances are folders in one place; this one is elsewhere.
        return {"REDMINE_INSTANCE": f"../../../../../..{self.folder}", "RAILS_ENV": "production"}

    def rake(self, task, **environment):
        environment = self.environment() | environment
        return self.run("/usr/bin/rake", "-f", f"{HOME}/Rakefile", task, env=environment, cwd=HOME)

    def gate(self):
        environment = [f"{name}={value}" for name, value in self.environment().items()]
        return ["/usr/bin/env", *environment, "/usr/bin/rake", "-f", f"{HOME}/Rakefile", "redmine:email:read", "project=grid"]

    def tickets(self):
        return [str(id) for (id,) in self.look("SELECT id FROM issues ORDER BY id")]

    def holds(self, ticket, words):
        said = self.look(
            "SELECT description FROM issues WHERE id = ?1 UNION ALL"
            " SELECT notes FROM journals WHERE journalized_type = 'Issue' AND journalized_id = ?1", ticket
        )
        return any(words in (text or "") for (text,) in said)

    def is_open(self, ticket):
        state = self.look("SELECT s.name FROM issues i JOIN issue_statuses s ON s.id = i.status_id WHERE i.id = ?1", ticket)
        return state[0][0] not in ("Resolved", "Closed", "Rejected")

    def comment(self, ticket, words):
        self.write(ticket, words, "")

    def resolve(self, ticket, words):
        self.write(ticket, words, "issue.status = IssueStatus.find_by!(name: 'Resolved')")

    def write(self, ticket, words, change):
        self.rails(f"""
            id, words = ARGV
            User.current = User.find_by_login('staff')
            issue = Issue.find(id)
            issue.init_journal(User.current, words)
            {change}
            Mailer.with_synched_deliveries {{ issue.save! }}
            """, ticket, words)

    def rails(self, code, *arguments):
        (self.folder / "code.rb").write_text(textwrap.dedent(code))
        command = [f"{HOME}/bin/rails", "runner", self.folder / "code.rb", *arguments]
        return self.run(*command, env=self.environment(), cwd=HOME)

#!/usr/bin/env python3
"""imap.py FILE: an IMAP server on loopback that takes no login, and writes its port and each login into a file."""
import re
import socketserver
import sys


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("* OK [CAPABILITY IMAP4rev1] ready")
        for line in self.rfile:
            tag, _, command = line.decode("latin-1").strip().partition(" ")
            if command.upper().startswith("CAPABILITY"):
                self.say("* CAPABILITY IMAP4rev1")
                self.say(f"{tag} OK done")
            elif command.upper().startswith("LOGIN"):
                note(command)
                self.say(f"{tag} NO [AUTHENTICATIONFAILED] not you")
            else:
                self.say(f"{tag} OK done")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


def note(line):
    with open(sys.argv[1], "a", encoding="utf-8") as file:
        print(re.sub(r"\s+", " ", line), file=file, flush=True)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("127.0.0.1", 0), Session) as server:
    note(f"PORT {server.server_address[1]}")
    server.serve_forever()

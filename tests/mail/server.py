"""An SMTP server for the system tests: what it takes, it prints, as Python's email package reads it.

    python server.py [--port N] [--tls none|starttls|implicit --cert FILE --key FILE] [--user U --password P]

Prints `ready PORT`, then a JSON line for each mail. Mail to an address that begins with a number is
refused with that number: 451-bob@example.org with 451. A line `answer 451` on the standard input has it
refuse all mail so from then on, `answer 250` ends that; it ends with its input.
"""

import argparse
import base64
import email
import email.policy
import hashlib
import json
import re
import socket
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

arguments = argparse.ArgumentParser()
arguments.add_argument("--port", type=int, default=0)
arguments.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
arguments.add_argument("--cert")
arguments.add_argument("--key")
arguments.add_argument("--user")
arguments.add_argument("--password")
arguments = arguments.parse_args()

answer = "250"


def say(line):
    print(line, flush=True)


def part(one):
    content = one.get_payload(decode=True)
    said = {"type": one.get_content_type(), "filename": one.get_filename(), "disposition": one.get_content_disposition()}
    if one.get_content_maintype() == "text":
        said["text"] = one.get_content()
    else:
        said["bytes"] = len(content)
        said["base64"] = base64.b64encode(content).decode()
        said["sha256"] = hashlib.sha256(content).hexdigest()
    return said


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        refused = re.match(r"[45]\d\d", address)
        if answer != "250" or refused:
            return f"{refused[0] if refused else answer} not now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or arguments.tls == "implicit",
            "user": session.authenticated,
            "headers": [[name, str(value)] for name, value in mail.items()],
            "defects": [repr(d) for one in mail.walk() for d in one.defects],
            "parts": [part(one) for one in mail.walk() if not one.is_multipart()],
            "shape": [one.get_content_type() for one in mail.walk()],
        }))
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (arguments.user.encode(), arguments.password.encode())
    return AuthResult(success=right, handled=False)


settings = {}
context = None
if arguments.tls != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.cert, arguments.key)
if arguments.tls == "starttls":
    settings |= {"tls_context": context, "require_starttls": True}
if arguments.user:
    settings |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": arguments.tls == "starttls"}


class Server(Controller):
    def _trigger_server(self):
        # aiosmtpd's own connects to port 0, and with a server's TLS context.
        client = ssl.create_default_context()
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        with socket.create_connection(self.server.sockets[0].getsockname(), 5) as connection:
            if arguments.tls == "implicit":
                connection = client.wrap_socket(connection)
            connection.recv(1024)
            connection.close()


server = Server(
    Handler(),
    hostname="127.0.0.1",
    port=arguments.port,
    ssl_context=context if arguments.tls == "implicit" else None,
    **settings,
)
server.start()
say(f"ready {server.server.sockets[0].getsockname()[1]}")
for line in sys.stdin:
    word, _, value = line.strip().partition(" ")
    if word == "answer":
        answer = value
        say(f"answers {value}")
server.stop()

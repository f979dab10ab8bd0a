"""An IMAP server of the tests' own (Dovecot): in a temporary folder, on loopback, ended with the block."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
mail_location = maildir:{folder}/mail/%u
disable_plaintext_auth = no
first_valid_uid = 1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


def program() -> str | None:
    """Dovecot, where it is installed."""
    return shutil.which("dovecot", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


@dataclass(frozen=True)
class Mailbox:
    """A server that lets anybody in with the password `secret`."""

    port: int
    tls_port: int
    certificate: Path


@contextmanager
def server() -> Iterator[Mailbox]:
    """Start Dovecot; it runs its unprivileged parts as its own users where we are root, else as ourselves."""
    folder = Path(tempfile.mkdtemp(prefix="imap-", dir="/tmp"))
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    me = owner.pw_name
    users = ("dovecot", "dovecot", "dovenull") if os.geteuid() == 0 else (me, str(owner.pw_gid), me)
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
    certify(folder)
    port, tls_port = _free_port(), _free_port()
    (folder / "dovecot.conf").write_text(CONFIG.format(
        folder=folder, internal=users[0], group=users[1], login=users[2], uid=owner.pw_uid, gid=owner.pw_gid, port=port,
        tls_port=tls_port))
    running = subprocess.Popen([program() or "dovecot", "-F", "-c", str(folder / "dovecot.conf")], stdout=subprocess.DEVNULL)
    try:
        _await(port, folder)
        yield Mailbox(port, tls_port, folder / "cert.pem")
    finally:
        running.terminate()
        running.wait(20)
        shutil.rmtree(folder)


def certify(folder: Path) -> None:
    """Write cert.pem and key.pem for 127.0.0.1, signed by itself, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(),
                                           now - timedelta(minutes=5), now + timedelta(hours=1))
                   .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
                   .sign(key, hashes.SHA256()))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / "key.pem").chmod(0o600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int, folder: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"Dovecot did not start: {(folder / 'log').read_text() if (folder / 'log').exists() else 'no log'}")

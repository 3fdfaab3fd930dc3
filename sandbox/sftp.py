"""The bank's folders over real SFTP, for clients that drop and fetch files as they would at a bank.

Optional: the rest of the sandbox needs the standard library only, this needs asyncssh. User `sandbox`, the bank's key as
password; the host key is kept, so a restarted bank is still the same host.
"""

from __future__ import annotations

import hmac
from functools import partial
from pathlib import Path

import asyncssh

USER = "sandbox"


class Door(asyncssh.SSHServer):
    """Lets in one user by password, to SFTP only."""

    def __init__(self, key: str) -> None:
        self.key = key

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and hmac.compare_digest(password.encode(), self.key.encode())


def host_key(path: Path) -> asyncssh.SSHKey:
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(path))
        key.write_public_key(str(path) + ".pub")
        path.chmod(0o600)
    return asyncssh.read_private_key(str(path))


def _folders(root: Path, channel: asyncssh.SSHServerChannel) -> asyncssh.SFTPServer:
    return asyncssh.SFTPServer(channel, chroot=str(root).encode())


async def serve_folders(root: Path, data: Path, host: str, port: int, key: str) -> int:
    """Serve `root` and nothing above it; answers the port."""
    acceptor = await asyncssh.create_server(
        partial(Door, key),
        host,
        port,
        server_host_keys=[host_key(data / "ssh_host_key")],
        sftp_factory=partial(_folders, root.resolve()),
        allow_scp=False,
    )
    return acceptor.get_port()

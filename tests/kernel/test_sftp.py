"""A session leaves nothing open at the bank, whatever went wrong on the way in."""

from __future__ import annotations

import asyncio
import threading
import time

import asyncssh
import pytest

from payos.kernel.sftp import Session, SftpError


class Server:
    """A real SSH server on loopback that counts who is connected; it serves files, refuses to, or never answers."""

    def __init__(self, how: str, root: str) -> None:
        self.how, self.root, self.open, self.seen = how, root, 0, 0
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def _serve(self) -> None:
        server = self

        class Door(asyncssh.SSHServer):
            def connection_made(self, connection):
                server.open += 1
                server.seen += 1

            def connection_lost(self, error):
                server.open -= 1

            def begin_auth(self, username):
                return True

            def password_auth_supported(self):
                return True

            def validate_password(self, username, password):
                return password == "right"

        class Silent(asyncssh.SFTPServer):
            def __init__(self, channel):
                time.sleep(1.5)
                super().__init__(channel, chroot=server.root.encode())

        factory = {"serves": lambda channel: asyncssh.SFTPServer(channel, chroot=server.root.encode()), "refuses": None, "silent": Silent}[
            self.how
        ]

        async def start():
            acceptor = await asyncssh.create_server(Door, "127.0.0.1", 0, server_host_keys=[self.key], sftp_factory=factory)
            self.port = acceptor.get_port()
            self.ready.set()

        self.loop.run_until_complete(start())
        self.loop.run_forever()

    def session(self, secret="right", timeout=10.0) -> Session:
        return Session(
            host="127.0.0.1",
            port=self.port,
            user="u",
            host_key=self.key.export_public_key().decode().strip(),
            secret=secret,
            timeout=timeout,
        )

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@pytest.fixture
def server(request, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    made = Server(request.param, str(tmp_path))
    yield made
    made.stop()


def all_gone(server: Server) -> bool:
    deadline = time.monotonic() + 10
    while server.open and time.monotonic() < deadline:
        time.sleep(0.02)
    return server.open == 0


async def names(client):
    return [name for name in await client.listdir("/") if name != "." and name != ".."]


@pytest.mark.parametrize("server", ["refuses"], indirect=True)
def test_who_is_let_in_and_gets_no_files_does_not_stay_connected(server):
    session = server.session()
    for tries in (1, 2):
        with pytest.raises(SftpError, match="failed"):
            session.run(names)
        assert server.seen == tries and all_gone(server), "before anybody closes the session"
    session.close()


@pytest.mark.parametrize("server", ["silent"], indirect=True)
def test_a_start_that_takes_too_long_does_not_stay_connected(server):
    session = server.session(timeout=0.7)
    with pytest.raises(SftpError, match=r"within 0\.7 seconds"):
        session.run(names)
    assert server.seen == 1 and all_gone(server)
    session.close()


@pytest.mark.parametrize("server", ["serves"], indirect=True)
def test_a_session_is_one_connection_until_it_is_closed(server):
    with server.session() as session:
        assert session.run(names) == session.run(names) == ["a.txt"]
        assert (server.seen, server.open) == (1, 1)
    assert all_gone(server)
    with server.session("wrong") as session, pytest.raises(SftpError, match="refuses the user"):
        session.run(names)
    assert all_gone(server)

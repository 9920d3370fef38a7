"""The process in which workers meet, as the supervisor starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from ccx_addons.io.meeting.place import listen
from ccx_addons.processes.supervisor import start_meeting
from tests.patience import PATIENCE


def said(client: socket.socket, *words: object) -> list[object]:
    client.sendall(json.dumps(words).encode() + b"\n")
    return list(json.loads(client.recv(1 << 16)))


def test_it_decides_hears_no_signal_and_ends_with_its_supervisor(tmp_path: Path) -> None:
    sock, path = listen(tmp_path)
    read, write = os.pipe()
    process = start_meeting(sock, read, 0, {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    os.close(read)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        assert said(client, "enter", 1, "a", [["x", 0, 1]], [], [], []) == [1, None]
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
        assert said(client, "enter", 2, "b", [["x", 0, 1]], [], [], []) == [2, ["x", "concurrency", float("inf")]]
        os.close(write)
        assert client.recv(1) == b""
    try:
        assert process.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        raise

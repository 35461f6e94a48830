"""A service that runs, and clients of it: by http.client, and by bytes on a socket."""

import http.client
import json
import os
import re
import signal
import socket
import time

from gemring_run import DEMO_MODEL, Run, command, processes

JSON = {"Content-Type": "application/json"}


class Served:
    """gemring serve on a free port, until the block ends."""

    def __init__(self, words=(), ranks=0, model=DEMO_MODEL, env=None):
        arguments = ["serve", "--port", 0, "--log-level", "info", "--stall-timeout", 20, *words]
        if "--model" not in arguments:
            arguments += ["--model", model]
        self.run = Run(command(arguments, ranks), env={"OMP_NUM_THREADS": "1", **(env or {})})
        self.port = None

    def __enter__(self):
        end = time.monotonic() + 60
        while not (said := re.search(r" on http://\S+:(\d+)\n", self.run.stdout)):
            if self.run.finished or time.monotonic() > end:
                raise AssertionError(f"no service: {self.run.stderr}")
            time.sleep(0.02)
        self.port = int(said.group(1))
        return self

    def __exit__(self, *_):
        self.signal(signal.SIGKILL)

    @property
    def pid(self):
        """Of rank 0."""
        def is_gemring(pid):
            return os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "gemring"
        return next(pid for pid, values in processes(self.run.tag).items()
                    if is_gemring(pid) and values.get("OMPI_COMM_WORLD_RANK", "0") == "0")

    def signal(self, number):
        if not self.run.finished:
            os.killpg(self.run.process.pid, number)

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None):
        """Status, headers, body; a body that is no bytes goes as JSON."""
        connection = self.connect()
        try:
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            connection.request(method, path, body, {**(JSON if body is not None else {}), **(headers or {})})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        status, _, body = self.ask("GET", path, headers=headers)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def post(self, path, body, status=200):
        got, _, answer = self.ask("POST", path, body)
        assert got == status, (path, got, answer)
        return json.loads(answer)

    def chat(self, content, **fields):
        messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
        return self.post("/v1/chat/completions", {"messages": messages, **fields})

    def stream(self, path, body):
        """The events of a stream as JSON, without the last one, which is [DONE]."""
        status, headers, answer = self.ask("POST", path, {**body, "stream": True})
        assert status == 200 and headers["Content-Type"].startswith("text/event-stream"), (status, answer)
        events = [line[len("data: "):] for line in answer.decode().split("\n") if line.startswith("data: ")]
        assert events.pop() == "[DONE]", answer
        return [json.loads(event) for event in events]

    def raw(self, request, timeout=30):
        """All that comes back for these bytes until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as peer:
            peer.sendall(request)
            got = b""
            while chunk := peer.recv(65536):
                got += chunk
            return got

    def metric(self, name):
        _, _, body = self.ask("GET", "/metrics")
        line = next(line for line in body.decode().splitlines() if line.startswith(name))
        return float(line.rsplit(" ", 1)[1])

    def wait_until(self, holds, seconds=20):
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds} s: {self.run.stderr[-2000:]}"
            time.sleep(0.05)

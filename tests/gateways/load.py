# SPDX-License-Identifier: Apache-2.0
"""A load that knows of each answer when its request was sent and whether it is the right one."""

import asyncio
import contextlib
import time

import rig


CLIENTS = 2


class Load:
    """Clients ask the gateway on port without a pause, until stop(). results: (sent, answered, status, right), right being
    whether a 200 has exactly the inner JWT of its own token, and status 0 an answer that never came."""

    def __init__(self, port, tokens, clients=CLIENTS):
        self.port = port
        self.tokens = tokens
        self.results = []
        self.going = True
        self.loop = rig.Loop()
        self.clients = [asyncio.run_coroutine_threadsafe(self._client(i), self.loop.loop) for i in range(clients)]

    def stop(self):
        self.going = False
        for client in self.clients:
            client.result(rig.C.PATIENCE)
        self.loop.stop()

    def since(self, moment, until=None):
        """Of requests that were sent and answered in that time: how many came to each status."""
        found = {}
        for sent, answered, status, _ in list(self.results):
            if sent >= moment and (until is None or answered < until):
                found[status] = found.get(status, 0) + 1
        return found

    def wrong(self):
        return [result for result in self.results if result[2] == 200 and not result[3]]

    async def _client(self, number):
        connection, turn = None, number
        while self.going:
            turn += 1
            i = turn % len(self.tokens)
            sent, fresh = time.monotonic(), connection is None
            status, right, connection = await self._ask(connection, i)
            if status == 0 and not fresh:
                # The gateway closed a connection that it had kept: any client repeats that.
                status, right, connection = await self._ask(None, i)
            self.results.append((sent, time.monotonic(), status, right))

    async def _ask(self, connection, i):
        token, inner = self.tokens[i]
        writer = None
        try:
            reader, writer = connection or await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
            writer.write(f"GET /{i} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            head, body = await self._answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            if writer:
                writer.close()
            return 0, False, None
        status = int(head.split()[1])
        right = body.startswith(f"GET /{i} ") and rig.Answer(f"{head}\r\n\r\n{body}").upstream("authorization") == [
            f"Bearer {inner}"] if status == 200 else False
        if "connection: close" in head.lower():
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return status, right, None
        return status, right, (reader, writer)

    @staticmethod
    async def _answer(reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")[:-4]
        lines = dict(rig.header(line) for line in head.split("\r\n")[1:])
        if lines.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        else:
            body = await reader.readexactly(int(lines.get("content-length", 0)))
        return head, body.decode("latin-1")

"""A service of asyncio: many connections, look-ups in the event loop, transactions in a thread.

A look-up reads mapped memory and takes about a microsecond, so it needs no thread. A commit waits for the disk, and
for other writers, so it gets one.

    python examples/python/asyncio_service.py [clients]
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from typing import Any

import drystone as ds


class Counter(ds.Record):
    id: ds.u32 = ds.key()
    hits: ds.u64 = 0


class Service:
    """Answers `get N` and `hit N`, one a line, with the hits of N."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.counters = db.create("counters", Counter, exist_ok=True)
        self.connections: set[asyncio.Task[None]] = set()

    def hit(self, key: int) -> int:
        with self.db.write() as tx:
            row = tx.counters.get(key)
            if row is None:
                tx.counters.insert(Counter(key, 1))
                return 1
            row.hits += 1
            return int(row.hits)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                verb, number = line.decode().split()
                key = int(number)
                if verb == "hit":
                    answer = await asyncio.to_thread(self.hit, key)
                else:
                    row = self.counters.get(key)
                    answer = 0 if row is None else row.hits
                writer.write(f"{answer}\n".encode())
            except ValueError as error:
                writer.write(f"error: {error}\n".encode())
            await writer.drain()
        writer.close()
        await writer.wait_closed()


async def client(port: int, lines: list[str]) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for line in lines:
        writer.write(f"{line}\n".encode())
        answers.append((await reader.readline()).decode().strip())
    writer.close()
    await writer.wait_closed()
    return answers


async def main(clients: int) -> None:
    with tempfile.TemporaryDirectory() as folder, ds.open(os.path.join(folder, "counters.dry")) as db:
        service = Service(db)
        server = await asyncio.start_server(service.accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await asyncio.gather(*(client(port, [f"hit {i % 3}", "get 0", "hit 7"]) for i in range(clients)))
        print(await client(port, ["get 0", "get 1", "get 2", "get 7", "get 99"]))
        print(await client(port, ["hit x"]))
        server.close()
        await server.wait_closed()
        await asyncio.gather(*service.connections)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))

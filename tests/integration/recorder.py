"""A TCP proxy on loopback that keeps every byte that passes, in both directions."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Recorder:
    """Listens on `port` and passes everything on to another port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.streams: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, sink in ((client, server), (server, client)):
                stream = bytearray()
                self.streams.append(stream)
                threading.Thread(target=_pass_on, args=(source, sink, stream), daemon=True).start()


@contextmanager
def recording(target: int) -> Iterator[Recorder]:
    """A recorder before a port."""
    recorder = Recorder(target)
    try:
        yield recorder
    finally:
        recorder.close()


def _pass_on(source: socket.socket, sink: socket.socket, stream: bytearray) -> None:
    try:
        while data := source.recv(1 << 16):
            stream += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:  # the other direction has ended
        pass

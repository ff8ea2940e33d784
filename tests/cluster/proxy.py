#!/usr/bin/env python3
"""proxy.py TARGET_PORT: forward TCP on this machine, from a port that it prints: "ready PORT".

SIGUSR1 cuts all connections.  SIGUSR2 cuts them and refuses new ones, until the next SIGUSR2.
"""
import signal
import socket
import sys
import threading

connections = set()
refuses = False


def cut(*_):
    for c in list(connections):
        try:
            c.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def toggle(*_):
    global refuses
    refuses = not refuses
    cut()


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connections.discard(s)


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    signal.signal(signal.SIGUSR1, cut)
    signal.signal(signal.SIGUSR2, toggle)
    print("ready", listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        if refuses:
            client.close()
            continue
        server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        connections.update((client, server))
        for pair in ((client, server), (server, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


main()

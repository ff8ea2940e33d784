#!/usr/bin/env python3
"""standin.py NODES COMMAND...: a stand-in for the API server of a large cluster.

Runs COMMAND with @URL@ replaced by the server's address.  Every Job that it creates gets a pod at once,
whose log has three lines that tell its node, and snapshots of a count, a sum and a histogram.  Prints
the command's exit status, memory (KiB) and CPU time on standard error.
"""
import asyncio
import json
import os
import re
import sys
import threading

NODES = int(sys.argv[1])
STAMP = "2026-01-01T00:00:00.%09dZ "
jobs = {}  # name -> job
ended = set()  # names of jobs whose log was read
watchers = []  # queues of pod watches
opened = set()  # names of jobs whose log is asked for


def node(i):
    return {"metadata": {"name": f"node-{i}"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}],
                       "nodeInfo": {"architecture": os.uname().machine.replace("x86_64", "amd64")},
                       "images": [{"names": ["registry.k8s.io/pause:3.9"], "sizeBytes": 700000}]}}


def pod(name):
    state = {"terminated": {"exitCode": 0, "reason": "Completed"}} if name in ended else {"running": {}}
    return {"metadata": {"name": name + "-x", "namespace": "default", "uid": name,
                         "resourceVersion": "1", "labels": {"job-name": name}},
            "spec": {"nodeName": "n", "containers": [{"name": "trace"}]},
            "status": {"phase": "Succeeded" if name in ended else "Running",
                       "containerStatuses": [{"name": "trace", "state": state}]}}


def log(name):
    n = jobs[name]["metadata"]["annotations"]["kubectl-trace/node"]
    i = int(n.split("-")[1])
    head = '{"v":1,"map":"@%s","agg":"%s","signed":false,"args":[0,0,0,0],"keyed":%s,"entries":[%s]}'
    lines = [f"{n} line {k}" for k in range(3)] + [
        "",
        head % ("c", "count", "false", '{"n":[1,0]}'),
        head % ("s", "sum", "true", ",".join('{"k":"key%d","n":[%d,0]}' % (k, i) for k in range(100))),
        head % ("h", "hist", "false", '{"b":[[4,2]]}'),
    ]
    return "".join(STAMP % k + line + "\n" for k, line in enumerate(lines)).encode()


def make_list(items):
    return {"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}


async def read_request(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"(?i)content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    method, path, _ = head.split(" ", 2)
    return method, path, body


def reply(writer, status, value):
    body = json.dumps(value).encode()
    writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


async def watch(writer, first):
    queue = asyncio.Queue()
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    if first:
        watchers.append(queue)
    while True:
        event = await queue.get()
        writer.write(chunk(json.dumps(event).encode() + b"\n"))
        await writer.drain()


def create(resource, body):
    made = json.loads(body)
    made["metadata"]["uid"] = made["metadata"]["name"]
    if resource == "jobs":
        jobs[made["metadata"]["name"]] = made
        for queue in watchers:
            queue.put_nowait({"type": "ADDED", "object": pod(made["metadata"]["name"])})
    return made


async def answer(writer, method, path, body):
    path, _, query = path.partition("?")
    parts = path.strip("/").split("/")
    if "watch=true" in query:
        await watch(writer, parts[-1] == "pods")
    elif parts[-1] == "log":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        name = parts[-2][:-2]
        # All streams are open at once before the first ends.
        while len(opened) < NODES:
            opened.add(name)
            await asyncio.sleep(0.05)
        writer.write(chunk(log(name)) + chunk(b"")[:-2] + b"\r\n")
        if name not in ended:
            ended.add(name)
            for queue in watchers:
                queue.put_nowait({"type": "MODIFIED", "object": pod(name)})
    elif method == "POST":
        reply(writer, 201, create(parts[-1], body))
    elif method == "DELETE":
        reply(writer, 200, {})
    elif parts[-1] == "nodes":
        reply(writer, 200, make_list([node(i) for i in range(NODES)]))
    elif parts[-1] == "pods":
        reply(writer, 200, make_list([pod(name) for name in jobs]))
    elif parts[-2] == "pods":
        reply(writer, 200, pod(parts[-1][:-2]))
    else:
        reply(writer, 200, make_list([]))


async def serve(reader, writer):
    try:
        while True:
            await answer(writer, *await read_request(reader))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(ready):
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def run(port):
    command = [a.replace("@URL@", f"http://127.0.0.1:{port}") for a in sys.argv[2:]]
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    print(f"status {os.waitstatus_to_exitcode(status)} maxrss {usage.ru_maxrss} "
          f"cpu {usage.ru_utime + usage.ru_stime:.2f}", file=sys.stderr, flush=True)
    os._exit(0)


asyncio.run(main(lambda port: threading.Thread(target=run, args=(port,)).start()))

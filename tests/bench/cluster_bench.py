"""The cluster's part of bench.py: what a trace costs beside what the cluster costs anyway.

Needs $KUBECONFIG and kubectl; traces the last node of the list.  A bare pod is one of the node's
own pause image, from its creation until the API server says that its container runs: no trace can
begin before its own pod has come so far.
"""
import json
import os
import random
import signal
import ssl
import http.client
import subprocess
import tempfile
import time
import urllib.parse
import base64

NAMESPACE = "default"
FIRST_LINE = 'begin { printf("first\\n"); }'


class Api:
    """The API server, by the client certificate of the kubeconfig."""

    def __init__(self, tmp):
        text = subprocess.check_output(["kubectl", "config", "view", "--raw", "--minify", "-o", "json"])
        config = json.loads(text)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.address = urllib.parse.urlparse(cluster["server"])
        ca, cert, key = (self.file(tmp, where, what) for where, what in (
            (cluster, "certificate-authority"), (user, "client-certificate"), (user, "client-key")))
        self.tls = ssl.create_default_context(cafile=ca)
        self.tls.load_cert_chain(cert, key)
        self.connection = http.client.HTTPSConnection(self.address.hostname, self.address.port, context=self.tls)

    @staticmethod
    def file(tmp, where, what):
        if what in where:
            return where[what]
        with tempfile.NamedTemporaryFile(dir=tmp, delete=False) as f:
            f.write(base64.b64decode(where[what + "-data"]))
            return f.name

    def call(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body else None,
                                {"Content-Type": "application/json"})
        return json.loads(self.connection.getresponse().read())


def pod_path(name=""):
    return f"/api/v1/namespaces/{NAMESPACE}/pods/{name}".rstrip("/")


def is_running(api, name):
    statuses = api.call("GET", pod_path(name)).get("status", {}).get("containerStatuses", [{}])
    return "running" in statuses[0].get("state", {})


def bare_pods(api, node, image, count):
    """Seconds until @count bare pods, created at once, run."""
    names = [f"bench-bare-{os.getpid()}-{time.monotonic_ns()}-{i}" for i in range(count)]
    begin = time.monotonic()
    for name in names:
        api.call("POST", pod_path(), {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "c", "image": image, "imagePullPolicy": "IfNotPresent"}]}})
    for name in names:
        while not is_running(api, name):
            if time.monotonic() - begin > 600:
                raise RuntimeError(f"the pod {name} does not start")
            time.sleep(0.01)
    took = time.monotonic() - begin
    for name in names:
        api.call("DELETE", pod_path(name))
    return took


def start_trace(plugin, node, script=FIRST_LINE):
    return subprocess.Popen([plugin, "run", f"node/{node}", "-n", NAMESPACE, "-a", "-e", script],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def first_line(plugin, node):
    begin = time.monotonic()
    trace = start_trace(plugin, node)
    for line in trace.stdout:
        if line == b"first\n":
            break
    else:
        raise RuntimeError(f"the trace ended with {trace.wait()} before its first line")
    took = time.monotonic() - begin
    trace.send_signal(signal.SIGINT)
    trace.communicate()
    return took


def log_rate(plugin, node):
    """MB a second from the first byte on, of lines that a script prints as fast as it can."""
    count = 200000
    trace = start_trace(plugin, node, f"interval:ms:1 {{ for ($i : 0..400) {{ @n++; "
                        f'printf("%80d\\n", @n); if (@n >= {count}) {{ exit(); }} }} }}')
    size = len(trace.stdout.read1(1 << 16))
    begin = time.monotonic()
    while data := trace.stdout.read(1 << 16):
        size += len(data)
    took = time.monotonic() - begin
    if trace.wait() != 0 or size < 81 * count:
        raise RuntimeError(f"{size} bytes of {81 * count} arrived")
    return size / took / 1e6


def at_once(plugin, node, count):
    """Seconds until @count traces, started at once, have printed their line and are gone."""
    begin = time.monotonic()
    traces = [start_trace(plugin, node, 'begin { printf("first\\n"); exit(); }') for _ in range(count)]
    good = sum(b"first\n" in t.communicate()[0] for t in traces)
    if good != count:
        raise RuntimeError(f"{good} of {count} traces printed their line")
    return time.monotonic() - begin


def run(bench):
    plugin = bench.args.plugin or os.path.join(os.path.dirname(bench.args.runner), "../cmd/kubectl-trace/kubectl-trace")
    api = Api(bench.tmp)
    node = api.call("GET", "/api/v1/nodes")["items"][-1]
    name = node["metadata"]["name"]
    images = [n for i in node["status"]["images"] for n in i["names"] or []]
    pause = next(n for n in images if "pause" in n)
    first_line(plugin, name)  # the runner's ConfigMaps, once
    if bench.wanted("cluster", "first line"):
        ours, bare = [], []
        for _ in range(4 * bench.args.pairs):
            # A kubelet looks at its containers once a second: begin at any moment of that.
            time.sleep(random.random())
            ours.append(first_line(plugin, name) * 1000)
            time.sleep(random.random())
            bare.append(bare_pods(api, name, pause, 1) * 1000)
        bench.record("cluster", "first line", "ms", {"ours": ours, "bare pod": bare})
        bench.record("cluster", "over a bare pod", "ms", {"ours": [a - b for a, b in zip(ours, bare)]}, 300)
    if bench.wanted("cluster", "log"):
        bench.record("cluster", "log", "MB/s", {"ours": [log_rate(plugin, name) for _ in range(3)]})
    for count in (10, 100):
        if bench.wanted("cluster", f"{count} traces at once") and not (bench.args.quick and count > 10):
            bench.record("cluster", f"{count} traces at once", "s", {"ours": [at_once(plugin, name, count)],
                                                                      "bare pods": [bare_pods(api, name, pause, count)]})

"""What the kernel says of BPF programs and maps, by bpf(2) and /proc/PID/fdinfo (x86-64, arm64).

Source: include/uapi/linux/bpf.h, Documentation/bpf; kernel.bpf_stats_enabled in sysctl/kernel.rst.
"""
import ctypes
import os
import platform
import re
import struct

NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
PROG_GET_NEXT_ID, PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 11, 13, 15
STATS = "/proc/sys/kernel/bpf_stats_enabled"
INFO_SIZE = 232

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    """The result, and @attr (bytes) as the kernel left it; OSError."""
    data = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    result = libc.syscall(NR_BPF, command, data, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return result, data.raw


def program_ids():
    ids, last = set(), 0
    while True:
        try:
            _, attr = bpf(PROG_GET_NEXT_ID, struct.pack("II", last, 0))
        except OSError:
            return ids
        last = struct.unpack_from("I", attr, 4)[0]
        ids.add(last)


def program(ident):
    """Instructions after the verifier's rewriting, bytes of machine code, and what its runs took."""
    fd, _ = bpf(PROG_GET_FD_BY_ID, struct.pack("I", ident))
    try:
        info = ctypes.create_string_buffer(INFO_SIZE)
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("IIQ", fd, INFO_SIZE, ctypes.addressof(info)))
    finally:
        os.close(fd)
    jited, xlated = struct.unpack_from("II", info.raw, 16)
    run_time, run_count = struct.unpack_from("QQ", info.raw, 192)
    return {"instructions": xlated // 8, "bytes": jited, "ns": run_time, "runs": run_count}


class Stats:
    """with Stats(): the kernel measures each run of a program (which costs some 20 ns a run)."""

    def __enter__(self):
        self.before = open(STATS).read()
        with open(STATS, "w") as f:
            f.write("1")

    def __exit__(self, *_):
        with open(STATS, "w") as f:
            f.write(self.before)


def map_bytes(pid):
    """The kernel memory of the maps that process @pid has open."""
    maps = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            text = open(f"/proc/{pid}/fdinfo/{fd}").read()
        except OSError:
            continue
        ident = re.search(r"^map_id:\s+(\d+)", text, re.M)
        if ident:
            maps[ident.group(1)] = int(re.search(r"^memlock:\s+(\d+)", text, re.M).group(1))
    return sum(maps.values())

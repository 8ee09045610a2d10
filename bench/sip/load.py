#!/usr/bin/env python3
"""load.py PROGRAM RATE SECONDS HELD: many calls held at once through the daemon, then SIPp at a steady
rate. Run it in a network namespace of its own (ns.sh). Prints; never judges."""
import csv
import os
import subprocess
import sys
import tempfile
import time

PROGRAM, RATE, SECONDS, HELD = sys.argv[1], *map(int, sys.argv[2:5])
HERE = os.path.dirname(os.path.abspath(__file__))


def resident(process):
    """What the process holds of memory, in kB."""
    for line in open(f"/proc/{process.pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def spent(process):
    """The CPU time of all its threads, in seconds."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sipp(folder, name, scenario, port, *more):
    command = ["sipp", "-sf", f"{HERE}/{scenario}", "-i", "127.0.0.1", "-p", str(port), "-nostdin",
               "-trace_stat", "-stf", f"{folder}/{name}.csv", "-fd", "1", *more]
    log = open(f"{folder}/{name}.log", "w")
    return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)


def caller(folder, name, calls, rate, pause, *more):
    return sipp(folder, name, "uac_invite.xml", 5080, "127.0.0.1:5060", "-r", str(rate), "-m", str(calls),
                "-l", str(calls), "-d", str(pause), *more)


def counted(folder, name):
    """Calls that succeeded, that failed, and messages sent again."""
    rows = list(csv.DictReader(open(f"{folder}/{name}.csv"), delimiter=";"))
    last = rows[-1] if rows else {}
    return [int(last.get(column) or 0) for column in
            ("SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)")]


def main():
    folder = tempfile.mkdtemp()
    state = os.path.join(folder, "state")
    daemon = subprocess.Popen([PROGRAM, "serve", f"{HERE}/trunkline", "--state", state],
                              stdout=subprocess.DEVNULL, stderr=open(f"{folder}/daemon.log", "w"))
    time.sleep(2)
    callee = sipp(folder, "callee", "uas.xml", 5070)
    print(f"idle: {resident(daemon) / 1024:.1f} MB")

    print(f"{HELD} calls held at once:")
    before = resident(daemon)
    held = caller(folder, "held", HELD, 500, 90_000)
    begun = time.time()
    while time.time() - begun < HELD / 500 + 45:
        time.sleep(5)
        now = resident(daemon)
        print(f"  {time.time() - begun:4.0f} s: {now / 1024:.1f} MB, "
              f"{(now - before) * 1024 / HELD:.0f} bytes a call more than before", flush=True)
    held.wait()
    print(f"  ended: {counted(folder, 'held')}, {resident(daemon) / 1024:.1f} MB")
    print(f"{RATE} calls a second for {SECONDS} s, each held for 2 s:")
    begun, cpu = time.time(), spent(daemon)
    steady = caller(folder, "steady", RATE * SECONDS, RATE, 2000)
    while steady.poll() is None:
        time.sleep(5)
        good, bad, again = counted(folder, "steady")
        print(f"  {time.time() - begun:4.0f} s: {good} good, {bad} failed, {again} sent again, "
              f"{resident(daemon) / 1024:.1f} MB, {spent(daemon) - cpu:.1f} s CPU", flush=True)
    _, _, again = counted(folder, "callee")
    print(f"  callee: {again} sent again")
    for process in (callee, daemon):
        process.terminate()
        process.wait()


main()

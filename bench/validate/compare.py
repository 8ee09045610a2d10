#!/usr/bin/env python3
"""CPU seconds (user + system) and peak memory of validators, interleaved, medians.

compare.py FOLDER REPETITIONS: FOLDER holds the repositories that ci/bench-validate makes and, below
`peers`, the peers. Prints tables; judges nothing.
"""
import os
import resource
import statistics
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
OURS = os.path.join(ROOT, "target", "release", "trunkline")
SCHEMAS = os.path.join(ROOT, "schemas")
HERE = os.path.dirname(os.path.abspath(__file__))


def run(command, folder):
    """CPU seconds and peak KiB of one run, which has to succeed."""
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    words = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} failed with {child.returncode}: {words.decode(errors='replace')[-2000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def files(folder):
    found = []
    for path, _, names in os.walk(folder):
        found += [os.path.join(path, name) for name in names if name.endswith(".yaml")]
    return sorted(found)


def documents(folder):
    total = 0
    for name in files(folder):
        with open(name, encoding="utf-8") as file:
            total += sum(line.startswith("apiVersion:") for line in file)
    return total


def table(title, folder, commands, peers, repetitions):
    count = documents(folder)
    print(f"\n{title}: {count:,} documents in {len(files(folder)):,} files, median of {repetitions}")
    figures = {name: [] for name in commands}
    for _ in range(repetitions):
        for name, command in commands.items():
            figures[name].append(run(command, peers))
    ours = None
    print(f"{'':24}{'CPU s':>9}{'documents/CPU s':>18}{'peak MiB':>10}{'times ours':>12}")
    for name, runs in figures.items():
        cpu = statistics.median(one[0] for one in runs)
        peak = statistics.median(one[1] for one in runs) / 1024
        ours = ours or cpu
        print(f"{name:24}{cpu:9.3f}{count / cpu:18,.0f}{peak:10.0f}{cpu / ours:12.1f}")


def main():
    folder, repetitions = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    # Peers take every file as an argument.
    resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    peers = os.path.join(folder, "peers")
    schema = os.path.join(SCHEMAS, "any.schema.json")

    def ours(path):
        return [OURS, "validate", path]

    def ajv(path):
        return ["node", os.path.join(HERE, "ajv.mjs"), SCHEMAS, path]

    def at(name):
        return os.path.join(folder, name)

    large, single = at("100000-by-500"), at("10000-by-1")
    table("Large files", large, {"trunkline": ours(large), "ajv + js-yaml": ajv(large)}, peers, repetitions)
    sourcemeta = [os.path.join(peers, "node_modules/.bin/jsonschema"), "validate", "--fast", schema]
    check = [os.path.join(peers, "venv/bin/check-jsonschema"), "--schemafile", schema]
    commands = {
        "trunkline": ours(single),
        "sourcemeta jsonschema": sourcemeta + files(single),
        "ajv + js-yaml": ajv(single),
        "check-jsonschema": check + files(single),
    }
    table("A file for each document", single, commands, peers, repetitions)
    print("\nGrowth, trunkline alone (everything it checks):")
    for name in ("1000-by-500", "10000-by-500", "100000-by-500", "100000-by-1"):
        table(name, at(name), {"trunkline": ours(at(name))}, peers, repetitions)


main()

#!/usr/bin/env python3
"""What a call of the command line tool costs, in instructions, and how large it is: usage: costs.py BINARY

The instructions are callgrind's, which repeat within a tenth of a percent on any machine of this kind. The binary is a release
build. Ends with 1 when something costs more than it may.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

VERSION, LIST, SIZE = 1_000_000, 1_500_000, 8 << 20


def instructions(command, env):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command]
        done = subprocess.run(valgrind, env=env, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{command} ended with {done.returncode}:\n{done.stderr}")
        with open(out, encoding="utf-8") as file:
            return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.M).group(1))


def main():
    binary = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        url = os.path.join(folder, "url")
        env = {
            "PATH": os.environ["PATH"],
            "POCKETPING_CONFIG_DIR": folder,
            "POCKETPING_STATE_DIR": folder,
            "POCKETPING_API_KEY": "cost_key",
        }
        server = subprocess.Popen(
            [binary, "mock", "--port", "0", "--seed", "demo", "--ready-file", url], env=env, stdout=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + 30
            while not os.path.exists(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit("the server did not start")
                time.sleep(0.01)
            with open(url, encoding="utf-8") as file:
                env["POCKETPING_API_URL"] = file.read().strip()
            rows = [
                ("pocketping --version", instructions([binary, "--version"], env), VERSION, "instructions"),
                ("pocketping sessions list", instructions([binary, "sessions", "list"], env), LIST, "instructions"),
                ("the binary, stripped", os.path.getsize(binary), SIZE, "bytes"),
            ]
        finally:
            server.terminate()
            server.wait()
    for what, cost, most, unit in rows:
        print(f"{what:<26} {cost:>10,} {unit:<12} of {most:>10,} at most: {cost / most:.2f}")
    sys.exit(any(cost > most for _, cost, most, _ in rows))


if __name__ == "__main__":
    main()

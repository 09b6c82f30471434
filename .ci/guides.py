#!/usr/bin/env python3
"""Runs the guides of pocketping-mock-server/docs/testing.md as they stand, against the binary that is given."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GUIDES = [
    ("js", "answer.test.mjs", ["node", "--test", "answer.test.mjs"]),
    ("python", "answer_test.py", [sys.executable, "-m", "unittest", "answer_test.py"]),
    ("go", "answer_test.go", ["go", "test", "answer_test.go"]),
]


def main(binary: str) -> int:
    text = Path("pocketping-mock-server/docs/testing.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder, "mock.url")
        server = subprocess.Popen([binary, "mock", "--port", "0", "--any-key", "--ready-file", ready])
        try:
            until = time.monotonic() + 30
            while not ready.exists():
                if server.poll() is not None or time.monotonic() > until:
                    print("the server does not start", file=sys.stderr)
                    return 1
                time.sleep(0.01)
            environment = os.environ | {"MOCK_URL": ready.read_text().strip(), "GO111MODULE": "off"}
            for language, name, command in GUIDES:
                block = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
                if block is None:
                    print(f"there is no {language} in the guide", file=sys.stderr)
                    return 1
                Path(folder, name).write_text(block.group(1), encoding="utf-8")
                if language == "go" and shutil.which("go") is None:
                    print("go: SKIPPED, there is no Go here")
                    continue
                subprocess.run(command, cwd=folder, env=environment, check=True)
                print(f"{language}: ran")
        finally:
            server.terminate()
            server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))

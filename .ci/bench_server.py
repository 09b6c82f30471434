"""PocketPing's own server for Python, as its documentation starts it: what `.ci/bench.py` compares with. It says where it is."""

import socket
import sys

import uvicorn
from fastapi import FastAPI
from pocketping import PocketPing
from pocketping.fastapi import create_router


def main():
    app = FastAPI()
    app.include_router(create_router(PocketPing(), prefix="/pocketping"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())

"""The worker, quick to start: one process imports it and forks for each task; what Batch starts hands the task over.

Without an argument this is what Batch starts: it passes its environment on and ends with the exit code it is told.
With a port as its argument it is the process that forks. The worker's code, its output and its exit codes are the
real ones; only the second of importing is saved.
"""

import os
import socket
import sys

_SEPARATOR = "\0"
_END = b"\0\0"


def hand_over() -> int:
    """Have the task done; return the exit code."""
    with socket.create_connection(("127.0.0.1", int(os.environ["WARM_WORKER"]))) as server:
        server.sendall(_SEPARATOR.join(f"{name}={value}" for name, value in os.environ.items()).encode() + _END)
        answer = server.recv(16)
    return int(answer) if answer else 1


def serve(port: int) -> None:
    """Fork for each task."""
    import importlib
    import signal

    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for module in ("worker.__main__", "worker.batch_task", "worker.storage", "azure.storage.blob"):
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.create_server(("127.0.0.1", port), backlog=64) as listening:
        print(f"listening on http://127.0.0.1:{port}", flush=True)
        while True:
            client, _ = listening.accept()
            if os.fork() == 0:
                os._exit(work(client))
            client.close()


def work(client: socket.socket) -> int:
    """Do one task as a process of its own."""
    import signal

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a worker on several cores waits for its children
    document = b""
    while not document.endswith(_END):
        document += client.recv(65_536)
    given = document.removesuffix(_END).decode().split(_SEPARATOR)
    os.environ.clear()
    os.environ.update(pair.partition("=")[::2] for pair in given)
    os.chdir(os.environ["AZ_BATCH_TASK_WORKING_DIR"])
    for number, name in ((1, "stdout.txt"), (2, "stderr.txt")):
        os.dup2(os.open(f"../{name}", os.O_WRONLY | os.O_APPEND), number)
    from worker.__main__ import main

    code = int(main([]))
    sys.stderr.flush()
    client.sendall(str(code).encode())
    return code


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(int(sys.argv[1]))
    else:
        sys.exit(hand_over())

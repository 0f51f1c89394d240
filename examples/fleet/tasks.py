"""The Python half of the fleet: a worker with one task, and a client of the Rust worker.

`celery -A tasks worker -Q words` is the worker; `python tasks.py PICTURE` asks the Rust worker for a small version.
"""

import os
import sys

from celery import Celery

url = os.environ["CELERY_BROKER_URL"]
app = Celery("tasks", broker=url, backend=url)
app.conf.broker_connection_retry_on_startup = True


@app.task(name="words.describe")
def describe(path):
    with open(path, "rb") as file:
        kind, width, height = file.readline().split()[:3]
    if kind != b"P6":
        raise ValueError(f"{path} is no picture")
    return f"{os.path.basename(path)}: {int(width)} x {int(height)} pixels"


if __name__ == "__main__":
    thumb = app.signature("images.thumb", args=(sys.argv[1],), kwargs={"width": 16}, queue="images")
    print("from Python:", describe(thumb.apply_async().get(timeout=60)))

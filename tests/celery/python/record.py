"""Records what Celery writes: `python record.py PORT FOLDER`, with an empty Redis at the port.

The messages of the installed version, as they lie in the queue, go to FOLDER, one file each, and the results of its worker's
store. They are the unit tests of the room `wire`. Ids, hosts and times are replaced, so that a second run gives the same files.
"""

import base64
import datetime
import decimal
import json
import os
import re
import sys
import uuid

import celery
import redis

port, folder = int(sys.argv[1]), sys.argv[2]
url = f"redis://127.0.0.1:{port}/0"
app = celery.Celery("recorded", broker=url, backend=url)
client = redis.Redis(port=port)
os.makedirs(folder, exist_ok=True)


@app.task(name="task")
def task(*args, **kwargs):
    pass


def same(text):
    """Replaces what differs from run to run, in the body too."""
    body = re.search(r'"body": "([\w+/=]+)"', text)
    if body and not text.count("application/x-gzip"):
        inside = same(base64.b64decode(body[1]).decode())
        text = text.replace(body[1], base64.b64encode(inside.encode()).decode())
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "11111111-2222-4333-8444-555555555555", text)
    text = re.sub(r"\"expiration\": \"\d+\"", "\"expiration\": \"1000\"", text)
    text = re.sub(r"gen\d+@[\w.-]+", "gen1@host", text)
    return re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+", "2026-01-02T03:04:05.678901", text)


def save(name, text):
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
        file.write(same(text) + "\n")


def record(name, signature, key="celery", **options):
    signature.apply_async(**options)
    save("message_" + name, client.rpop(key).decode())
    client.flushdb()


TYPED = [
    b"abc", b"\xff\x00", datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc), datetime.date(2023, 11, 14),
    datetime.time(22, 13, 20), decimal.Decimal("0.10"), uuid.UUID(int=255),
]
FAR = datetime.datetime(2030, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)

record("plain", task.s(1, "two", [3.5, None, True]))
record("kwargs", task.s(1, width=2, text="žluťoučký \U0001f40e"))
record("typed", task.s(*TYPED))
record("eta", task.s(), eta=FAR)
record("eta_offset", task.s(), eta=FAR.astimezone(datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))))
record("countdown", task.s(), countdown=3600)
record("expires", task.s(), expires=FAR)
record("priority", task.s(), key="celery\x06\x166", priority=7)
record("limits", task.s(), time_limit=30, soft_time_limit=20.5)
record("ignored", task.s(), ignore_result=True)
record("headers", task.s(), headers={"tenant": "a", "nested": {"delivery_tag": "x"}})
record("stamped", task.s().stamp(visitor=None, mark="m") if hasattr(task.s(), "stamp") else task.s())
record("link", task.s(), link=task.s("after"), link_error=task.s("failed"))
record("chain", celery.chain(task.s(1), task.s(2), task.si(3)))
record("group", celery.group(task.s(1), task.s(2)))
record("chord", celery.chord([task.s(1), task.s(2)], task.s("body")))
record("gzip", task.s(1), compression="gzip")

ID = "11111111-2222-4333-8444-555555555555"


def stored(name, store):
    store(app.backend)
    save("result_" + name, client.get("celery-task-meta-" + ID).decode())
    client.flushdb()


stored("success", lambda backend: backend.store_result(ID, {"a": [1, 2.5, None]}, "SUCCESS"))
stored("typed", lambda backend: backend.store_result(ID, TYPED, "SUCCESS"))
stored("failure", lambda backend: backend.mark_as_failure(ID, KeyError("key", 7), traceback="Traceback .."))
stored("retry", lambda backend: backend.mark_as_retry(ID, ValueError("again"), traceback="Traceback .."))
stored("revoked", lambda backend: backend.mark_as_revoked(ID, "expired"))
stored("started", lambda backend: backend.mark_as_started(ID, pid=1, hostname="w@host"))
stored("nan", lambda backend: backend.store_result(ID, float("nan"), "SUCCESS"))
stored("huge", lambda backend: backend.store_result(ID, 2**80, "SUCCESS"))
app.close()
print(len(os.listdir(folder)), "files of", celery.__version__)

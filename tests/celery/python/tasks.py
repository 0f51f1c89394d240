"""The tasks of the Python worker, and the client's side of tests that begin in Python."""

import datetime
import decimal
import os
import time
import uuid

from celery import Celery
import redis

app = Celery("tasks", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_BROKER_URL"])
app.conf.task_default_queue = "py"
app.conf.broker_connection_retry_on_startup = True
app.conf.result_extended = bool(os.environ.get("EXTENDED"))
# Long enough for a test, short enough to see what happens after it.
app.conf.broker_transport_options = {
    "visibility_timeout": float(os.environ.get("VISIBILITY", "3600")),
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
if "PREFIX" in os.environ:
    app.conf.broker_transport_options["global_keyprefix"] = os.environ["PREFIX"]
    app.conf.result_backend_transport_options = {"global_keyprefix": os.environ["BACKEND_PREFIX"]}
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 1


@app.task(name="py.add")
def add(x, y=1):
    return x + y


@app.task(name="py.echo")
def echo(what):
    return what


@app.task(name="py.typed")
def typed():
    return {
        "bytes": b"abc",
        "binary": b"\xff\x00",
        "datetime": datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc),
        "date": datetime.date(2023, 11, 14),
        "time": datetime.time(22, 13, 20),
        "decimal": decimal.Decimal("0.10"),
        "uuid": uuid.UUID(int=255),
    }


@app.task(name="py.headers", bind=True)
def headers(self):
    return [self.request.get("tenant"), self.request.id]


@app.task(name="py.raises")
def raises(why):
    raise KeyError(why, 7)


@app.task(name="py.nan")
def nan():
    return float("nan")


@app.task(name="py.huge")
def huge():
    return 2**80


@app.task(name="py.count")
def count(port, key, millis):
    n = redis.Redis(port=port).incr(key)
    time.sleep(millis / 1000)
    return n


@app.task(name="rs.CountSlowFirst")
def count_slow_first(port, key, millis):
    n = redis.Redis(port=port).incr(key)
    time.sleep(millis / 1000 if n == 1 else 0)
    return n


# The Rust worker has it too: who of the two runs it is open.
app.task(name="rs.Count")(count.run)

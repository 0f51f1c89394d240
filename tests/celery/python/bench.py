"""Figures of Celery's Python client: `python bench.py trips TASK QUEUE N`, `delays N`, or `batch TASK QUEUE N`; prints seconds."""

import sys
import time

from tasks import add, app

what, *rest = sys.argv[1:]

if what == "trips":
    # The median of round trips, one after the other.
    task, queue, count = rest[0], rest[1], int(rest[2])
    times = []
    for n in range(count):
        start = time.perf_counter()
        app.send_task(task, (n, 1), queue=queue).get(timeout=60)
        times.append(time.perf_counter() - start)
    print(sorted(times)[count // 2])
elif what == "delays":
    # Calls that are sent one by one, to a queue that nobody serves.
    count = int(rest[0])
    start = time.perf_counter()
    for n in range(count):
        add.apply_async((n, 1), queue="nobody")
    print(time.perf_counter() - start)
else:
    task, queue, count = rest[0], rest[1], int(rest[2])
    start = time.perf_counter()
    calls = [app.send_task(task, (n, 1), queue=queue) for n in range(count)]
    for call in calls:
        call.get(timeout=600)
    print(time.perf_counter() - start)

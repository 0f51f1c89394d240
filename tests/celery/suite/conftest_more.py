
# What follows is appended to the suite's own conftest.py: a worker of Rust in place of Python's, and the verdicts.

import subprocess  # noqa: E402

from celery.utils.nodenames import anon_nodename  # noqa: E402

VERDICTS = {}
with open(os.environ["SUITE_VERDICTS"], encoding="utf-8") as lines:
    for line in lines:
        if line.strip() and not line.startswith("#"):
            name, _, why = line.strip().partition(" ")
            VERDICTS[name] = why.strip()


@pytest.fixture(scope="session")
def celery_session_worker(celery_session_app):
    worker = subprocess.Popen([os.environ["SUITE_WORKER"], TEST_BROKER, "1", anon_nodename()])
    yield worker
    worker.terminate()
    assert worker.wait(30) == 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(60), append=False)
        name = item.nodeid.split("test_tasks.py::")[1]
        why = VERDICTS.get(name) or VERDICTS.get(name.split("[")[0]) or VERDICTS.get(name.split("::")[0])
        if why:
            item.add_marker(pytest.mark.skip(reason=why))

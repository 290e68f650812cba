"""What the experiments do to a little shop: a folder with one file per pod, and one that names the database in use."""

from pathlib import Path


def terminate_pods(folder, count=1):
    pods = sorted(Path(folder).glob("pod-*"))[: int(count)]
    for pod in pods:
        pod.unlink()
    return [pod.name for pod in pods]


def failover_db_cluster(folder):
    (Path(folder) / "primary").write_text("b")


def pods_left(folder):
    return len(list(Path(folder).glob("pod-*")))


def wait_for(pipe):
    """Until somebody writes to it."""
    Path(pipe).read_text()


def put_back(folder):
    (Path(folder) / "rolled-back").touch()


def refused():
    raise PermissionError

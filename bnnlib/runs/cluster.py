"""The trainings of a sweep on a Ray cluster, or on a Ray of this machine alone.

Plain Ray tasks. A task gets the settings and returns the run as bytes, so machines share no disk;
Ray runs it elsewhere if its machine dies. docs/cluster.md says why not Ray Tune.
"""

import contextlib
import dataclasses
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from bnnlib.errors import BnnlibError
from bnnlib.runs.sweep import Trial
from bnnlib.runs.trial import Outcome, lacking, source_here, train_trial
from bnnlib.runs.turn import StoppedError

TRIES_ELSEWHERE = 3  # after a machine or a process died
AT_ONCE = 1_000  # tasks that Ray knows of
LOOK_SECONDS = 5.0  # between two looks at the machines, while nothing ends
REACH_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class Share:
    """What one training takes of a machine: cores, and GPUs, of which a part will do."""

    cores: int = 1
    gpus: float = 0.0

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' * (self.cores > 1)}"
        return cores + (f" and {self.gpus:g} GPU" if self.gpus else "")


@contextlib.contextmanager
def connected(address: str = "", quiet: bool = True) -> Iterator[Any]:
    """The module `ray`, connected to the cluster at HOST:PORT, or to a new one of this machine.

    quiet: the machines' output stays there. Raises BnnlibError if Ray is not installed, or the
    cluster is out of reach.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report home
    if address:  # Ray would wait for more than six minutes where something else answers
        os.environ.setdefault("RAY_py_gcs_connect_timeout_s", "5")
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
    try:
        import ray
    except ImportError as error:
        raise BnnlibError(
            "A sweep needs Ray, which is not installed: "
            "run python -m pip install 'bnnlib[cluster]'."
        ) from error
    if address:
        _check_reach(address)
    try:
        ray.init(
            address=address or "local",
            logging_level="ERROR",
            log_to_driver=not quiet,
            **({} if address else {"include_dashboard": False}),
        )
    except Exception as error:  # Ray names no exception of its own
        raise BnnlibError(
            f"Ray cannot work with {address or 'this machine'} "
            f"({str(error).strip().partition(chr(10))[0].rstrip('.') or type(error).__name__}): "
            "look whether the same Ray runs there, by ray status."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_reach(address: str) -> None:
    """Ray itself would wait for minutes."""
    if reason := _unreachable(address):
        raise BnnlibError(
            f"No cluster answers at {address!r} ({reason}): give the HOST:PORT that "
            "ray start --head printed, and start the sweep on a machine of the cluster."
        )


def _unreachable(address: str) -> str:
    """Why nothing answers at HOST:PORT; "" if something does."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        return str(error)
    return ""


def machines(ray: Any) -> list[dict[str, Any]]:
    """The living machines that may train, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]


def fair_share(ray: Any, cores: int, gpus: float | None) -> Share:
    """What each training gets; gpus: None is one where the cluster has any.

    Raises BnnlibError if no machine has that much.
    """
    if gpus is None:
        gpus = 1.0 if any(node["Resources"].get("GPU") for node in machines(ray)) else 0.0
    share = Share(cores, gpus)
    if not any(_fits(node, share) for node in machines(ray)):
        most = max((int(node["Resources"]["CPU"]) for node in machines(ray)), default=0)
        raise BnnlibError(
            f"No machine has {share} for a training: the largest has {most} cores, "
            "so ask for less with --cores and --gpus."
        )
    return share


def _fits(node: dict[str, Any], share: Share) -> bool:
    has = node["Resources"]
    return has.get("CPU", 0) >= share.cores and has.get("GPU", 0) >= share.gpus


def places(ray: Any, share: Share) -> int:
    """How many trainings the cluster takes at a time."""
    return sum(
        min(
            int(node["Resources"]["CPU"] // share.cores),
            int(node["Resources"].get("GPU", 0) / share.gpus) if share.gpus else 1_000_000,
        )
        for node in machines(ray)
    )


def check_machines(ray: Any, trials: Sequence[Trial]) -> None:
    """Raises BnnlibError if a machine lacks bnnlib, or what the trials learn from."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    configs, asked = list({trial.config.training for trial in trials}), []
    for node in machines(ray):
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = ray.remote(lacking).options(num_cpus=0, scheduling_strategy=there)
        asked.append((node["NodeManagerAddress"], task.remote(configs, source_here())))
    for address, answer in asked:
        try:
            missing = ray.get(answer)
        except ray.exceptions.RayError as error:
            reason = str(getattr(error, "cause", error)).strip().rpartition("\n")[2].rstrip(".")
            missing = f"bnnlib cannot be loaded there ({reason}), so install the same version"
        if missing:
            raise BnnlibError(f"The machine {address} cannot train: {missing}.")


def train_all(ray: Any, trials: Sequence[Trial], share: Share) -> Iterator[tuple[Trial, Outcome]]:
    """Train them, as many at a time as there is room for; each as it ends.

    Raises BnnlibError if the cluster is lost, or no machine is left to train on.
    """
    task = ray.remote(_train).options(
        num_cpus=share.cores, num_gpus=share.gpus, max_retries=TRIES_ELSEWHERE
    )
    source, waiting, working = source_here(), list(reversed(trials)), dict[Any, Trial]()
    head = ray.get_runtime_context().gcs_address
    while waiting or working:
        while waiting and len(working) < AT_ONCE:
            trial = waiting.pop()
            working[task.remote(trial.config.to_json(), source, share.cores)] = trial
        ended, _ = ray.wait(list(working), timeout=LOOK_SECONDS)
        for reference in ended:
            yield working.pop(reference), _outcome(ray, reference)
        if not ended and _unreachable(head):  # Ray would end this process after a minute
            raise BnnlibError(
                "The cluster was lost: start it, then run the sweep again to go on with the rest."
            )
        if not ended and not any(_fits(node, share) for node in machines(ray)):
            raise BnnlibError(
                "No machine is left that could train: start some (ray start), "
                "then run the sweep again to go on with the rest."
            )


def _train(config: dict[str, Any], source: str, cores: int) -> Outcome:
    import ray

    try:
        outcome = train_trial(config, source, cores)
    except StoppedError:
        os._exit(1)  # the machine is shut down: to Ray a death, so it trains this elsewhere
    here = ray.get_runtime_context().get_node_id()[:4]
    return dataclasses.replace(outcome, where=f"{socket.gethostname()}/{here}")


def _outcome(ray: Any, reference: Any) -> Outcome:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        kind = type(error).__name__
        tries = TRIES_ELSEWHERE + 1
        return Outcome(
            message=f"Its process died {tries} times ({kind}): look at the machine's memory."
            if not isinstance(error, ray.exceptions.RayTaskError)
            else f"It failed unexpectedly ({str(error.cause).strip().partition(chr(10))[0]})."
        )

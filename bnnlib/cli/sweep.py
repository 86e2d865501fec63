"""`python -m bnnlib sweep`: many trainings from a file, on this machine or on a cluster."""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from bnnlib.errors import BnnlibError
from bnnlib.places import runs_folder
from bnnlib.runs.archive import import_run
from bnnlib.runs.cluster import (
    check_machines,
    connected,
    fair_share,
    machines,
    places,
    train_all,
)
from bnnlib.runs.folder import free_name
from bnnlib.runs.limits import ASK_ABOVE, MAX_TRIALS
from bnnlib.runs.run import Run
from bnnlib.runs.sweep import Trial, finished, read_sweep
from bnnlib.runs.trial import Outcome, lacking, source_here
from bnnlib.training.limits import check_range

HEAD = f"{'run':<50}{'state':<10}{'error':>8}{'NLL':>9}{'seconds':>9}  where"


def sweep(options: argparse.Namespace) -> int:
    """Train what the file says and is not there yet; the exit code, 1 if a training failed."""
    trials = read_sweep(Path(options.spec))
    return 0 if len(train_trials(trials, options)) == len(trials) or options.dry_run else 1


def train_trials(trials: Sequence[Trial], options: argparse.Namespace) -> dict[Trial, Run]:
    """The finished runs of the trials, those that were there before and those trained now.

    options: of `add_cluster_options` in the parser. With `dry_run` nothing is trained. Raises
    BnnlibError before any training if it is impossible.
    """
    check_range("--cores", options.cores, 1, 1_024, whole=True)
    check_range("--gpus", options.gpus or 0, 0, 64)
    folder = Path(options.runs).absolute() if options.runs else runs_folder()
    done = finished(folder, trials)
    rest = [trial for trial in trials if trial not in done]
    if options.dry_run:
        print("\n".join(_listed(trial, done.get(trial)) for trial in trials))
    print(f"{len(trials):,} trainings, {len(done):,} finished before.", file=sys.stderr)
    if options.dry_run or not rest:
        return done
    if len(rest) > ASK_ABOVE and not options.address and not options.yes:
        raise BnnlibError(
            f"There are {len(rest):,} trainings for this one machine: say --yes if you mean it, "
            "or give a cluster's --address."
        )
    if missing := lacking([trial.config.training for trial in rest], source_here()):
        raise BnnlibError(f"This machine cannot start the sweep: {missing}.")
    with connected(options.address or "", quiet=not options.verbose) as ray:
        share = fair_share(ray, options.cores, options.gpus)
        if options.address:
            check_machines(ray, rest)
        print(
            f"At a time: {places(ray, share)}. Machines: {len(machines(ray))}. Each training: "
            f"{share} of one. Results: {folder}\n\n{HEAD}",
            flush=True,
        )
        failed = 0
        with tqdm(total=len(rest), unit="training", file=sys.stderr, dynamic_ncols=True) as bar:
            for trial, outcome in train_all(ray, rest, share):
                try:
                    done[trial] = _kept(trial, outcome, folder)
                    row = _row(trial, outcome, done[trial])
                except BnnlibError as error:
                    failed += 1
                    row = f"{trial.name:<50}{'failed':<10}{error}"
                tqdm.write(row, file=sys.stdout)
                sys.stdout.flush()
                bar.set_postfix(failed=failed)
                bar.update()
    again = ": the same command tries them again" if failed else ""
    print(f"\n{len(rest) - failed:,} trained, {failed:,} failed{again}.")
    return done


def _kept(trial: Trial, outcome: Outcome, folder: Path) -> Run:
    """The outcome as a run folder; raises BnnlibError for a failed one."""
    if outcome.message:
        raise BnnlibError(outcome.message)
    where = folder / free_name(trial.name, folder)
    return import_run(io.BytesIO(outcome.archive), where, MAX_TRIALS)


def _listed(trial: Trial, run: Run | None) -> str:
    state = f"finished ({run.name})" if run else "to train"
    return f"{trial.name:<50}{state}: {trial.words}"


def _row(trial: Trial, outcome: Outcome, run: Run) -> str:
    """The validation figures; those of the test images are in the run, for who asks for them."""
    state = run.state() or {}
    found = (state.get("figures") or {}).get("validation", {})
    return (
        f"{run.name:<50}{'trained':<10}{found.get('error', float('nan')):>8.2%}"
        f"{found.get('nll', float('nan')):>9.4f}{outcome.seconds:>9.1f}  {outcome.where}"
    )

"""Made the files beside it, run in a checkout of commit dee1311: `python make.py FOLDER`.

It uses names of that version, so it does not run with the present code. The files are never made
again: they stand for what people have on their disks.
"""

import io
import json
import shutil
import sys
import zipfile
from pathlib import Path

import torch
from bnnlib.checkpoints import save_checkpoint
from bnnlib.commands import make_card
from bnnlib.commands_ensemble import assemble
from bnnlib.data import Digits, load_mnist
from bnnlib.models import BayesianConfig, DropoutConfig
from bnnlib.predict import sample_probs
from bnnlib.presets import TrainingConfig
from bnnlib.report import Plan, examine
from bnnlib.results import save_results
from bnnlib.run_config import RunConfig
from bnnlib.strokes import from_text, make_stroke, to_text
from bnnlib.transfer import export_run, keep_as_checkpoint

from bnnlib import data, worker
from bnnlib.runs import create_run
from bnnlib.training import build, fit

torch.set_num_threads(1)
here = Path(sys.argv[1]).absolute()
data.find_mnist = lambda: None
embedded = load_mnist()
first = (embedded.train, 300), (embedded.validation, 100), (embedded.test, 100)
few = Digits(*(part.select(torch.arange(n)) for part, n in first), source="embedded")
worker.load_mnist = lambda: few

DROPOUT = DropoutConfig(hidden=(8, 8, 8))
BAYESIAN = BayesianConfig(hidden=(8, 8, 8))
TRAINING = TrainingConfig(epochs=4, batch_size=50, lr=0.01, temperature=0.1, device="cpu")


def run_of(name, network, **changes):
    training = TrainingConfig(**{**vars(TRAINING), **changes})
    config = RunConfig(network, training, "quick", ("a digit", "another"))
    return create_run(here / "runs" / name, config, few.test.images[:2])


finished = run_of("finished", DROPOUT, average=0.9, classes=(1, 7), augment="full", calibrate=True)
assert worker.work(finished) == 0
with open(here / "exported.zip", "wb") as file:
    export_run(finished, file)

# A Bayesian run to its end, and the same one stopped after two epochs.
whole = run_of("whole", BAYESIAN, adversarial=1.0)
assert worker.work(whole) == 0
half = run_of("half-done", BAYESIAN, adversarial=1.0)
keep = worker.keep


def keep_then_stop(run, trainer, *rest):
    keep(run, trainer, *rest)
    if len(trainer.history) == 2:
        raise worker.StoppedError


worker.keep = keep_then_stop
assert worker.work(half) == 130
worker.keep = keep

checkpoints = here / "checkpoints"
keep_as_checkpoint(finished, checkpoints / "dropout")


def trained(name, network, seed):
    training = TrainingConfig(**{**vars(TRAINING), "seed": seed})
    network = build(network, seed)
    trainer = fit(network, few, training)
    save_checkpoint(checkpoints / name, network, make_card(few, training, trainer))


trained("bayesian", BayesianConfig(hidden=(3, 3, 3)), 0)
members = ["first", "second"]
for seed, name in enumerate(members):
    trained(name, DropoutConfig(hidden=(3, 3, 3)), seed)
network, card = assemble([str(checkpoints / name) for name in members])
save_checkpoint(checkpoints / "ensemble", network, card)

from bnnlib.checkpoints import load_checkpoint  # noqa: E402

plan = Plan(samples=5, ood=("noise",), shifts=("rotation",), refusal=True, temperature_scaling=True)
save_results(checkpoints / "dropout", examine(load_checkpoint(checkpoints / "dropout"), few, plan))

images = few.test.images[:5].float() / 255
answers = {
    name: sample_probs(load_checkpoint(checkpoints / name), images, 4, 0).mean(0).tolist()
    for name in ("dropout", "bayesian", "ensemble")
}
drawing = to_text([make_stroke([[60, 40], [200, 45], [120, 150], [90, 240]], 24)])
expected = {
    "answers": answers,
    "whole": [json.loads(line) for line in (whole.folder / "history.jsonl").open()],
    "strokes": [[stroke.points, stroke.width] for stroke in from_text(drawing)],
    "addresses": {
        "Draw": {"drawing": drawing, "samples": "50", "threshold": "80", "seed": "3"},
        "Uncertain_digits": {"network": "left", "measure": "mutual_information", "samples": "10"},
        "Train": {"run": "finished", "left": "ensemble"},
        "Evaluate": {"networks": "bayesian", "refused": "7.5", "by": "mutual_information"},
    },
}
(here / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")

packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in sorted(half.folder.glob("[!.]*")):
        archive.write(path, path.name)
(here / "half-done.zip").write_bytes(packed.getvalue())
for folder in (half.folder, whole.folder, *(checkpoints / name for name in members)):
    shutil.rmtree(folder)
for lock in here.rglob(".*"):
    if lock.is_file():
        lock.unlink()

"""How good and how honest predictions are, as the field measures it; plain functions of tensors, one concern a file.

`probs` are predictive probabilities `[B, C]` (the mean over samples), `labels` int64 `[B]`, `doubt` `[B]` any measure of
uncertainty (higher is less sure), `wrong` bool `[B]`. Whatever cannot be measured raises BnnlibError with the reason.
"""

from bnnlib.metrics.calibration import (
    Reliability,
    adaptive_ece,
    apply_temperature,
    ece,
    ece_interval,
    fit_temperature,
    reliability,
)
from bnnlib.metrics.detection import (
    against,
    auroc,
    auroc_interval,
    average_precision,
    detection,
    fpr_at_tpr,
)
from bnnlib.metrics.intervals import bootstrap_interval
from bnnlib.metrics.scores import (
    brier,
    briers,
    check_labels,
    check_probs,
    confusion,
    error,
    errors,
    nll,
    nlls,
    per_class_error,
)
from bnnlib.metrics.selective import (
    COVERAGES,
    accuracy_at_coverage,
    aurc,
    aurc_interval,
    refusal_threshold,
    risk_coverage,
)
from bnnlib.metrics.summary import figures
from bnnlib.metrics.uncertainty import MEASURES, WORDS, doubts, least_confidence

__all__ = [
    "COVERAGES",
    "MEASURES",
    "WORDS",
    "Reliability",
    "accuracy_at_coverage",
    "adaptive_ece",
    "against",
    "apply_temperature",
    "aurc",
    "aurc_interval",
    "auroc",
    "auroc_interval",
    "average_precision",
    "bootstrap_interval",
    "brier",
    "briers",
    "check_labels",
    "check_probs",
    "confusion",
    "detection",
    "doubts",
    "ece",
    "ece_interval",
    "error",
    "errors",
    "figures",
    "fit_temperature",
    "fpr_at_tpr",
    "least_confidence",
    "nll",
    "nlls",
    "per_class_error",
    "refusal_threshold",
    "reliability",
    "risk_coverage",
]

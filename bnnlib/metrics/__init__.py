"""How good and how honest predictions are: plain functions of tensors, one concern a file.

`probs` are predictive probabilities `[B, C]` (the mean over samples), `labels` int64 `[B]`, `doubt`
`[B]` any measure of uncertainty (higher is less sure), `wrong` bool `[B]`. Tensors of one call may
be on any device, all on the same. What cannot be measured raises BnnlibError with the reason.
"""

from bnnlib.metrics.calibration import (
    Reliability,
    adaptive_ece,
    ece,
    equal_mass_ece,
    reliability,
    squared_calibration_error,
    squared_calibration_error_interval,
)
from bnnlib.metrics.conformal import conformal_p
from bnnlib.metrics.detection import (
    against,
    auroc,
    auroc_interval,
    average_precision,
    detection,
    fpr_at_tpr,
)
from bnnlib.metrics.intervals import bootstrap_interval, paired_interval
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
    aurc_of_codes,
    refusal_threshold,
    risk_coverage,
)
from bnnlib.metrics.summary import figures
from bnnlib.metrics.tally import encode
from bnnlib.metrics.temperature import apply_temperature, fit_temperature
from bnnlib.metrics.uncertainty import (
    MEASURES,
    WORDS,
    corrected_mutual_information,
    doubts,
    least_confidence,
)

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
    "aurc_of_codes",
    "auroc",
    "auroc_interval",
    "average_precision",
    "bootstrap_interval",
    "brier",
    "briers",
    "check_labels",
    "check_probs",
    "conformal_p",
    "confusion",
    "corrected_mutual_information",
    "detection",
    "doubts",
    "ece",
    "encode",
    "equal_mass_ece",
    "error",
    "errors",
    "figures",
    "fit_temperature",
    "fpr_at_tpr",
    "least_confidence",
    "nll",
    "nlls",
    "paired_interval",
    "per_class_error",
    "refusal_threshold",
    "reliability",
    "risk_coverage",
    "squared_calibration_error",
    "squared_calibration_error_interval",
]

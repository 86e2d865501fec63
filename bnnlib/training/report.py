"""What one epoch of training reports, and that report in a line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochReport:
    """One epoch. Fractions are in [0, 1]; NLL and KL are in nats an image.

    loss: what is minimised, as the objective counts it. In adversarial training it is the mean of
    `clean_loss` (the images as they are) and `adversarial_loss` (the images moved); otherwise both
    are None. In reports of earlier versions `loss` was the clean part alone.
    outlier_loss: the mean of `outliers.disagreement` on what is no digit, before its weight; it is
    not in `loss`. None without such images.
    nll, kl, accuracy: of the sampled networks on the training images as they are, while they were
    learnt; `kl` is the KL of all weights divided by the training images, whatever the temperature.
    validation_*: of the posterior predictive on the validation images.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    nll: float
    kl: float | None
    validation_error: float
    validation_nll: float
    validation_ece: float
    temperature: float
    seconds: float
    clean_loss: float | None = None
    adversarial_loss: float | None = None
    outlier_loss: float | None = None


def line(report: EpochReport) -> str:
    """An epoch in a line."""
    parts = ""
    if report.clean_loss is not None and report.adversarial_loss is not None:
        parts = f" (clean {report.clean_loss:.5f}, adversarial {report.adversarial_loss:.5f})"
    if report.outlier_loss is not None:
        parts += f" (no digits {report.outlier_loss:.4f})"
    kl = "" if report.kl is None else f" KL {report.kl:.2f}"
    return (
        f"[Epoch {report.epoch}/{report.epochs}] loss: {report.loss:.5f}{parts} "
        f"accuracy: {report.accuracy:.3%} NLL {report.nll:.4f}{kl}"
        f" | validation error {report.validation_error:.2%} NLL {report.validation_nll:.4f}"
        f" ({report.seconds:.1f} s)"
    )

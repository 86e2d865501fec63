"""Make a torch classifier Bayesian: `convert` gives an `nn.Sequential` Bayesian linear layers."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bnnlib.errors import BnnlibError
from bnnlib.layers.bayesian_linear import BayesianLinear, register


class BayesianSequential(nn.Sequential):
    """Modules one after another, some of them `BayesianLinear`; asked like one such layer.

    Modules of other kinds are used as they are. What they learn is a point estimate, trained with
    the posterior. Nested `BayesianSequential`s are walked through.
    """

    def sample_prior(self, name: str, x: Tensor, **how: Any) -> Tensor:
        """In the model: sites `name.0`, `name.2`, ... under the priors, `[B, D] -> [B, H]`.

        `how`: one of `n_data` and `kl_weight`, and the rest, as for `BayesianLinear.sample_prior`.
        """
        return self._run(x, lambda part, layer, h: layer.sample_prior(f"{name}.{part}", h, **how))

    def sample_posterior(self, name: str, x: Tensor, **how: Any) -> Tensor:
        """In the guide: the same sites under the posteriors, whose parameters `SVI` then trains."""
        for part, module in self.named_modules():
            if not isinstance(module, BayesianLinear):
                register(f"{name}.{part}", module)
        return self._run(
            x, lambda part, layer, h: layer.sample_posterior(f"{name}.{part}", h, **how)
        )

    def mean(self, x: Tensor) -> Tensor:
        """The answer of the posteriors' means, without uncertainty, `[B, D] -> [B, H]`."""
        return self._run(x, lambda _, layer, h: layer.mean(h))

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        """One network from the posterior, its weights drawn once: a function `[B, D] -> [B, H]`."""
        drawn = {
            part: layer.draw(generator)
            for part, layer in self.named_modules()
            if isinstance(layer, BayesianLinear)
        }
        return lambda x: self._run(x, lambda part, _, h: drawn[part](h))

    def forward(self, x: Tensor) -> Tensor:
        """Raises BnnlibError: a Bayesian network has many answers, so say which is meant."""
        raise BnnlibError(
            "A Bayesian network has no single answer: use draw(generator)(x) for one sampled, "
            "mean(x) for the posteriors' means, or sample_prior and sample_posterior in Pyro."
        )

    def _run(
        self, x: Tensor, ask: Callable[[str, BayesianLinear, Tensor], Tensor], prefix: str = ""
    ) -> Tensor:
        for name, part in self.named_children():
            if isinstance(part, BayesianSequential):
                x = part._run(x, ask, f"{prefix}{name}.")
            else:
                x = ask(prefix + name, part, x) if isinstance(part, BayesianLinear) else part(x)
        return x


def convert(
    module: nn.Sequential, prior_scale: float = 1.0, initial_scale: float = 0.05
) -> BayesianSequential:
    """A copy of `module` whose linear layers are `BayesianLinear`; `module` itself stays as it is.

    The posterior's means start at the module's weights and biases, its standard deviations at
    `initial_scale`. The prior of every weight and bias is N(0, prior_scale^2). A layer without a
    bias gets none. Modules of other kinds are copied as they are; `nn.Sequential`s inside are
    converted too.

    Raises BnnlibError for what is not an `nn.Sequential`, has no linear layer, holds one inside a
    module of another kind, uses one twice, or changes one (a subclass, a hook, a lazy layer).
    """
    if not isinstance(module, nn.Sequential):
        raise BnnlibError(
            f"convert was given a {type(module).__name__}: expected an nn.Sequential of layers."
        )
    linear = [part for part in _parts(module) if isinstance(part, nn.Linear)]
    if not linear:
        raise BnnlibError("The module has no linear layer: there is nothing to make Bayesian.")
    if len(set(map(id, linear))) < len(linear):
        raise BnnlibError("A linear layer is used twice: its KL would be counted twice, copy it.")
    return _converted(module, prior_scale, initial_scale, "")


def _parts(module: nn.Sequential) -> list[nn.Module]:
    """The modules in the order of their use, those of nested `nn.Sequential`s among them."""
    return [
        leaf
        for part in module
        for leaf in (_parts(part) if isinstance(part, nn.Sequential) else [part])
    ]


def _converted(
    module: nn.Sequential, prior_scale: float, initial_scale: float, prefix: str
) -> BayesianSequential:
    if type(module).forward is not nn.Sequential.forward:
        raise BnnlibError(
            f"{type(module).__name__} has a forward of its own: expected a plain nn.Sequential."
        )
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for name, part in module._modules.items():
        assert part is not None
        if isinstance(part, nn.Sequential):
            parts[name] = _converted(part, prior_scale, initial_scale, f"{prefix}{name}.")
        elif isinstance(part, nn.Linear):
            parts[name] = _bayesian(part, prior_scale, initial_scale, prefix + name)
        elif any(isinstance(inner, nn.Linear) for inner in part.modules()):
            raise BnnlibError(
                f"Layer {prefix + name} ({type(part).__name__}) has linear layers inside, which "
                "would stay as they are: expected them in an nn.Sequential."
            )
        else:
            parts[name] = copy.deepcopy(part)
    return BayesianSequential(parts).train(module.training)


@torch.no_grad()
def _bayesian(
    linear: nn.Linear, prior_scale: float, initial_scale: float, name: str
) -> BayesianLinear:
    if type(linear) is not nn.Linear or linear._forward_hooks or linear._forward_pre_hooks:
        raise BnnlibError(
            f"Layer {name} ({type(linear).__name__}) is a changed nn.Linear: expected a plain one, "
            "without hooks and, if it is lazy, after its first call."
        )
    weight, bias = linear.weight, linear.bias
    layer = BayesianLinear(
        linear.in_features,
        linear.out_features,
        bias=bias is not None,
        prior_scale=prior_scale,
        initial_scale=initial_scale,
        initial_mean=0.0,
    ).to(weight)
    layer.loc[: linear.in_features] = weight.t()
    if bias is not None:
        layer.loc[-1] = bias
    return layer

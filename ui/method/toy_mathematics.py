"""The formulas of the toy, with every symbol named, and where they are from."""

import streamlit as st

from bnnlib.toy import dropout, ensemble, mean_field, reference
from bnnlib.toy.model import WIDE, Toy


def mathematics() -> None:
    """The model, the four ways to its posterior, the split of the variance, the references."""
    toy = Toy()
    st.markdown(rf"""
**The model.** A point is $(x_n, y_n)$, $n = 1 \dots N$. A network with one layer of $H$ hidden
units gives the curve $f$. The logarithm of the noise's standard deviation $\sigma$ is a straight
line, and $\varepsilon_n$ is standard normal noise:

$$
y_n = f(x_n) + \sigma(x_n)\,\varepsilon_n, \quad \varepsilon_n \sim \mathcal N(0, 1), \qquad
f(x) = \sum_{{k=1}}^{{H}} v_k \tanh(w_k x + b_k) + c, \qquad
\log \sigma(x) = \log \sigma_0 + r + s\,x .
$$

$w_k$ and $b_k$ are the weight and the bias of hidden unit $k$, $v_k$ is its weight in the output,
$c$ the output's bias; $r$ and $s$ are the noise's level and slope. All of them together are
$\theta$. Their priors are normal with mean 0 and standard deviations {toy.hidden_scale:g} for
$w_k, b_k$; {toy.output_scale:g}$/\sqrt H$ for $v_k, c$; {toy.noise_scale:g} for $r, s$.
$\sigma_0 = {toy.noise:g}$. $H = {toy.units}$ for the reference and mean-field, {WIDE} for dropout
and the ensemble. $D$ stands for all points.

**The split.** With $\theta$ from the posterior $p(\theta \mid D)$ the variance of a new $y$ at $x$
is, by the law of total variance,

$$
\operatorname{{Var}}[y] = \underbrace{{\operatorname{{Var}}_\theta[f(x)]}}_{{\text{{epistemic}}}}
+ \underbrace{{\mathbb E_\theta[\sigma^2(x)]}}_{{\text{{aleatoric}}}} .
$$

**Reference.** The No-U-Turn sampler (NUTS) draws $\theta$ from the posterior itself, up to sampling
error. Given the hidden layer and the noise, $f$ is linear in $u = (v_1, \dots, v_H, c)$, so $u$ is
integrated out exactly: with $\Phi$ the hidden values with a column of ones `[N, H + 1]`, $\tau$
the prior standard deviation of $u$, and $I$ the unit matrix,

$$
y \mid w, b, r, s \sim \mathcal N\big(0,\; \tau^2 \Phi \Phi^\top +
\operatorname{{diag}} \sigma^2(x_n)\big), \qquad
u \mid y, w, b, r, s \sim \mathcal N\big(M^{{-1}} \Phi^\top S y,\; M^{{-1}}\big), \quad
M = I / \tau^2 + \Phi^\top S \Phi ,
$$

where $y$ is the vector of all $y_n$ and $S$ the diagonal matrix of $1 / \sigma^2(x_n)$.
{reference.CHAINS} chains have {reference.DRAWS} draws each, after {reference.WARMUP} draws of
warm-up. $\hat R$ compares the variance between half chains with that within them: near 1 they
agree. The largest $\hat R$ of $f$ over all $x$ is shown.

**Mean-field.** A normal distribution of its own for every weight, $q(\theta) = \prod_i
\mathcal N(\theta_i; m_i, \lambda_i^2)$ with means $m_i$ and standard deviations $\lambda_i$, that
maximises the
evidence lower bound (ELBO)

$$
\mathbb E_q[\log p(D \mid \theta)] - \operatorname{{KL}}\big(q(\theta) \,\|\, p(\theta)\big),
$$

where $\operatorname{{KL}}$ is the Kullback-Leibler divergence and $p(\theta)$ the prior. Where $f$
is linear in $\theta$ its answer is known: $\lambda_i^2 = 1 / \Lambda_{{ii}}$, where $\Lambda$ is
the precision matrix of the exact posterior. The true variance of $\theta_i$ is
$(\Lambda^{{-1}})_{{ii}}$, which is never smaller. The layers are our `BayesianLinear`, trained for
{mean_field.STEPS} steps by the local reparameterisation trick.

**Dropout.** One network $\theta$, whose hidden units are dropped with probability
$p = {dropout.RATE:g}$: $v_k$ becomes $d_k v_k / (1 - p)$, $d_k \sim \text{{Bernoulli}}(1 - p)$.
It minimises

$$
\mathbb E_d[-\log p(D \mid \theta, d)] + \sum_i \frac{{\kappa_i\,\theta_i^2}}{{2 \tau_i^2}},
$$

where $\tau_i$ is the prior standard deviation of $\theta_i$, and $\kappa_i$ is $1 - p$ for the
$v_k$ and 1 for all else. It is asked {dropout.SAMPLES} times with new masks $d$.

**Ensemble.** {ensemble.MEMBERS} networks, each the maximum of $\log p(D \mid \theta) +
\log p(\theta)$ that is found from its own start, drawn from the prior.

**References.** R. Neal 1996, *Bayesian Learning for Neural Networks*; R. Neal 2012, *MCMC using
Hamiltonian dynamics*; M. Hoffman & A. Gelman 2014, *The No-U-Turn Sampler*; A. Gelman et al. 2013,
*Bayesian Data Analysis*, 11.4 ($\hat R$); C. Blundell et al. 2015, *Weight Uncertainty in Neural
Networks*; D. Kingma, T. Salimans & M. Welling 2015, *Variational Dropout and the Local
Reparameterization Trick*; Y. Gal & Z. Ghahramani 2016, *Dropout as a Bayesian Approximation*;
B. Lakshminarayanan, A. Pritzel & C. Blundell 2017, *Simple and Scalable Predictive Uncertainty
Estimation using Deep Ensembles*; A. Foong et al. 2020, *On the Expressiveness of Approximate
Inference in Bayesian Neural Networks* (with one layer of ReLU units,
mean-field and dropout cannot be surer at the points on both sides of a gap than within it).
""")

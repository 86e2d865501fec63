"""Regression in one dimension, small enough that four ways to be Bayesian can be compared live."""

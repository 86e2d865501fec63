"""Bayesian linear layers for anybody's Pyro model; knows no digits."""

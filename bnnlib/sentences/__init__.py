"""Figures told in plain sentences."""

"""The parts of the Posterior page."""

"""How fast it is against its peers and the machine itself, in one run: `python -m benchmarks`."""

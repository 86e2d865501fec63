"""A training run on disk, the process that works on it, and the queue of those that wait."""

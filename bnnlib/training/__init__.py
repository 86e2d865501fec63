"""Train a network: settings, what is minimised, and the trainer that goes epoch by epoch."""

"""Images to train on, to report on, and to be unsure of."""

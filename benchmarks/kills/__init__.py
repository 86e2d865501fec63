"""Kill -9 of the training process, the server and the browser: what must be true afterwards."""

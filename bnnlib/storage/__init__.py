"""What is kept on disk: whole files or none, nothing that executes when it is read."""

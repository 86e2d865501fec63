"""The parts of the Method page, a file for each section."""

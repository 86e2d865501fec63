"""Parts of the Uncertain digits page."""

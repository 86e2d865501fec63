"""The digits and their splits, images that are not digits, and shifted images."""

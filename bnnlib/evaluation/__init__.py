"""Networks asked about whole sets of images, and what follows from their answers."""

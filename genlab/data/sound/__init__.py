"""Files of sound to integer levels: reading, one channel, one rate, companding, pieces."""

"""Videos: pictures in order, of which the first may be known and the others are to be foreseen."""

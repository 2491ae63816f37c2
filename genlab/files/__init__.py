"""Files written whole or not at all, and read with care: atomic writes, foreign files, plain YAML, marks of origin."""

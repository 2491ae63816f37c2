"""What a class or function says of itself in its source: its options, their types, its needs; read without PyTorch."""

"""What the operators should compute: float64 NumPy, each a pure function on whole arrays, one module per family."""

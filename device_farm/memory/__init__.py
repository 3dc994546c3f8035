"""What was measured, kept: samples, what is learnt from them, what was accepted."""

"""Builds kept by commit and ABI, so that `commit:SHA` and bisecting need no rebuild."""

"""Benchmarks: figures side by side in one run, never timed tests. `make bench` or `python -m benchmarks`."""

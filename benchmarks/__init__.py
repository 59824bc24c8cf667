"""Benchmarks: each prints a table of figures, or of ratios measured side by side in one run."""

"""An example log: a simulated B2B funnel whose true conversion probabilities are known."""

from engagement.example.writing import ExampleSummary, write_example

__all__ = ["ExampleSummary", "write_example"]

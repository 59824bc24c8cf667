"""How a model is earned: label times, splits, fit, judge, report."""

"""The past as numbers: declarations, kernel, point-in-time tables."""

"""Spans of time and amounts in English, for pages that are written in English only."""

from features.words.english_spans import ago, duration, number, within

__all__ = ["ago", "duration", "number", "within"]

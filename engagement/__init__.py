"""What happened: events, attributes, funnel and conversions, the log, importers, example data."""

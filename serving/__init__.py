"""The doors for machines and reps: the HTTP service, wire types, keys, the scorer."""

"""Does the gate let the right ones pass, does the watch see what changes? On a small world of known truth."""

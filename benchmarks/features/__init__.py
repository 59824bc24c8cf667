"""What features cost: beside one plain pass over the data, beside the peers, and for a single contact."""

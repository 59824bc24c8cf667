"""What the service costs: explained scores over HTTP, beside a bare route and beside MLflow's own server."""

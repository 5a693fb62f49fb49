"""One module a metric, or a family of metrics that count alike."""

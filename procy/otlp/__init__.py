"""What is recorded as OpenTelemetry spans, for the collector and the backend that a team runs already."""

"""What a trace shows: residuals, violations, attention, projections, comparisons. Arrays in, arrays out; no torch, no Qt."""

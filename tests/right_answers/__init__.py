"""Right answers that work in another way than the reference: a grader must give them full marks too."""

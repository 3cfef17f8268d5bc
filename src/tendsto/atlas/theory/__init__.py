"""Papers of gradient theory: one file a paper."""

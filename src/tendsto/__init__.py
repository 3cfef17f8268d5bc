"""tendsto: a convergence laboratory."""

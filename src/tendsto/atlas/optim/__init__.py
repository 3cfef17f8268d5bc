"""Cards of papers on training optimizers."""

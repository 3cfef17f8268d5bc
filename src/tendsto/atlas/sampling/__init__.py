"""Cards of papers on sampling and variational inference."""

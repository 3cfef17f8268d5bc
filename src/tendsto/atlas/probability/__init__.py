"""Cards of papers on limit theorems."""

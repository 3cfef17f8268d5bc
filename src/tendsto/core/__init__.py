"""The ten words and the three loops."""

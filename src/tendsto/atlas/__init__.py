"""The atlas: one file a paper, in its family's folder, named by its key. To be known, the file only has to exist."""

"""Where cells run: lanes in this process, or a pool of processes. Knows arrays and functions, none of the ten words."""

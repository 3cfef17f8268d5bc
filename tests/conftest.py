"""No test asserts a time: how long an example takes depends on what else the machine does, and on what is imported."""

from hypothesis import settings

settings.register_profile("tendsto", deadline=None)
settings.load_profile("tendsto")

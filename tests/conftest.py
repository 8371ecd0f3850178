"""What holds for all tests: no deadline for a single example, since a busy machine is no fault."""

from hypothesis import settings

settings.register_profile("house", settings(), deadline=None)
settings.load_profile("house")

"""The unit tests, laid out as the packages are; what they share is in ``tests.support``."""

"""Deliberate defects: each is put into a copy of the packages, and some part of the harness has to catch it.

python -m conformance.defects --wpt path/to/wpt
"""

"""The scenarios that are swept: one module for each kind of operation."""

"""The image that turns one input file into a report: stream in, validate, analyse, report out."""

VERSION = "0.1.0"
"""Written into every report and outcome as `processor_version` and `worker_version`."""

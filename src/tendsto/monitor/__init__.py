"""Diagnosis of a person's own training run."""

from __future__ import annotations

from tendsto.monitor.gradient_flow import FlowEnd, FlowSharpness, flow_limit, gfs_sharpness, sharpness
from tendsto.monitor.kinks import StepDiagnosis, diagnose_step

__all__ = [
    "FlowEnd",
    "FlowSharpness",
    "StepDiagnosis",
    "diagnose_step",
    "flow_limit",
    "gfs_sharpness",
    "sharpness",
]

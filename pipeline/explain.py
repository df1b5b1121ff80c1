"""Why is it not done? Walks an upload's way, and names the first thing that is missing, why, and the fix."""

from __future__ import annotations

from pipeline.explain_facts import gather
from pipeline.explain_ways import walk
from pipeline.explanation import Explanation, Step, StepName, StepStatus, Verdict
from pipeline.services import Services

__all__ = ["Explanation", "Step", "StepName", "StepStatus", "Verdict", "explain"]


def explain(services: Services, asked: str) -> Explanation:
    """Explain where an upload stands. Reads only; what cannot be asked is a step that is `unknown`.

    Parameters
    ----------
    asked
        A run id (an attempt's id too, which means its run), or the name of a blob in the input container.

    Raises
    ------
    RunNotFound
        When it is a run id, and no run has it.
    ServiceUnavailable, AccessDenied
        When storage cannot be asked at all.
    """
    facts = gather(services, asked)
    steps, verdict = walk(facts)
    run = facts.run
    upload = run.upload if run else facts.present
    return Explanation(
        container=services.settings.input_container if upload is None else upload.container,
        blob=upload.name if upload else asked,
        run_id=upload.run_id if upload else None,
        attempt=run.attempt if run else None,
        state=run.state if run else None,
        steps=steps,
        verdict=verdict,
    )

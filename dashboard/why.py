"""Why is it not done? The pipeline's explanation as a document."""

from __future__ import annotations

from dashboard.documents import ExplainQuery, ExplainStep, ExplainView
from pipeline.explain import explain as explain_upload
from pipeline.services import Services
from shared.clock import to_iso


def explain(services: Services, query: ExplainQuery) -> ExplainView:
    """Explain where an upload stands: a run id, or the name of a blob."""
    found = explain_upload(services, query.of)
    verdict = found.verdict
    return ExplainView(
        container=found.container,
        blob=found.blob,
        run_id=found.run_id,
        attempt=found.attempt,
        state=found.state,
        steps=[
            ExplainStep(
                name=step.name.value, status=step.status.value, what=step.what, at=to_iso(step.at) if step.at else None
            )
            for step in found.steps
        ],
        missing=verdict.missing.value if verdict.missing else None,
        cause=verdict.cause,
        fix=verdict.fix,
        waits=verdict.waits,
    )

"""Figures for Prometheus. Asked with a consumer's token, since they tell how a store sells."""

from litestar import Response, get
from litestar.concurrency import sync_to_thread

from malote.api.admittance import ANY_CLIENT, CONSUMER
from malote.api.api_services import services_of
from malote.api.sales import ConsumerRequest
from malote.findings.metrics import MEDIA_TYPE

PATH = "/metrics"


@get(PATH, opt={ANY_CLIENT: True, CONSUMER: True}, include_in_schema=False)
async def show_metrics(request: ConsumerRequest) -> Response[str]:
    """As docs/metrics.md says."""
    return Response(await sync_to_thread(services_of(request).metrics), media_type=MEDIA_TYPE)

"""What the routes of webhooks read and write, for the OpenAPI document."""

from typing import Final

from pydantic import BaseModel

from schemas.webhook_delivery_views import (
    DeliveryDetailView,
    DeliveryPage,
    ErasedEventView,
    WebhookEventView,
)
from schemas.webhook_recovery import RecoveryPage, RecoveryRequest, RecoveryView
from schemas.webhook_requests import (
    EndpointChange,
    EndpointDisabling,
    EndpointRequest,
    EndpointTest,
    PortalLinkRequest,
    SecretRotation,
    TenantSecretRotation,
)
from schemas.webhook_views import (
    DeletedEndpointView,
    EndpointTestView,
    EventTypeList,
    JwkSetView,
    PortalLinkView,
    TenantSecretRotatedView,
    TenantSecretView,
    WebhookEndpointPage,
    WebhookEndpointView,
    WebhookEndpointWithSecretView,
)

WEBHOOK_REQUESTS: Final[tuple[type[BaseModel], ...]] = (
    EndpointRequest,
    EndpointChange,
    SecretRotation,
    EndpointTest,
    EndpointDisabling,
    PortalLinkRequest,
    TenantSecretRotation,
    RecoveryRequest,
)
WEBHOOK_VIEWS: Final[tuple[type[BaseModel], ...]] = (
    WebhookEndpointView,
    WebhookEndpointWithSecretView,
    WebhookEndpointPage,
    DeletedEndpointView,
    EndpointTestView,
    EventTypeList,
    PortalLinkView,
    TenantSecretView,
    TenantSecretRotatedView,
    JwkSetView,
    DeliveryPage,
    DeliveryDetailView,
    WebhookEventView,
    ErasedEventView,
    RecoveryView,
    RecoveryPage,
)

"""The composition root: settings become services. The only place that knows which class stands behind which seam."""

from app.bootstrap.adapters import key_service, make_tools, prepare_event_log
from app.bootstrap.composition import bootstrap
from app.bootstrap.locations import (
    app_url,
    direct_url,
    embed_socket,
    heads_file,
    owner_url,
    public_url,
    signer,
)
from app.bootstrap.services import Services

__all__ = [
    "Services",
    "app_url",
    "bootstrap",
    "direct_url",
    "embed_socket",
    "heads_file",
    "key_service",
    "make_tools",
    "owner_url",
    "prepare_event_log",
    "public_url",
    "signer",
]

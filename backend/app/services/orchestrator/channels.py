"""Opens channels: a stored account becomes a channel that can verify, parse and send."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from app.core import plugins
from app.core.errors import InvalidInput
from app.core.tools import Tools
from app.models.channel_config import ChannelAccount
from app.services.channels.base import Capabilities, Channel
from app.utils.misfits import first_misfit

PACKAGE = "app.services.channels"


class Channels:
    """Every kind of channel there is, by its file's name."""

    def __init__(self, tools: Tools, shared: dict[str, dict[str, Any]]) -> None:
        """Keeps what accounts are opened with.

        Args:
            tools: What adapters may use.
            shared: The installation's own credentials by kind, for fields an account leaves open.
        """
        self._tools = tools
        self._shared = shared

    def kinds(self) -> tuple[str, ...]:
        """The names of all channels."""
        return plugins.names(PACKAGE)

    def capabilities(self, kind: str) -> Capabilities:
        """What a channel can do.

        Raises:
            NotFound: There is no such channel.
        """
        found: Capabilities = _adapter_class(kind).capabilities
        return found

    def form(self, kind: str) -> dict[str, Any]:
        """The JSON schema of a channel's connect form."""
        return _config(kind).model_json_schema()

    def open(self, account: ChannelAccount, *, own_secrets_only: bool = False) -> Channel:
        """Makes a channel of a stored account.

        Args:
            account: The account as the database has it.
            own_secrets_only: Leaves the installation's shared credentials out.
        """
        shared = {} if own_secrets_only else self._shared.get(account.kind, {})
        return self.build(account.kind, {**shared, **account.fields})

    def open_shared(self, account: ChannelAccount) -> Channel | None:
        """The account with the installation's shared credentials in place of its own; None where there are none."""
        shared = self._shared.get(account.kind)
        return self.build(account.kind, {**account.fields, **shared}) if shared else None

    def build(self, kind: str, fields: dict[str, Any]) -> Channel:
        """Makes a channel of the fields of its form.

        Raises:
            InvalidInput: A field is missing or wrong.
        """
        config = _config(kind)
        try:
            values = config.model_validate(fields)
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False)[0]
            if problem["type"] == "extra_forbidden":  # Its name is the caller's own text.
                raise InvalidInput(f"{kind} has no such field.", pointer="/config") from error
            pointer = "/" + "/".join(str(part) for part in problem["loc"])
            said = f"{pointer[1:] or kind}: {first_misfit(error)[1]}"
            raise InvalidInput(said, pointer=f"/config{pointer}") from error
        make: Callable[[BaseModel, Tools], Channel] = plugins.load(PACKAGE, kind).adapter
        return make(values, self._tools)

    def origins(self, fields: dict[str, Any]) -> tuple[str, ...]:
        """The web pages that a web channel's form lists, in the form browsers send them."""
        values: Any = _config("web").model_validate(fields)
        return tuple(values.allowed_origins)


def _config(kind: str) -> type[BaseModel]:
    config: type[BaseModel] = plugins.load(PACKAGE, kind).Config
    return config


def _adapter_class(kind: str) -> Any:
    return plugins.load(PACKAGE, kind).adapter

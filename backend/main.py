"""What an ASGI server runs: ``uvicorn main:app``. `wafaa serve` does the same."""

from app.api.app import create_app
from app.bootstrap import bootstrap
from app.core.config import Settings

app = create_app(bootstrap(Settings.load()))

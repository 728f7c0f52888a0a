"""An answer to a department tells by its time no more than by its words whom the lines were about."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

CLASS_S: Final = 0.5


@asynccontextmanager
async def even_time() -> AsyncIterator[None]:
    """Ends the block on a whole half second after its beginning. To be put around the transaction, not inside."""
    begun = time.monotonic()
    try:
        yield
    finally:
        await asyncio.sleep(-(time.monotonic() - begun) % CLASS_S)

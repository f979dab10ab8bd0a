"""The intake endpoint: `POST /{product}` takes what customers write in a widget, and wakes the loop; what they answer to a letter
comes to `/{product}/answer/…`. FastAPI, no Airflow."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import Engine

from include import answer_page
from include.connection import Connections
from include.errors import InputError
from include.inbox import Sent, TooManyError, receive
from include.key import Key
from include.product import product_named

MAX_BYTES = 64 * 1024
_SHARED = {"Access-Control-Expose-Headers": "Retry-After"}
_PREFLIGHT = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "authorization, content-type",
              "Access-Control-Max-Age": "600"}
MAX_SECONDS = 10.0  # for a body to arrive
_VOICES: TypeAdapter[list[Sent]] = TypeAdapter(Annotated[list[Sent], Field(min_length=1, max_length=100)])


def token_name(product: str) -> str:
    """The connection whose password is the product's token: its name is one that an environment variable can have."""
    return f"intake_{product.replace('-', '_')}"


def app(ledger: Callable[[], Engine], connections: Connections, author_key: Callable[[], bytes], wake: Callable[[str], object],
        now: Callable[[], datetime]) -> FastAPI:
    """The app. `wake` is called with the product once its voices are in the ledger."""
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def admit(product: str, token: str) -> None:
        try:
            known = Key(product) == Key(product_named(product).name)
            expected = connections(token_name(product)).password if known else None
        except InputError:
            expected = None
        if not expected:
            raise HTTPException(404, "no such product, or it takes nothing here")
        if not hmac.compare_digest(token.encode(), expected.encode()):
            raise HTTPException(403, "wrong token")

    def keep(product: str, voices: list[Sent]) -> None:
        if receive(ledger(), product, voices, author_key(), now()):
            wake(product)

    @api.middleware("http")
    async def share(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        """Let scripts of the origins that the product names send voices, and read the answer (fetch.spec.whatwg.org)."""
        origin, product = request.headers.get("origin"), request.scope["path"].rpartition("/")[2]
        allowed = origin is not None and await run_in_threadpool(shared, product, origin)
        asked = request.method == "OPTIONS" and "access-control-request-method" in request.headers
        response = Response(status_code=204 if allowed else 403) if asked else await answer(request)
        response.headers["Vary"] = "Origin"
        if allowed and origin:
            response.headers.update({"Access-Control-Allow-Origin": origin} | (_PREFLIGHT if asked else _SHARED))
        return response

    @api.post("/{product}", status_code=202)
    async def hear(product: str, request: Request) -> dict[str, int]:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        await run_in_threadpool(admit, product, token)
        voices = parsed(await body(request))
        try:
            await run_in_threadpool(keep, product, voices)
        except TooManyError as error:
            raise HTTPException(429, str(error), {"Retry-After": str(error.seconds)}) from error
        return {"accepted": len(voices)}

    answer_page.add(api, ledger, author_key, wake, now, body)
    return api


def shared(product: str, origin: str) -> bool:
    """Whether scripts of `origin` may send voices of `product`."""
    try:
        return origin in product_named(product).voices.intake_origins
    except InputError:
        return False


async def body(request: Request) -> bytes:
    """The request's body: 413 where it is too large, 408 where it takes too long."""
    too_large = HTTPException(413, f"at most {MAX_BYTES:,} bytes")
    if int(request.headers.get("content-length", "0")) > MAX_BYTES:
        raise too_large
    found = bytearray()
    try:
        async with asyncio.timeout(MAX_SECONDS):
            async for part in request.stream():
                found += part
                if len(found) > MAX_BYTES:
                    raise too_large
    except TimeoutError as error:
        raise HTTPException(408, "the body took too long") from error
    return bytes(found)


def parsed(content: bytes) -> list[Sent]:
    """One voice or a list of at most 100: 422 names what is wrong and where, without repeating it."""
    try:
        value: Any = json.loads(content)
        return _VOICES.validate_python(value if isinstance(value, list) else [value])
    except ValidationError as error:
        detail = [{"where": ".".join(map(str, item["loc"])), "what": item["msg"]} for item in error.errors(include_input=False)]
        raise HTTPException(422, detail) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, "no JSON") from error

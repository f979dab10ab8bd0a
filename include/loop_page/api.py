"""The read API of the loop page. It is stable: paths and fields of `v1` stay, others may be added. FastAPI, no Airflow.

Who may read what follows from Airflow's permissions on DAGs: `may_read(dag_id)` is a dependency that refuses who may not read
that DAG (401 without a login, 403 without the right). Nothing here writes.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi import Path as Segment
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Connection, Engine

from include.artifacts import Artifacts
from include.errors import InputError
from include.key import PRODUCT_PATTERN, VERSION_PATTERN, Key
from include.ledger.engine import reading
from include.ledger.search import words
from include.loop_page import files, operation, paging, releases, ring, shapes, themes, trace
from include.product import Product, product_named, products

WEB = Path(__file__).parent / "web"
T = TypeVar("T")
After = Annotated[str | None, Query(max_length=1000, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=paging.MOST, description="Items of a page.")]
Since = Annotated[datetime | None, Query(description="With its time zone, as 2026-03-01T00:00:00Z.")]
SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private"}
DESCRIPTION = """What the ledger knows of each product, for the loop page and for other tools. Paths and fields of v1 stay.
Lists are paged: send `next` as `after`. A request needs Airflow's login (`POST /auth/token`, then `Authorization: Bearer …`)
and the right to read the DAG that each path names."""


def _there(found: T | None) -> T:
    if found is None:
        raise HTTPException(404, "there is none")
    return found


def _known(product: Annotated[str, Segment(pattern=rf"^{PRODUCT_PATTERN}$")]) -> Product:
    """The product that a path names: 404 where there is none."""
    try:
        return product_named(product)
    except InputError as error:  # which says more of the machine than a reader needs
        raise HTTPException(404, "there is no such product, or its file is broken") from error


def _asked(kind: shapes.Kind | None = None, language: Annotated[str | None, Query(pattern="^[a-z]{2,8}$")] = None,
           severity: shapes.Level | None = None, since: Since = None, until: Since = None) -> themes.Filter:
    """The filters of themes and voices: 422 for a time without a zone."""
    for name, at in (("since", since), ("until", until)):
        if at is not None and at.tzinfo is None:
            raise HTTPException(422, f"{name}: a time needs its zone, as 2026-03-01T00:00:00Z")
    return themes.Filter(kind, language, severity, since, until)


Words = Annotated[str | None, Query(max_length=200, description="Beginnings of words, all of which a voice has.")]
Version = Annotated[str, Segment(pattern=rf"^{VERSION_PATTERN}$")]
Known = Annotated[Product, Depends(_known)]
Asked = Annotated[themes.Filter, Depends(_asked)]


def app(ledger: Callable[[], Engine], artifacts: Callable[[], Artifacts], may_read: Callable[[str], Callable[..., Any]],
        signed_in: Callable[..., Any]) -> FastAPI:
    """The app: the API under `/api/v1`, the page's files under `/web`. `signed_in` refuses who has no login."""
    api = FastAPI(title="Closed Loop", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None, openapi_url=None)
    api.mount("/web", StaticFiles(directory=WEB))
    api.include_router(_router(ledger, may_read), prefix="/api/v1")
    api.include_router(_files(ledger, artifacts, may_read), prefix="/api/v1")

    @api.get("/api/v1/openapi.json", include_in_schema=False, dependencies=[Depends(signed_in)])
    def described(request: Request) -> JSONResponse:
        return JSONResponse(api.openapi() | {"servers": [{"url": request.scope.get("root_path", "")}]})

    @api.exception_handler(paging.BadPlaceError)
    def bad_place(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, 422)

    return api


def _view(ledger: Callable[[], Engine]) -> Callable[[], Iterator[Connection]]:
    """A reading connection to the ledger, for one request."""
    def view() -> Iterator[Connection]:
        with reading(ledger()) as connection:
            yield connection

    return view


def _asks(dag_id: str, may_read: Callable[[str], Callable[..., Any]]) -> dict[str, Any]:
    """What a path that shows what `dag_id` made has: the permission that it asks for, and its refusals."""
    return {"dependencies": [Depends(may_read(dag_id))], "tags": [dag_id], "responses": {
        401: {"description": "No login."}, 404: {"description": "There is none."},
        403: {"description": f"Not allowed to read the DAG {dag_id}."}}}


def _files(ledger: Callable[[], Engine], artifacts: Callable[[], Artifacts],
           may_read: Callable[[str], Callable[..., Any]]) -> APIRouter:
    """What releases and incidents rest on. Files are downloads, which no browser shows as a page."""
    router = APIRouter()
    View = Annotated[Connection, Depends(_view(ledger))]  # noqa: N806 - a type

    def get(path: str, dag_id: str, media: str) -> Callable[..., Any]:
        asks = _asks(dag_id, may_read)
        asks["responses"] |= {200: {"description": "The file.", "content": {media: {}}}, 413: {"description": "It is too large."}}
        return router.get(path, response_class=Response, **asks)

    def kept(name: str | None, media: str, *called: str) -> Response:
        try:
            found = files.content(artifacts(), _there(name))
        except FileNotFoundError as error:
            raise HTTPException(404, "it is no longer among the artifacts") from error
        except files.TooLargeError as error:
            raise HTTPException(413, str(error)) from error
        as_file = {"Content-Disposition": f'attachment; filename="{files.file_name(*called)}"'}
        return Response(found, media_type=media, headers=SAFE | as_file)

    @get("/products/{product}/releases/{version}/files/{what}", "build_and_test", "application/json")
    def file_of_release(view: View, known: Known, version: Version, what: files.What) -> Response:
        """The bill of materials (CycloneDX), or the signed provenance (in-toto, DSSE) of a release."""
        name = files.of_release(view, Key(known.name, version), what)
        return kept(name, "application/json", known.name, version, f"{what}.json")

    @get("/products/{product}/releases/{version}/evidence/{rule}", "compliance_checks", "application/json")
    def evidence(view: View, known: Known, version: Version, rule: Annotated[str, Segment(max_length=255)]) -> Response:
        """What the last check of a release has to show of a rule."""
        return kept(files.of_rule(view, Key(known.name, version), rule), "application/json", known.name, version, f"{rule}.json")

    @get("/products/{product}/incidents/{id}/postmortem", "alerting", "text/markdown")
    def postmortem(view: View, known: Known, id: Annotated[str, Segment(max_length=255)]) -> Response:
        """The draft of an incident's post-mortem, in Markdown."""
        return kept(files.of_incident(view, known.name, id), "text/markdown", known.name, f"{id}.md")

    @router.get("/products/{product}/releases/{version}/parts", **_asks("compliance_checks", may_read))
    def parts(view: View, known: Known, version: Version) -> shapes.Parts:
        """The components of a release, and the advisories about them."""
        return _there(files.parts(view, artifacts(), Key(known.name, version)))

    return router


def _router(ledger: Callable[[], Engine], may_read: Callable[[str], Callable[..., Any]]) -> APIRouter:
    router = APIRouter()
    View = Annotated[Connection, Depends(_view(ledger))]  # noqa: N806 - a type

    def get(path: str, dag_id: str) -> Callable[..., Any]:
        return router.get(path, **_asks(dag_id, may_read))

    @get("/products", "nightly_cycle")
    def all_products(view: View) -> shapes.Products:
        """Where the loop of every product stands, and what waits."""
        good, broken = products()
        return shapes.Products(items=[ring.state(view, product) for product in good],
                               broken=[shapes.BrokenProduct(file=item.path.name, problem=str(item.error)) for item in broken])

    @get("/products/{product}", "nightly_cycle")
    def one_product(view: View, known: Known) -> shapes.ProductState:
        """Where the loop of one product stands."""
        return ring.state(view, known)

    @get("/products/{product}/themes", "voc_aggregation")
    def themes_of(view: View, known: Known, asked: Asked, status: shapes.Status | None = None,
                  sort: Literal["size", "last_seen"] = "size", after: After = None,
                  limit: Limit = 50) -> shapes.Paged[shapes.Theme]:
        """Themes, the largest or those heard last first; live ones where no status is asked for."""
        return themes.page_of_themes(view, known.name, asked, status, sort, after, limit)

    @get("/products/{product}/themes/{id}", "voc_aggregation")
    def theme(view: View, known: Known, id: str) -> shapes.ThemeDetail:
        """One theme with its quotes, its stories and what became of it."""
        return _there(themes.theme(view, known.name, id))

    @get("/products/{product}/voices", "voc_aggregation")
    def voices_of(view: View, known: Known, asked: Asked, theme: Annotated[str | None, Query(max_length=255)] = None,
                  q: Words = None, after: After = None, limit: Limit = 50) -> shapes.Paged[shapes.Voice]:
        """Voices, redacted, the newest first (those of a theme by id).

        A page may be short and yet have a `next`: then it stopped looking there.
        """
        found = words(q or "")
        if q and not found:
            raise HTTPException(422, "q: no word to look for")
        return themes.page_of_voices(view, known.name, asked, theme, found, after, limit)

    @get("/products/{product}/voices/{id}", "voc_aggregation")
    def voice(view: View, known: Known, id: str) -> shapes.Voice:
        """One voice with all of its text."""
        return _there(themes.voice(view, known.name, id))

    @get("/products/{product}/releases", "deployment")
    def releases_of(view: View, known: Known, after: After = None, limit: Limit = 20) -> shapes.Paged[shapes.Release]:
        """Releases, newest first."""
        return releases.page_of_releases(view, known.name, after, limit)

    @get("/products/{product}/releases/{version}", "deployment")
    def release(view: View, known: Known, version: Version) -> shapes.ReleaseDetail:
        """One release: gates, checks with their evidence, steps of its rollouts with their verdicts."""
        return _there(releases.release(view, Key(known.name, version)))

    @get("/products/{product}/operation", "monitoring_rollups")
    def operation_of(view: View, known: Known) -> shapes.Operation:
        """Objectives with budgets and burn rates, and signals."""
        return operation.operation(view, known.name)

    @get("/products/{product}/metrics", "monitoring_rollups")
    def metrics_of(view: View, known: Known) -> shapes.Metrics:
        """DORA's metrics and the loop's own over time, with definitions."""
        return operation.metrics(view, known.name)

    @get("/trace/{kind}/{id:path}", "voc_aggregation")
    def trace_of(view: View, kind: Literal["ticket", "voice", "theme", "story", "commit", "release", "deployment", "outcome"],
                 id: str) -> shapes.Trace:
        """From any one thing to all the others on its line, forwards and backwards."""
        return _there(trace.trace(view, kind, id))

    return router

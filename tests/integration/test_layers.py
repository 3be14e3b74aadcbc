"""The two layers as `sam build` makes them, for this interpreter: small enough, and complete without anything else."""

import ast
import json
import os
import runpy
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import CodeType
from typing import Any

import boto3
import botocore
import pytest
import s3transfer

pytestmark = pytest.mark.xdist_group("layers")  # built once

ROOT = Path(__file__).parents[2]
RUNTIME_BRINGS = [boto3, botocore, s3transfer]

ASK_DATADOG = """
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v1.api.events_api import EventsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v2.api.metrics_api import MetricsApi

total = {"data_source": "metrics", "query": "sum:requests{*}.as_count()", "name": "total"}
window = {"from": 0, "to": 60000}
series = {"type": "timeseries_request", "attributes": window | {"interval": 30000, "queries": [total]}}
scalar = {"type": "scalar_request", "attributes": window | {"queries": [total | {"aggregator": "sum"}]}}

with ApiClient(Configuration(host="HOST", api_key={"apiKeyAuth": "k", "appKeyAuth": "a"})) as client:
    assert str(MonitorsApi(client).get_monitor(7).overall_state) == "OK"
    listed = MonitorsApi(client).list_monitors(id_offset=6, page_size=1, with_downtimes=True)
    assert [each.id for each in listed] == [7]
    assert EventsApi(client).create_event(body={"title": "t", "text": "x"}).status == "ok"
    answer = MetricsApi(client).query_timeseries_data(body={"data": series}).to_dict()
    assert answer["data"]["attributes"]["values"] == [[5.0, None]]
    answer = MetricsApi(client).query_scalar_data(body={"data": scalar}).to_dict()
    assert answer["data"]["attributes"]["columns"][0]["values"] == [5.0]
"""

MONITOR = {"id": 7, "query": "q", "type": "query alert", "overall_state": "OK", "options": {}}
DATADOG_ANSWERS: dict[str, Any] = {
    "/api/v1/monitor": [MONITOR],
    "/api/v1/monitor/7": MONITOR,
    "/api/v1/events": {"status": "ok", "event": {"id": 1, "title": "t", "text": "x"}},
    "/api/v2/query/timeseries": {
        "data": {
            "type": "timeseries_response",
            "attributes": {
                "times": [0, 30000],
                "values": [[5.0, None]],
                "series": [{"group_tags": [], "query_index": 0, "unit": None}],
            },
        }
    },
    "/api/v2/query/scalar": {
        "data": {
            "type": "scalar_response",
            "attributes": {"columns": [{"name": "total", "type": "number", "values": [5.0]}]},
        }
    },
}


class Datadog(BaseHTTPRequestHandler):
    """Answers each call with what Datadog would, byte for byte the same each time."""

    def respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps(DATADOG_ANSWERS[self.path.partition("?")[0]]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = respond  # noqa: N815 -- http.server looks them up by these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the overridden method's name
        pass


@pytest.fixture(scope="module")
def datadog() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Datadog) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def build(layer: str, target: str, artifacts: Path) -> Path:
    """Build one layer as SAM's makefile builder does, for the interpreter of this test; return its packages."""
    subprocess.run(
        ["make", "--silent", "--directory", ROOT / "layers" / layer, target, f"ARTIFACTS_DIR={artifacts}"],
        env=os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "RAMPART_LAYER_TARGET": f"--python {sys.executable}",
            "RAMPART_LAYER_PYTHON": sys.executable,
        },
        check=True,
    )
    return artifacts / "python"


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("dependencies", "build-DependenciesLayer", tmp_path_factory.mktemp("dependencies"))


@pytest.fixture(scope="module")
def rampart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("rampart", "build-RampartLayer", tmp_path_factory.mktemp("rampart"))


def run_with_only(paths: list[Path], program: str) -> None:
    """Run a program on an interpreter that sees the standard library and `paths`, and nothing else."""
    result = subprocess.run(
        [sys.executable, "-S", "-W", "ignore", "-c", program],
        env={"PYTHONPATH": os.pathsep.join(map(str, paths)), "PATH": os.defpath, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_the_third_party_layer_is_below_100_megabytes_unzipped(dependencies: Path) -> None:
    assert size(dependencies) < 100e6


def test_a_change_of_our_own_layer_uploads_kilobytes(rampart: Path, tmp_path: Path) -> None:
    """SAM uploads a layer as a zip; one that holds what only tests need would be larger than it has to be."""
    uploaded = Path(shutil.make_archive(str(tmp_path / "layer"), "zip", rampart))
    assert uploaded.stat().st_size < 750e3
    assert not list(rampart.rglob("memory*")), "the ports in memory are for tests"


def test_our_own_layer_does_what_its_sources_do_line_by_line(rampart: Path) -> None:
    """Its comments and docstrings are left out, and nothing else: a traceback has to show the line that failed."""
    sources = list((ROOT / "layers/rampart/rampart").rglob("*.py"))
    assert len(sources) > 100
    for source in sources:
        shipped = rampart / source.relative_to(ROOT / "layers/rampart")
        assert "#" not in {line.strip()[:1] for line in shipped.read_text().splitlines()}
        assert '"""' not in shipped.read_text()
        assert instructions(shipped) == instructions(source), source


def instructions(module: Path) -> list[tuple[object, ...]]:
    """What each function of a module does, and on which line."""
    found: list[tuple[object, ...]] = []
    left = [compile(module.read_text(), "", "exec", optimize=2, dont_inherit=True)]
    while left:
        code = left.pop()
        left += [each for each in code.co_consts if isinstance(each, CodeType)]
        plain = tuple(each for each in code.co_consts if not isinstance(each, CodeType))
        lines = [line for *_, line in code.co_lines()]
        found.append((code.co_qualname, code.co_code, repr(plain), code.co_names, lines))
    return found


@pytest.mark.parametrize("layer", ["dependencies", "rampart"])
def test_a_layer_has_the_bytecode_of_every_module_for_its_interpreter_only(
    layer: str, request: pytest.FixtureRequest
) -> None:
    """Lambda's code folder is read-only: what is not compiled here is compiled at every cold start."""
    packages: Path = request.getfixturevalue(layer)
    tag = sys.implementation.cache_tag

    modules = {file for file in packages.rglob("*.py") if file.stat().st_size}
    compiled = {file.parents[1] / f"{file.name.partition('.')[0]}.py" for file in packages.rglob(f"*.{tag}.pyc")}

    assert modules
    assert modules <= compiled
    assert {file.name.split(".")[-2] for file in packages.rglob("*.pyc")} == {tag}


def test_a_layer_names_no_path_of_the_machine_that_built_it(dependencies: Path) -> None:
    assert not (dependencies / "bin").exists()
    assert not any(str(dependencies).encode() in file.read_bytes() for file in dependencies.rglob("*.pyc"))


def test_the_metadata_of_every_package_is_kept_for_the_bill_of_materials(dependencies: Path) -> None:
    lock = (ROOT / "layers/dependencies/requirements.txt").read_text()
    locked = {line.partition("==")[0] for line in lock.splitlines() if line[:1].isalpha()}

    shipped = {folder.name.partition("-")[0].replace("_", "-") for folder in dependencies.glob("*.dist-info")}

    assert shipped == locked


def test_every_datadog_api_works_from_the_layer_alone(dependencies: Path, datadog: str) -> None:
    """The client is pruned; answers are parsed by models that are imported when they are first needed."""
    run_with_only([dependencies], ASK_DATADOG.replace("HOST", datadog))


def test_us_holidays_are_known_from_the_layer_alone(dependencies: Path) -> None:
    run_with_only(
        [dependencies],
        "import datetime, holidays\n"
        "assert holidays.US(years=2026)[datetime.date(2026, 11, 26)] == 'Thanksgiving Day'\n",
    )


def test_zones_are_known_from_the_layer_where_the_machine_has_no_database_of_them(dependencies: Path) -> None:
    """AWS doesn't document that Lambda's runtime brings one, and without it no plan could be read."""
    assert (dependencies / "tzdata" / "zoneinfo" / "America" / "New_York").is_file()
    run_with_only(
        [dependencies],
        "import datetime, zoneinfo\n"
        "zoneinfo.reset_tzpath(to=())\n"
        "summer = datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('America/New_York'))\n"
        "assert summer.utcoffset() == datetime.timedelta(hours=-4)\n"
        "assert len(zoneinfo.available_timezones()) > 400\n",
    )


def test_every_module_can_be_imported_from_the_layers_and_lambdas_boto3(
    dependencies: Path, rampart: Path, tmp_path: Path
) -> None:
    for package in RUNTIME_BRINGS:
        folder = Path(str(package.__file__)).parent
        (tmp_path / folder.name).symlink_to(folder)

    run_with_only(
        [dependencies, rampart, tmp_path, ROOT],
        "import importlib, pathlib, pkgutil, rampart\n"
        "for module in pkgutil.walk_packages(rampart.__path__, 'rampart.'):\n"
        "    importlib.import_module(module.name)\n"
        f"for app in pathlib.Path({str(ROOT / 'functions')!r}).glob('*/app.py'):\n"
        "    importlib.import_module(f'functions.{app.parent.name}.app').lambda_handler\n",
    )


def test_every_datadog_api_that_functions_import_is_declared_to_the_pruning() -> None:
    declared = set(runpy.run_path(str(ROOT / "layers/dependencies/prune.py"))["DATADOG_APIS"])

    imported = {
        node.module
        for folder in ("layers/rampart", "functions")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("datadog_api_client.v")
    }

    assert imported
    assert imported == declared

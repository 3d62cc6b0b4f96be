"""A self-contained folder: an exported model with its server, for an environment of four packages.

serve.py           starts the server: python serve.py [--port …]
lanewise/          copies of exactly the modules that it needs, found by `closure`
requirements.txt   what to install, pinned to what is installed here
Dockerfile         an image without pip, whose server is no root
README.md          how to run it, and how to ask
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from lanewise.cluster.serving.access import SHORTEST, VARIABLE
from lanewise.cluster.serving.closure import Closure, closure_of
from lanewise.cluster.serving.errors import UsageError
from lanewise.cluster.serving.openapi import title
from lanewise.cluster.serving.server import PORT
from lanewise.trainables.export import about as abouts
from lanewise.trainables.export.about import About

PACKAGES = ("numpy", "onnxruntime", "starlette", "uvicorn")
_MAIN = "lanewise.cluster.serving.__main__"
_BESIDE = {"lanewise.cluster.serving.app": "page.html"}  # what is no module, and is read
_PICTURES = "pillow"  # decodes pictures that come as PNG or JPEG


def modules() -> Closure:
    """The modules of the server and of what it serves."""
    return closure_of(_MAIN, Path(str(files("lanewise"))))


def assemble(exported: Path, about: About, folder: Path) -> None:
    """Atomic: a temporary folder beside it, then a rename. An exported model there is replaced.

    Args:
        exported: a model that `trainables.export.folder` has written. about: what the folder says
            of it, with the name and the version that it has by now.

    Raises:
        UsageError: the folder holds something else. CheckpointError: `exported` is damaged.
    """
    abouts.read(exported)  # whose hashes are checked
    with abouts.SEALED.replacing(folder, UsageError) as draft:
        for name in (abouts.NETWORK, abouts.PREPROCESSING, abouts.EXAMPLE, abouts.CARD):
            if (exported / name).is_file():
                shutil.copyfile(exported / name, draft / name)
        _copy_modules(modules(), draft)
        for name, text in _texts(about, draft).items():
            (draft / name).write_text(text, encoding="utf-8")
        abouts.write(about, draft)


def _copy_modules(closure: Closure, folder: Path) -> None:
    for name, source in closure.modules.items():
        target = folder.joinpath(*name.split(".")).with_suffix(".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        if name in _BESIDE:
            shutil.copyfile(source.with_name(_BESIDE[name]), target.with_name(_BESIDE[name]))
    for package in closure.packages:
        folder.joinpath(*package.split("."), "__init__.py").touch()


def _texts(about: About, folder: Path) -> dict[str, str]:
    packages = [*PACKAGES, *([_PICTURES] if about.form == "image" else [])]
    return {
        "serve.py": _SERVE,
        "requirements.txt": "".join(f"{name}=={version(name)}\n" for name in packages),
        "Dockerfile": _DOCKERFILE.format(
            python=".".join(map(str, sys.version_info[:2])), port=PORT
        ),
        "README.md": _readme(about, json.loads((folder / abouts.EXAMPLE).read_text("utf-8"))),
    }


_SERVE = '''"""Serves the model in this folder: python serve.py [--port PORT]; see README.md."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

from lanewise.cluster.serving.__main__ import main  # noqa: E402

sys.exit(main(sys.argv[1:], FOLDER))
'''

_DOCKERFILE = """\
FROM python:{python}-slim AS packages
COPY requirements.txt .
RUN pip install --no-cache-dir --no-compile --target /packages -r requirements.txt

FROM python:{python}-slim
RUN pip uninstall --yes setuptools wheel pip && useradd --system --no-create-home model
ENV PYTHONPATH=/packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=packages /packages /packages
COPY . /model
USER model
EXPOSE {port}
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/health')"
ENTRYPOINT ["python", "/model/serve.py", "--host", "0.0.0.0"]
"""


def _readme(about: About, example: dict[str, list[object]]) -> str:
    body = json.dumps({"rows": example["rows"][:1]}).replace("'", "'\\''")
    shown = body if len(body) <= 2000 else '{"rows": …}'
    return f"""# {title(about)}

A model for {about.task} with its server. It needs Python and the packages in requirements.txt.

```sh
pip install -r requirements.txt
python serve.py --port {PORT}
curl http://127.0.0.1:{PORT}/predict -H 'Content-Type: application/json' -d '{shown}'
```

`/docs` describes its columns and answers in a browser; `/openapi.json` for programs, `/metrics` for
Prometheus. It listens on this machine alone. To answer others it needs a token of at least
{SHORTEST} characters in the variable {VARIABLE}, or in a file (`--token-file`), which each request
sends as `Authorization: Bearer TOKEN`:

```sh
docker build -t model .
docker run -p {PORT}:{PORT} -e {VARIABLE} model
```

`model.json` says what the model is and where it is from, with a hash of every file here.
"""

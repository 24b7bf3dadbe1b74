"""Where an installer has put the binary: five places, since pip, uv and Ray's runtime_env differ."""

import os
import sys
import sysconfig


def find_coldstart_bin() -> str:
    """The path of the `coldstart` binary. Raises FileNotFoundError that lists where it was looked for."""
    name = "coldstart" + (sysconfig.get_config_var("EXE") or "")
    looked = []
    for folder in _folders():
        path = os.path.join(folder, name)
        if path not in looked:
            looked.append(path)
            if os.path.isfile(path):
                return path
    raise FileNotFoundError("no `coldstart` binary; looked at:\n  " + "\n  ".join(looked))


def _folders():
    # The scripts of this Python or virtual environment.
    yield sysconfig.get_path("scripts")
    # Those of the Python that the environment was made from.
    yield sysconfig.get_path("scripts", vars={"base": sys.base_prefix})
    here = os.path.dirname(os.path.abspath(__file__))
    # `pip install --prefix P`, `uv run --with`: P/lib/pythonX/site-packages/coldstart_sft -> P/bin.
    parts = here.split(os.sep)
    if len(parts) > 4 and parts[-2] in ("site-packages", "dist-packages"):
        up = 3 if sys.platform == "win32" else 4
        yield os.path.join(os.sep.join(parts[:-up]), os.path.basename(sysconfig.get_path("scripts")))
    # `pip install --target D`: D/coldstart_sft -> D/bin.
    yield os.path.join(os.path.dirname(here), "bin")
    # `pip install --user`.
    yield sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user"))

"""Runs a module of Longcap's: `python -P /path/to/longcap/start.py MODULE ARGUMENT…`, from any folder.

`python -m MODULE` would take the package from the current folder if one of that name lies there.
"""

import runpy
import sys
from importlib.util import module_from_spec, spec_from_file_location

if __name__ == "__main__":
    _spec = spec_from_file_location("longcap_paths", __file__.removesuffix("start.py") + "paths.py")
    assert _spec is not None and _spec.loader is not None
    _paths = module_from_spec(_spec)
    _spec.loader.exec_module(_paths)
    _paths.own()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

"""`longcap init`: write a first config for this machine, with a comment on every setting that is often changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cluster.nodes import Gpu, facts_here
from cluster.own_files import check_own, write_files
from operators.core.causes import explained
from pipeline.config.load import load_config
from pipeline.terminal.commands import longcap
from pipeline.terminal.errors import UsageError
from pipeline.terminal.look import counted, hint
from pipeline.terminal.printing import echo_written

_MARK = "# A config for Longcap, written by longcap init for "
_EIGHT_BILLION_MIB = 22_000  # an eight-billion-parameter model in bfloat16 and a cache for its requests
_SPARE_CPUS = 2  # left free, since somebody works on the machine


def init_command(*, file: str, force: bool = False, as_json: bool = False) -> int:
    """Write the config and print the next steps."""
    path = Path(file).expanduser()
    found = facts_here(["vllm", "openai"])
    text = starter(
        cpus=os.cpu_count() or 1,
        gpus=found.gpus,
        vllm=found.versions["vllm"] is not None,
        openai=found.versions["openai"] is not None,
        name=file,
    )
    try:
        check_own([path], lambda _, content: content.startswith(_MARK.encode()), force=force)
        write_files({path: text})
    except OSError as error:
        raise UsageError(str(error) if isinstance(error, FileExistsError) else explained(error)) from error
    load_config(path if path.is_absolute() else Path.cwd() / path)  # check that the written file is a valid config
    echo_written([str(path)], as_json=as_json)
    where = str(path) if "/" in str(path) or path.suffix in (".yaml", ".yml") else f"./{path}"
    if not as_json:
        hint(longcap("config", "-c", where), longcap("run", "VIDEOS", "-o", "OUT", "-c", where))
    return 0


def starter(*, cpus: int, gpus: Sequence[Gpu], vllm: bool, openai: bool, name: str = "longcap.yaml") -> str:
    """Return the text of the config.

    Args:
        cpus: number of CPUs of this machine.
        gpus: GPUs of this machine.
        vllm, openai: whether the packages of the engine are installed.
        name: name of the file, for the command in its first lines.
    """
    fits = vllm and any(gpu.memory_mib >= _EIGHT_BILLION_MIB for gpu in gpus)
    engine = "{kind: vllm, model: Qwen/Qwen3-VL-8B-Instruct}" if fits else _SERVER
    spare = _SPARE_CPUS if cpus > 2 * _SPARE_CPUS else 0
    return f"""{_MARK}{counted(cpus, "CPU")}, {_gpus(gpus)}.
# Only what differs from the recipe has to be set here: remove the # before a key to change it.
# Every key, its unit and its default: longcap config --defaults
# Use it: {longcap("run", "videos/", "-o", "captions/", "-c", name)}

{_recipe(fits, gpus, vllm=vllm)}

# How finely a video is described. A change re-captions all videos.
#plan:
#  window_s: 10.0          # a caption for each 10 s,
#  stride_s: 5.0           # one every 5 s

# Which model describes it. A change re-captions all videos.
{_server(openai) if not fits else "# Any other vision-language model that vLLM supports:"}
#caption:
#  engine: {engine}
#  language: English       # for engines with a model

# How long the long caption is, and which model writes it. A change re-narrates and keeps the captions.
#narrate:
#  engine: {engine}
#  section_s: 60.0         # a section for each minute
#  words_per_minute: 120.0 # for engines with a model
#  language: English

# Frames: one per second at 336 pixels suits most models; text on screen needs more pixels. A change re-captions.
#decode:
#  fps: 1.0
#  short_side_px: 336

# The resources of this machine, which has {counted(cpus, "CPU")}. A change re-captions nothing.
{"" if spare else "#"}resources:
{"" if spare else "#"}  num_cpus: {cpus - spare}

# When a run counts as failed. A change re-captions nothing.
#run:
#  max_failed: 0.2         # share of the videos that may fail
"""


_SERVER = '{kind: openai, model: MODEL, base_url: "http://HOST:8000/v1", api_key_env: OPENAI_API_KEY}'


def _gpus(gpus: Sequence[Gpu]) -> str:
    if not gpus:
        return "no GPU"
    return f"{counted(len(gpus), 'GPU')} ({gpus[0].name}, {gpus[0].memory_mib / 1024:.0f} GiB)"


def _recipe(fits: bool, gpus: Sequence[Gpu], *, vllm: bool) -> str:
    if fits:
        return """# A vision-language model of eight billion parameters captions and narrates; it fits this GPU.
extends: longcaption"""
    if gpus and not vllm:
        why = "# This machine has a GPU. For models on it: pip install 'longcap[vllm]', and extends: longcaption."
    elif gpus:
        why = "# The recipe longcaption needs a GPU of 22 GiB, or less with a smaller model: docs/vllm.md."
    else:
        why = "# Without a GPU, a model has to be on a server (below)."
    return f"""# The engine measure has no model: it reports only measurements, such as shots, camera and colours.
{why}
extends: measure"""


def _server(openai: bool) -> str:
    install = "" if openai else " First: pip install 'longcap[openai]'."
    return f"""# engine: a model on any server with OpenAI's chat completions API, yours or a vendor's.{install}
# api_key_env is the name of the variable that holds the key, never the key itself."""

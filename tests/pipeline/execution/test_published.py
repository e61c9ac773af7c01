"""The shipped recipes of published systems, with a scripted engine: which requests they make, and what they keep."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import pipeline as longcap
from pipeline.output.verification import verify
from tests.support.engines import asked
from tests.support.published import published
from tests.support.video import render

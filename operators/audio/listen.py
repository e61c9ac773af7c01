"""The operator `listen`: recognise the speech of a whole video in one pass, so that no segment boundary cuts a line."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import basename
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.audio.decode import AudioRequest
from operators.audio.lines import AUDIO, LINE, SPAN, SpeechLine
from operators.audio.recognise import recognise
from operators.audio.recognisers.base import RecogniserSpec
from operators.audio.recognisers.registry import REGISTRY, AnyRecogniser
from operators.audio.speakers.base import REGISTRY as SPEAKERS
from operators.audio.speakers.base import AnySpeakers
from operators.audio.speakers.cluster import speakers_of
from operators.audio.voice import VoiceRules, check_installed
from operators.core.base import SIZING, Apply, ItemError, Level, Needs, Row
from operators.language.identify import likely_language
from operators.video.isolation import DecodeChild
from operators.video.limits import Isolated
from operators.video.subtitles import READ, SubtitleReader

_DECODE = "operators.audio.decode:decode_audio"
_VOICE = "operators.audio.voice:find_voice"
_EMBEDDED = "operators.audio.embedded:read_embedded"
_SHARES = "operators.audio.sound:find_shares"
_VOICES = "operators.audio.speakers.base:embed_isolated"
_RECOGNISE = "operators.audio.recognise:recognise_isolated"
_BLOCK_S = 120.0  # seconds of voice per job of a recogniser, to which its limits apply
_SAME_S = 0.5  # between the starts of a line in the file next to the video and of the same line in the video
_RECOGNISER_RECYCLE = 10_000  # jobs per process, so that a model is rarely reloaded

SOUND_COLUMNS: Mapping[str, pa.DataType] = {
    "speech_share": pa.float64(),
    "silence_share": pa.float64(),
    "music_share": pa.float64(),
    "speech_language": pa.string(),
}
"""Columns that `operators.core.rows.LONG_CAPTION` copies if the dataset is made from a table of speech."""

Recognise = Callable[[str, Sequence[tuple[float, float]]], tuple[list[SpeechLine], int]]


@dataclass(frozen=True, kw_only=True)
class Listen(Isolated):
    """Decodes the sound of a video, detects voice, recognises speech, and adds existing subtitles.

    Writes `speech`, the lines ordered by time, each with its source (`operators.audio.lines.LINE`); `voice`, the
    spans with speech, and `speech_share`, their share of the video, both null if nothing could be decoded;
    `silence_share` and `music_share` likewise (`operators.audio.sound`); `speech_language`, the language of most of the
    speech; `audio`, the tracks and the one that was used; `unsaid`, the number of recognised lines that were dropped
    because there is no voice at their time.
    """

    name: ClassVar[str] = "listen"
    version: ClassVar[int] = 4
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "listen"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"uri", "source_version", "subtitles_uri", "duration_s", "first_pts_s", "parts"}
    )
    may_read: ClassVar[frozenset[str]] = frozenset({"access_uri", "passes"})
    writes: ClassVar[frozenset[str]] = frozenset({"speech", "voice", *SOUND_COLUMNS, "audio", "unsaid"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "speech": pa.list_(LINE),
        "voice": pa.list_(SPAN),
        **SOUND_COLUMNS,
        "audio": AUDIO,
        "unsaid": pa.int32(),
    }

    recogniser: Annotated[
        AnyRecogniser,
        Field(description="speech recogniser: pocketsphinx, whisper or server; null: only voice and subtitles"),
    ] = None
    speakers: Annotated[
        AnySpeakers,
        Field(description="speaker model, such as {kind: onnx, model: FILE}; null: speakers are not distinguished"),
    ] = None
    speaker_likeness: Annotated[
        float, Field(gt=0, lt=1, description="least mean cosine at which lines are of one voice; 0.85 is StoryTeller's")
    ] = 0.85
    min_voice_s: Annotated[float, Field(ge=0.1, description="shorter lines get no speaker, in s")] = 0.5
    subtitles: Annotated[
        bool, Field(description="also use subtitles next to the video and one text stream in it as lines")
    ] = True
    track: Annotated[
        int | None, Field(ge=0, description="audio track, 0 for the first; null: chosen by languages and roles")
    ] = None
    languages: Annotated[
        tuple[str, ...], Field(description="preferred languages of the track, best first, such as [en, de]")
    ] = ()
    threshold: Annotated[
        float, Field(gt=0.15, lt=1, description="least probability of voice that counts as speech; 0.5 is Silero's")
    ] = 0.5
    min_speech_s: Annotated[float, Field(ge=0, description="shorter spans of voice are ignored, in s")] = 0.25
    min_silence_s: Annotated[float, Field(ge=0, description="shorter pauses do not end a span of voice, in s")] = 0.4
    max_line_s: Annotated[
        float,
        Field(ge=1, le=600, description="longer spans are cut where the probability is lowest, in s; 30 is Whisper's"),
    ] = 30.0
    recogniser_no_progress_s: Annotated[
        float, SIZING, Field(gt=0, description="seconds without progress after which a recogniser is killed")
    ] = 600.0
    recogniser_cpu_limit_s: Annotated[
        float, SIZING, Field(gt=0, description="CPU seconds that a recogniser may take for two minutes of speech")
    ] = 3600.0
    recogniser_memory_bytes: Annotated[
        int, SIZING, Field(gt=0, description="limit of resident bytes of a recogniser's process; its model must fit")
    ] = 8 * 2**30

    @property
    def rules(self) -> VoiceRules:
        return VoiceRules(
            threshold=self.threshold,
            min_speech_s=self.min_speech_s,
            min_silence_s=self.min_silence_s,
            max_line_s=self.max_line_s,
        )

    def needs(self) -> Needs:
        waits = self.recogniser is not None and not self.recogniser.isolated
        return Needs(cpus=0.5 if waits else 0.9, gpus=self.recogniser.gpus if self.recogniser is not None else 0.0)

    def check(self, *, elsewhere: bool = False) -> None:
        """Check, without loading anything, for problems that would fail every video.

        Raises:
            ValueError: in one line, the problem and the remedy.
        """
        if not elsewhere:
            check_installed()
        if self.recogniser is not None:
            self.recogniser.check(elsewhere=elsewhere)
        if self.speakers is not None:
            self.speakers.check(elsewhere=elsewhere)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        """Yield the function that recognises the speech of a video.

        The function raises `ItemError`: unreadable, changed, storage, timeout, crash or out_of_memory of decoding,
        engine of a recogniser. Missing or undecodable sound is a status in `audio`.
        """
        self.check()
        with ExitStack() as stack:
            child = stack.enter_context(self.child())
            native = stack.enter_context(self._native_child())  # the process starts with its first job
            run = self._recognise(stack, native) if self.recogniser is not None else None
            reader = SubtitleReader(child.run)
            yield lambda row: {**row, **self._heard(row, child, native, run, reader)}

    def _native_child(self) -> DecodeChild:
        """Return the process for models that run here, whose limits differ from those of decoding."""
        return DecodeChild(
            no_progress_s=self.recogniser_no_progress_s,
            cpu_limit_s=self.recogniser_cpu_limit_s,
            memory_limit_bytes=self.recogniser_memory_bytes,
            time_limit_s=self.time_limit_s,
            recycle_after=_RECOGNISER_RECYCLE,
        )

    def _recognise(self, stack: ExitStack, child: DecodeChild) -> Recognise:
        spec = self.recogniser
        assert isinstance(spec, RecogniserSpec)
        if not spec.isolated:
            running = stack.enter_context(spec.open())
            return lambda path, spans: recognise(running, spec.origin, path, spans)
        config = REGISTRY.config(spec)

        def isolated(path: str, spans: Sequence[tuple[float, float]]) -> tuple[list[SpeechLine], int]:
            try:
                found: tuple[list[SpeechLine], int] = child.run(_RECOGNISE, recogniser=config, path=path, spans=spans)
            except ItemError as error:
                raise ItemError(
                    error.failure_class, error.message.replace("the decoder", f"the recogniser {spec.origin}")
                ) from error
            return found

        return isolated

    def _heard(
        self, row: Row, child: DecodeChild, native: DecodeChild, run: Recognise | None, reader: SubtitleReader
    ) -> Row:
        with tempfile.TemporaryDirectory(prefix="longcap-") as folder:
            path = str(Path(folder, "sound"))
            audio = self._decoded(row, child, path)
            decoded = audio["status"] == "decoded"
            found = _twice(child, _VOICE, path=path, rules=self.rules) if decoded else []
            end_s = float(row["duration_s"])  # the last chunk of samples may extend beyond it
            voice = [(a, min(b, end_s)) for a, b in found if a < end_s]
            shares = _twice(child, _SHARES, path=path, voice=voice) if decoded else (None, None)
            lines, unsaid = self._recognised(run, path, voice) if run is not None else ([], 0)
            lines += self._written(row, child, reader, _track_language(audio)) if self.subtitles else []
            lines.sort(key=lambda x: (x.start_s, x.end_s, x.source, x.text))
            lines = self._with_speakers(native, path, lines) if decoded else lines
        seconds = sum(b - a for a, b in voice)
        return {
            "speech": [line.row() for line in lines],
            "voice": [{"start_s": a, "end_s": b} for a, b in voice] if decoded else None,
            "speech_share": min(1.0, seconds / row["duration_s"]) if decoded and row["duration_s"] else None,
            "silence_share": shares[0],
            "music_share": shares[1],
            "speech_language": _main_language(lines),
            "audio": audio,
            "unsaid": unsaid,
        }

    def _decoded(self, row: Row, child: DecodeChild, path: str) -> Row:
        request = AudioRequest(
            uri=row.get("access_uri") or row["uri"],
            version=row.get("source_version"),
            first_pts_s=float(row["first_pts_s"] or 0.0),
            duration_s=float(row["duration_s"]),
            parts=row.get("parts"),
            track=self.track,
            languages=self.languages,
        )
        found: Row = _twice(child, _DECODE, request=request, path=path)
        return {name: found[name] for name in AUDIO.names}

    def _recognised(self, run: Recognise, path: str, voice: list[tuple[float, float]]) -> tuple[list[SpeechLine], int]:
        lines: list[SpeechLine] = []
        unsaid = 0
        for block in _blocks(voice):
            some, dropped = run(path, block)
            lines += some
            unsaid += dropped
        return [line if line.language else replace(line, language=likely_language(line.text)) for line in lines], unsaid

    def _with_speakers(self, native: DecodeChild, path: str, lines: list[SpeechLine]) -> list[SpeechLine]:
        """Return the lines with speakers, numbered over the whole video."""
        if self.speakers is None or not lines:
            return lines
        spans = [(line.start_s, line.end_s) for line in lines]
        model = SPEAKERS.config(self.speakers)
        voices = native.run(_VOICES, speakers=model, path=path, spans=spans, least_s=self.min_voice_s)
        numbers = speakers_of(voices, [b - a for a, b in spans], self.speaker_likeness)
        return [
            line if number is None else replace(line, speaker=f"S{number + 1}")
            for line, number in zip(lines, numbers, strict=True)
        ]

    def _written(self, row: Row, child: DecodeChild, reader: SubtitleReader, spoken: str | None) -> list[SpeechLine]:
        """Return the lines of the file next to the video, and those of a text stream in it that says something else.

        Args:
            spoken: language of the audio track, if it is known.
        """
        found: list[SpeechLine] = []
        language: str | None = None
        end_s = float(row["duration_s"])
        beside = reader.of(row)
        if beside is not None and beside.status == READ:
            language = likely_language(" ".join(c.text for c in beside.cues[:200]))
            name = basename(str(row["subtitles_uri"]))
            found += [
                SpeechLine(
                    start_s=c.start_s,
                    end_s=min(c.end_s, end_s),
                    text=c.text,
                    language=language,
                    source="beside",
                    origin=name,
                )
                for c in beside.cues
                if c.start_s < end_s
            ]
        embedded = _twice(
            child,
            _EMBEDDED,
            uri=row.get("access_uri") or row["uri"],
            version=row.get("source_version"),
            first_pts_s=float(row["first_pts_s"] or 0.0),
            duration_s=float(row["duration_s"]),
            parts=row.get("parts"),
            languages=[*self.languages, *(code for code in (language, spoken) if code)],
        )
        known: dict[str, list[float]] = defaultdict(list)
        for line in found:
            known[_plain(line.text)].append(line.start_s)
        embedded = [
            (a, b, text, code, origin)
            for a, b, text, code, origin in embedded
            if not (language and code and code != language)
            and all(abs(start_s - a) > _SAME_S for start_s in known.get(_plain(text), ()))
        ]
        return found + [
            SpeechLine(start_s=a, end_s=min(b, end_s), text=text, language=code, source="embedded", origin=origin)
            for a, b, text, code, origin in embedded
        ]


def _track_language(audio: Row) -> str | None:
    tracks = audio.get("tracks") or ()
    return next((t["language"] for t in tracks if t["track"] == audio.get("track")), None)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _twice(child: DecodeChild, job: str, **arguments: Any) -> Any:
    """Return the result of a job; a job that ends its process is retried once in a new process."""
    once = ("pyav", job, arguments)
    return child.run_first([once, once])[0]


def _blocks(voice: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    block: list[tuple[float, float]] = []
    for span in voice:
        if block and sum(b - a for a, b in block) + span[1] - span[0] > _BLOCK_S:
            yield block
            block = []
        block.append(span)
    if block:
        yield block


def _main_language(lines: Sequence[SpeechLine]) -> str | None:
    """Return the language of most seconds of the lines with a known language."""
    seconds: dict[str, float] = defaultdict(float)
    for line in lines:
        if line.language:
            seconds[line.language] += line.end_s - line.start_s
    return min(seconds, key=lambda code: (-seconds[code], code), default=None)

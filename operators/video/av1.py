"""Which packets of AV1 video are disposable: later frames refer to none of theirs, so they may stay undecoded.

dav1d is told to leave such frames out when it is opened, for good; so a packet is looked at here and not given to it.
What is read is the sequence header and the first bits of each frame header, up to `refresh_frame_flags`: the slots of
reference frames that the frame goes into. Syntax and names are those of the AV1 Bitstream & Decoding Process
Specification (https://aomediacodec.github.io/av1-spec/), sections 5.3, 5.5 and 5.9.2. A frame that goes into no slot
changes nothing else either: probabilities are kept in the slots, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6  # OBU types, 6.2.2
_KEY, _INTRA_ONLY, _SWITCH = 0, 2, 3  # frame types, 6.8.2
_SELECT = 2  # a tool that each frame turns on or off
_CONFIGURATION = 0x81  # first byte of an MP4's or Matroska's `av1C`; four bytes, then OBUs
_HEAD_BYTES = 512  # of a header: more than any field that is read here lies behind
_ALL_SLOTS = 0xFF


class Av1Packets:
    """The packets of one stream, in the order in which they are fed.

    Args:
        extradata: what the container says of the codec; may be empty.
    """

    def __init__(self, extradata: bytes) -> None:
        self._sequence: _Sequence | None = None
        self.disposable(extradata[4:] if extradata[:1] == bytes([_CONFIGURATION]) else extradata)

    def disposable(self, packet: bytes) -> bool:
        """Whether nothing refers to the frames in `packet`; False for what cannot be read. Sequence headers count."""
        slots = []
        try:
            for kind, data in _units(packet):
                if kind == _SEQUENCE_HEADER:
                    self._sequence = _read_sequence(_Bits(data))
                elif kind in (_FRAME_HEADER, _FRAME):
                    slots.append(_refreshed(_Bits(data), self._sequence) if self._sequence else _ALL_SLOTS)
        except (IndexError, EOFError):
            return False
        return bool(slots) and not any(slots)


class _Bits:
    """Reads numbers, most significant bit first; EOFError past the end."""

    def __init__(self, data: bytes) -> None:
        head = data[:_HEAD_BYTES]
        self._value, self._left = int.from_bytes(head), 8 * len(head)

    def read(self, bits: int) -> int:
        self._left -= bits
        if self._left < 0:
            raise EOFError
        return self._value >> self._left & ((1 << bits) - 1)

    def flag(self) -> bool:
        return bool(self.read(1))

    def skip_uvlc(self) -> None:
        """A number of as many bits as zeros come before it (4.10.3)."""
        zeros = 0
        while not self.flag():
            zeros += 1
        if zeros < 32:
            self.read(zeros)


@dataclass
class _Sequence:
    """What frame headers depend on."""

    reduced: bool = False
    equal_picture_interval: bool = False
    decoder_model: bool = False
    removal_time_bits: int = 0
    presentation_time_bits: int = 0
    timed_points: list[int] = field(default_factory=list)  # operating_point_idc of those with a decoder model
    frame_id_bits: int = 0
    screen_content_tools: int = _SELECT
    integer_mv: int = _SELECT
    order_hint_bits: int = 0


def _units(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """The type of each open bitstream unit, and what is in it from its header on (5.3.1)."""
    at = 0
    while at < len(packet):
        header = packet[at]
        at += 2 if header & 0b100 else 1  # obu_extension_flag
        size = len(packet) - at
        if header & 0b10:  # obu_has_size_field, in leb128
            size = shift = 0
            more = True
            while more:
                size |= (packet[at] & 0x7F) << shift
                more, shift, at = bool(packet[at] & 0x80), shift + 7, at + 1
        yield header >> 3 & 0b1111, packet[at : at + size]
        at += size


def _read_sequence(bits: _Bits) -> _Sequence:
    """`sequence_header_obu` up to `order_hint_bits_minus_1` (5.5.1)."""
    found = _Sequence()
    bits.read(4)  # seq_profile, still_picture
    found.reduced = bits.flag()
    if found.reduced:  # single frames
        return found
    delay_bits = 0
    if bits.flag():  # timing_info_present_flag
        bits.read(64)
        found.equal_picture_interval = bits.flag()
        if found.equal_picture_interval:
            bits.skip_uvlc()
        found.decoder_model = bits.flag()
        if found.decoder_model:
            delay_bits = bits.read(5) + 1
            bits.read(32)
            found.removal_time_bits, found.presentation_time_bits = bits.read(5) + 1, bits.read(5) + 1
    display_delay = bits.flag()
    for _ in range(bits.read(5) + 1):  # operating_points_cnt_minus_1
        point = bits.read(12)
        if bits.read(5) > 7:  # seq_level_idx
            bits.flag()  # seq_tier
        if found.decoder_model and bits.flag():
            found.timed_points.append(point)
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.flag():
            bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    bits.read(width_bits + height_bits)
    if bits.flag():  # frame_id_numbers_present_flag
        delta_bits = bits.read(4) + 2
        found.frame_id_bits = bits.read(3) + delta_bits + 1
    bits.read(3 + 4)  # superblocks, filters; compound modes, warped motion, dual filter
    order_hint = bits.flag()
    if order_hint:
        bits.read(2)
    found.screen_content_tools = _SELECT if bits.flag() else bits.read(1)
    if found.screen_content_tools:
        found.integer_mv = _SELECT if bits.flag() else bits.read(1)
    if order_hint:
        found.order_hint_bits = bits.read(3) + 1
    return found


def _refreshed(bits: _Bits, sequence: _Sequence) -> int:
    """`refresh_frame_flags` of a frame header (5.9.2); all slots where it says nothing of them."""
    if sequence.reduced or bits.flag():  # show_existing_frame: cheap, and it may be a key frame, which refreshes
        return _ALL_SLOTS
    kind, shown = bits.read(2), bits.flag()
    if kind == _SWITCH or (kind == _KEY and shown):
        return _ALL_SLOTS
    if shown and sequence.decoder_model and not sequence.equal_picture_interval:
        bits.read(sequence.presentation_time_bits)
    if not shown:
        bits.flag()  # showable_frame
    resilient = bits.flag()
    bits.flag()  # disable_cdf_update
    tools = sequence.screen_content_tools
    if (bits.flag() if tools == _SELECT else tools) and sequence.integer_mv == _SELECT:
        bits.flag()  # force_integer_mv
    bits.read(sequence.frame_id_bits)
    bits.flag()  # frame_size_override_flag
    bits.read(sequence.order_hint_bits)
    if kind not in (_KEY, _INTRA_ONLY) and not resilient:
        bits.read(3)  # primary_ref_frame
    if sequence.decoder_model and bits.flag():  # buffer_removal_time_present_flag
        if any(sequence.timed_points):
            return _ALL_SLOTS  # layers: which of them it times depends on its own
        bits.read(sequence.removal_time_bits * len(sequence.timed_points))
    return bits.read(8)

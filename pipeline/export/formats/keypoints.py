"""Keypoints that are tracked through a clip, drawn as dots."""

from __future__ import annotations

from typing import Any

import numpy as np

_QUALITY = 0.01  # least quality of a corner, as a share of the best one's (value in OpenCV's examples)
_APART = 0.02  # least distance between two keypoints, as a share of the longer side
_LEVELS, _SIZE_PX = 3, 21  # levels of the pyramid and size of the tracked patch: OpenCV's defaults
_RETURN_PX = 1.0  # a keypoint is dropped if tracking it back ends further from its start
_FEWER = 0.7  # new keypoints are searched below this share of the wanted number
_DOT = 0.006  # radius of a dot, as a share of the longer side


class Keypoints:
    """Draws tracked corners at their current positions: Shi and Tomasi 1994, Lucas and Kanade 1981 with pyramids.

    A keypoint that leaves the frame, is covered or meets a cut is dropped; new ones replace it.

    Args:
        count: maximum number of keypoints that are tracked simultaneously.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._before: Any = None
        self._points = np.zeros((0, 2), np.float32)  # x, y in px
        self._colours = np.zeros((0, 3), np.uint8)

    def __call__(self, grey: Any) -> Any:
        """Draw the dots of a frame; returns RGB, uint8 (height, width, 3).

        Args:
            grey: luma of the frame, uint8 (height, width); call it with the frames in order.
        """
        import cv2

        if self._before is not None and len(self._points):
            self._follow(grey)
        if len(self._points) < _FEWER * self._count:
            self._find(grey)
        self._before = grey
        canvas = np.zeros((*grey.shape, 3), np.uint8)
        radius = max(1, round(_DOT * max(grey.shape)))
        for (x, y), colour in zip(self._points, self._colours, strict=True):
            cv2.circle(canvas, (round(float(x)), round(float(y))), radius, colour.tolist(), -1)
        return canvas

    def _follow(self, grey: Any) -> None:
        import cv2

        how: dict[str, Any] = {"winSize": (_SIZE_PX, _SIZE_PX), "maxLevel": _LEVELS}
        moved, found, _ = cv2.calcOpticalFlowPyrLK(self._before, grey, self._points[:, None], None, **how)  # type: ignore[call-overload]
        back, returned, _ = cv2.calcOpticalFlowPyrLK(grey, self._before, moved, None, **how)  # type: ignore[call-overload]
        off_px = np.linalg.norm(back[:, 0] - self._points, axis=1)
        inside = (moved[:, 0] >= 0).all(axis=1) & (moved[:, 0] <= np.array(grey.shape[::-1]) - 1).all(axis=1)
        kept = (found[:, 0] == 1) & (returned[:, 0] == 1) & (off_px <= _RETURN_PX) & inside
        self._points, self._colours = moved[kept, 0], self._colours[kept]

    def _find(self, grey: Any) -> None:
        import cv2

        apart = max(3, round(_APART * max(grey.shape)))
        free = np.full(grey.shape, 255, np.uint8)
        for x, y in self._points:
            cv2.circle(free, (round(float(x)), round(float(y))), apart, 0, -1)
        new = cv2.goodFeaturesToTrack(grey, self._count - len(self._points), _QUALITY, apart, mask=free)
        if new is None:  # a frame without texture
            return
        place = new[:, 0] / np.array(grey.shape[::-1], np.float32)
        hsv = np.stack([place[:, 0] * 150, np.full(len(place), 255), 255 - place[:, 1] * 127], axis=1)
        colours = cv2.cvtColor(hsv.astype(np.uint8)[None], cv2.COLOR_HSV2RGB)[0]
        self._points = np.concatenate([self._points, new[:, 0]])
        self._colours = np.concatenate([self._colours, colours])

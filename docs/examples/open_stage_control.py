"""Make a surface for Open Stage Control with the objects and ranges of a running daemon.

python open_stage_control.py > open-stage-control.json

Reads the daemon's OSCQuery tree by HTTP; needs only Python.
"""

import argparse
import json
import sys
import urllib.request
from typing import Any

WIDTH, HEIGHT = 180, 160
KNOB = 60


def tree(root: str, token: str) -> dict[str, Any]:
    """Node of the daemon's OSCQuery tree."""
    request = urllib.request.Request(root, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def limits(node: dict[str, Any]) -> dict[str, float]:
    """Range of a value in the surface's format."""
    (allowed,) = node["RANGE"]
    return {"min": allowed["MIN"], "max": allowed["MAX"]}


def knob(node: dict[str, Any], label: str, left: int, top: int, **more: Any) -> dict[str, Any]:
    """A knob for a number."""
    address = node["FULL_PATH"]
    place = {"left": left, "top": top, "width": KNOB, "height": KNOB}
    return {"type": "knob", "id": address, "address": address, "label": label, "range": limits(node), **place, **more}


def button(node: dict[str, Any], label: str, left: int, top: int) -> dict[str, Any]:
    """A toggle for a truth value."""
    address = node["FULL_PATH"]
    place = {"left": left, "top": top, "width": 85, "height": 40}
    return {"type": "button", "id": address, "address": address, "label": label, "on": 1, "off": 0, **place}


def pad(position: dict[str, Any]) -> dict[str, Any]:
    """A floor plan, front at the top: the daemon's x points forwards, y to the left."""
    address = position["FULL_PATH"]
    stem = address.removesuffix("/position")
    script = f"if (touch === undefined) {{ send('{stem}/y', -value[0]); send('{stem}/x', value[1]) }}"
    reach = {"min": -3, "max": 3}
    place = {"left": 5, "top": 30, "width": WIDTH - 10, "height": HEIGHT}
    how = {"rangeX": reach, "rangeY": reach, "bypass": True, "onValue": script}
    return {"type": "xy", "id": address, "address": address, "label": False, **place, **how}


def strip(name: str, node: dict[str, Any], column: int) -> dict[str, Any]:
    """A panel with all controls of an object."""
    below = node["CONTENTS"]
    top = HEIGHT + 40
    parts = [
        {
            "type": "text",
            "id": f"{name} label",
            "left": 5,
            "top": 0,
            "width": WIDTH - 10,
            "height": 25,
            "default": name,
        },
        pad(below["position"]),
        knob(below["gain"], "gain dB", 0, top, range={"min": -60, "max": 20}, doubleTap=True, default=0),
        knob(below["elevation"], "height", 60, top),
        knob(below["width"], "width", 120, top),
        button(below["mute"], "mute", 0, top + 65),
        button(below["solo"], "solo", 90, top + 65),
    ]
    place = {"left": column * (WIDTH + 5), "top": 0, "width": WIDTH, "height": top + 110}
    return {"type": "panel", "id": f"{name} strip", **place, "widgets": parts}


def surface(root: dict[str, Any]) -> dict[str, Any]:
    """A session file."""
    objects, scene, master = (root["CONTENTS"][part]["CONTENTS"] for part in ("object", "scene", "master"))
    strips = [strip(name, node, column) for column, (name, node) in enumerate(objects.items())]
    threshold = root["CONTENTS"]["separation"]["CONTENTS"]["threshold"]
    top = HEIGHT + 160
    below = [
        knob(scene["amount"], "amount", 0, top),
        knob(threshold, "threshold", 70, top),
        knob(master["gain"], "master dB", 140, top, range={"min": -60, "max": 20}),
        button(scene["compare"], "original", 210, top + 10),
        button(master["mute"], "mute", 300, top + 10),
    ]
    content = {"type": "root", "id": "root", "widgets": [*strips, *below], "tabs": []}
    return {"createdWith": "Open Stage Control", "version": "1.25.0", "type": "session", "content": content}


def main() -> None:
    """Write it to standard output."""
    parser = argparse.ArgumentParser(description="Make a surface for Open Stage Control out of a running daemon.")
    parser.add_argument("--root", default="http://127.0.0.1:8010/", help="default http://127.0.0.1:8010/")
    parser.add_argument("--token", default="", help="network.token of the configuration, where there is one")
    options = parser.parse_args()
    json.dump(surface(tree(options.root, options.token)), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()

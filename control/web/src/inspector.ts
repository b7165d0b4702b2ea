/** The chosen object: its position as text and as faders. */

import { type App, at } from "./app";
import { addressChip, fader } from "./controls";
import { follow, h, live } from "./dom";
import { ELSEWHERE_DEG } from "./dot";
import { aed, type Aed, angleBetween, position, type Xyz } from "./geometry";
import type { SceneObject } from "./protocol";
import { ANGLE, DIRECTION, METRES } from "./units";
import { direction, describePosition } from "./format";

const CHECK_MS = 250;

export function inspector(app: App): HTMLElement {
  const box = h("details", { class: "strip" });
  // Closed on small screens, to leave room for the instruments.
  box.open = matchMedia("(min-width: 900px) and (min-height: 521px)").matches;
  const reset = (item: SceneObject) => {
    const button = h("button", { type: "button" }, "Reset position");
    button.onclick = () => app.move(item, app.initialPosition(item));
    return button;
  };
  follow(() => {
    const item = app.item;
    if (!item) return box.replaceChildren(h("summary", { class: "note" }, "Tap an object."));
    const home = app.initialPosition(item);
    const address = at(item, "aed");
    const affected = () => app.affected(item, "aed");
    const part = (index: number) => (value: number) => {
      const to: Aed = [...app.aed(item)];
      to[index] = value;
      app.move(item, to);
    };
    box.style.setProperty("--own", app.colour(item));
    box.replaceChildren(
      h(
        "summary",
        { class: "row" },
        h("h3", {}, h("i", { class: "dot" }), item.label),
        h("b", { class: "place" }, live(() => describePosition(app.aed(item)))),
        h("span", { class: "note" }, live(() => holder(app, item))),
      ),
      elsewhere(app, item),
      reset(item),
      h(
        "div",
        { class: "grid" },
        fader(app, "Direction", address, { low: -180, high: 180, step: 1, unit: DIRECTION, home: home[0], toSlider: (v) => -v, fromSlider: (v) => -v, send: part(0), affected }, 0),
        fader(app, "Height", address, { low: -90, high: 90, step: 1, unit: ANGLE, home: home[1], send: part(1), affected }, 1),
        fader(app, "Distance", address, { low: 0.1, high: Math.max(1.22 * app.scale.value, 3), step: 0.05, unit: METRES, home: home[2], send: part(2), affected }, 2),
        fader(app, "Width", at(item, "width"), { low: 0, high: 360, step: 1, unit: ANGLE, home: 0, send: (to) => app.change(item, "width", to), affected: () => app.affected(item, "width") }),
      ),
      addressChip(app, address),
    );
  });
  return box;
}

function holder(app: App, item: SceneObject): string {
  const who = app.store.text(at(item, "holder"));
  return who && who !== app.store.hello.value?.peer ? `held by ${who}` : "";
}

/** Where it is heard, if elsewhere than placed, and why. */
function elsewhere(app: App, item: SceneObject): HTMLElement {
  const note = h("p", { class: "note" });
  let checkedAt = -Infinity;
  app.onLevels.add((now) => {
    if (now - checkedAt < CHECK_MS) return;
    checkedAt = now;
    const text = whereHeard(app, item);
    if (note.textContent !== text) note.textContent = text;
  });
  return note;
}

function whereHeard(app: App, item: SceneObject): string {
  const row = app.row(item.id);
  const t = app.store.telemetry;
  if (row < 0 || !t) return "";
  const heard: Xyz = [t.heard[3 * row]!, t.heard[3 * row + 1]!, t.heard[3 * row + 2]!];
  const own = app.aed(item);
  if (Math.hypot(...heard) < 0.1 || angleBetween(heard, position(own)) <= ELSEWHERE_DEG) return "";
  const reason =
    app.store.number("/scene/amount", 1) < 1 || app.store.is("/scene/compare")
      ? "the original is mixed in"
      : app.store.number(at(item, "channel_lock")) > 0
        ? "channel lock"
        : app.store.text(at(item, "exclude"))
          ? "loudspeakers are excluded"
          : "no loudspeakers there, or its width";
  const there = aed(heard);
  return `heard ${direction(there[0], there[1])}: ${reason}`;
}

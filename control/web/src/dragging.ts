/** Dragging in the plan: each finger moves an object, one more finger beside makes it fine, a double tap resets the position. */

import { type App, at } from "./app";
import type { Dot } from "./dot";
import { type Aed, dragged, EDGE, HANDLE_DEG, RIM, snapped, wrapped } from "./geometry";
import type { SceneObject } from "./protocol";
import type { Look } from "./look";

const DOUBLE_MS = 350;
const FINE = 0.1;
const SNAP_DEG = 15;
const SNAP_M = 0.1;

interface Grip {
  item: SceneObject;
  from: Aed;
  /** Last position of the finger, and position of the object in the view, metres. */
  last: [number, number];
  place: [number, number];
  restore: () => void;
}

/** Makes objects draggable; returns a function that says whether one is being dragged. `changed` is called when a drag begins or ends. */
export function dragObjects(app: App, look: Look, svg: SVGSVGElement, handle: SVGElement, nearest: (x: number, y: number) => Dot | undefined, changed: () => void): (id: number) => boolean {
  const grips = new Map<number, Grip>();
  const widths = new Map<number, { item: SceneObject; beside: number; restore: () => void }>();
  /** Fingers that hit no object. */
  const loose = new Set<number>();
  let tapped = { id: -1, at: 0 };
  let box = new DOMRect();
  /** Metres right of and below the centre. */
  const metres = (event: PointerEvent): [number, number] => {
    const unit = (2 * EDGE * app.scale.peek()) / Math.min(box.width, box.height);
    return [(event.clientX - box.left - box.width / 2) * unit, (event.clientY - box.top - box.height / 2) * unit];
  };

  /** The width of an object for a position of its handle. */
  const spread = (item: SceneObject, right: number, down: number) => 2 * (Math.abs(wrapped(app.aed(item)[0] - (Math.atan2(-right, -down) * 180) / Math.PI)) - HANDLE_DEG);

  svg.addEventListener("pointerdown", (event) => {
    if (!(event.target instanceof Element) || event.button > 0) return;
    box = svg.getBoundingClientRect(); // once per gesture: a layout query is slow
    const [x, y] = metres(event);
    const dot = nearest(x / app.scale.peek(), y / app.scale.peek());
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
    if (event.target === handle && app.item) {
      const { item } = app;
      const beside = app.store.number(at(item, "width")) - spread(item, x, y);
      return void widths.set(event.pointerId, { item, beside, restore: app.snapshot(app.affected(item, "width")) });
    }
    if (!dot) return void loose.add(event.pointerId);
    const { item } = dot.voice;
    const { id } = item;
    app.selected.value = id;
    if (tapped.id === id && event.timeStamp - tapped.at < DOUBLE_MS) {
      tapped = { id: -1, at: 0 };
      app.move(item, app.initialPosition(item));
      return;
    }
    tapped = { id, at: event.timeStamp };
    // An object that was spread apart from others moves from where it is drawn.
    const place: [number, number] = [dot.x * app.scale.peek(), dot.y * app.scale.peek()];
    grips.set(event.pointerId, { item, from: app.aed(item), last: [x, y], place, restore: app.snapshot(app.affected(item, "aed")) });
    app.connection.act(at(item, "touch"), true);
    changed();
  });
  svg.addEventListener("pointermove", (event) => {
    const wide = widths.get(event.pointerId);
    const grip = grips.get(event.pointerId);
    if (!wide && !grip) return;
    const [right, down] = metres(event);
    if (wide) {
      app.change(wide.item, "width", Math.round(Math.min(Math.max(spread(wide.item, right, down) + wide.beside, 0), 360)));
      return;
    }
    if (grip) drag(grip, right, down, event.shiftKey || loose.size > 0 ? FINE : 1);
  });
  function drag(grip: Grip, right: number, down: number, speed: number): void {
    grip.place = [grip.place[0] + speed * (right - grip.last[0]), grip.place[1] + speed * (down - grip.last[1])];
    grip.last = [right, down];
    const to = dragged(grip.from, ...grip.place, look.shown.peek() === "rear" ? "rear" : "top", look.surface.peek());
    to[2] = Math.min(to[2], RIM * app.scale.peek());
    app.move(grip.item, look.snaps.peek() ? snapped(to, SNAP_DEG, SNAP_M) : to);
  }
  const lift = (event: PointerEvent) => {
    const grip = grips.get(event.pointerId);
    // A gesture that the browser cancels must have no effect.
    if (event.type === "pointercancel") (grip ?? widths.get(event.pointerId))?.restore();
    if (grip) app.connection.act(at(grip.item, "touch"), false);
    loose.delete(event.pointerId);
    grips.delete(event.pointerId);
    widths.delete(event.pointerId);
    changed();
  };
  // A single finger that hits no object scrolls the page: on a phone most of the screen is the plan.
  const hold = (event: TouchEvent) => (grips.size || widths.size || event.touches.length > 1) && event.cancelable && event.preventDefault();
  svg.addEventListener("touchstart", hold, { passive: false });
  svg.addEventListener("touchmove", hold, { passive: false });
  svg.addEventListener("pointerup", lift);
  svg.addEventListener("pointercancel", lift);
  return (id) => {
    for (const grip of grips.values()) if (grip.item.id === id) return true;
    return false;
  };
}

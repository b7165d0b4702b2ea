/** The 3-D view. Dragging an object moves it on a sphere of its distance; dragging elsewhere turns the view. */

import { Raycaster, Vector2, Vector3 } from "three";
import { type App, at } from "./app";
import { everyFrame, follow, h, watchVisible } from "./dom";
import { aed, position, RIM } from "./geometry";
import type { SceneObject, Telemetry } from "./protocol";
import { fromThree, Stage } from "./stage3d";

/** Radius in which a finger hits an object. */
const REACH = 0.12;

/** Throws an error without WebGL. */
export function solidRoom(app: App): { element: HTMLElement; stop: () => void } {
  const stage = new Stage();
  const box = h("div", { class: "solid", role: "img", "aria-label": "The room in three dimensions; use the sliders below to change it" }, stage.canvas);
  const sizes = new ResizeObserver(([entry]) => entry && stage.resize(entry.contentRect.width, entry.contentRect.height));
  sizes.observe(box);

  follow(() => stage.setSpeakers(app.store.hello.value?.room.speakers ?? [], app.scale.value));
  follow(() => stage.setObjects([...app.voices.value.values()], app.scale.value));
  follow(() => stage.choose(app.selected.value));
  const isVisible = watchVisible(box);
  let lastTelemetry: Telemetry | null = null;
  everyFrame((now) => {
    if (!isVisible()) return;
    const t = app.store.telemetry;
    if (t && t !== lastTelemetry) {
      lastTelemetry = t;
      stage.setLevels(t, t.revision === app.store.revision);
    }
    stage.draw(now);
  });

  const ray = new Raycaster();
  const spot = new Vector2();
  const target = new Vector3();
  const other = new Vector3();
  const own = new Vector3();
  let area = new DOMRect();
  const aim = (event: PointerEvent, beside = new Vector2()) => {
    spot.set(((event.clientX - area.left) / area.width) * 2 - 1, 1 - ((event.clientY - area.top) / area.height) * 2).add(beside);
    ray.setFromCamera(spot, stage.camera);
  };
  /** The position in which an object is drawn. */
  const find = (item: SceneObject) => {
    const [azimuth, elevation, far] = app.aed(item);
    const [front, left, up] = position([azimuth, elevation, Math.min(far / app.scale.peek(), RIM)]);
    return own.set(-left, up, -front);
  };
  /** Objects being dragged, with the offset of the finger from each. */
  const held = new Map<number, { item: SceneObject; beside: Vector2; restore: () => void }>();
  const looking = new Map<number, [number, number]>();
  box.addEventListener("pointerdown", (event) => {
    area = box.getBoundingClientRect();
    aim(event);
    box.setPointerCapture(event.pointerId);
    const near = stage.nearest(ray.ray, REACH);
    if (!near) return void looking.set(event.pointerId, [event.clientX, event.clientY]);
    app.selected.value = near.id;
    const seen = find(near).project(stage.camera);
    held.set(event.pointerId, { item: near, beside: new Vector2(seen.x - spot.x, seen.y - spot.y), restore: app.snapshot(app.affected(near, "aed")) });
    app.connection.act(at(near, "touch"), true);
  });
  box.addEventListener("pointermove", (event) => {
    const grip = held.get(event.pointerId);
    if (grip) {
      const { item, beside } = grip;
      aim(event, beside);
      // The ray meets the sphere twice: the nearer point to the object counts. Outside, its edge counts.
      const radius = find(item).length();
      const nearest = -ray.ray.origin.dot(ray.ray.direction);
      const within = radius ** 2 - ray.ray.at(nearest, target).lengthSq();
      if (within > 0) {
        ray.ray.at(nearest - Math.sqrt(within), target);
        ray.ray.at(nearest + Math.sqrt(within), other);
        if (other.distanceTo(own) < target.distanceTo(own)) target.copy(other);
      }
      const [azimuth, elevation] = aed(fromThree(target.setLength(radius)));
      app.move(item, [azimuth, elevation, app.aed(item)[2]]);
      return;
    }
    const last = looking.get(event.pointerId);
    if (!last) return;
    stage.turn((event.clientX - last[0]) / -200, (event.clientY - last[1]) / 200);
    looking.set(event.pointerId, [event.clientX, event.clientY]);
  });
  const lift = (event: PointerEvent) => {
    const grip = held.get(event.pointerId);
    if (event.type === "pointercancel") grip?.restore();
    if (grip) app.connection.act(at(grip.item, "touch"), false);
    held.delete(event.pointerId);
    looking.delete(event.pointerId);
  };
  box.addEventListener("pointerup", lift);
  box.addEventListener("pointercancel", lift);
  box.addEventListener("wheel", (event) => {
    event.preventDefault();
    stage.zoom(Math.exp(event.deltaY / 1000));
  });
  return {
    element: box,
    stop: () => {
      sizes.disconnect();
      stage.dispose();
    },
  };
}

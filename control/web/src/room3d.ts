/** The room in three dimensions. A touch that hits an object moves it on its sphere, one that misses turns the view. */

import { Raycaster, Vector2, Vector3 } from "three";
import { type App, at } from "./app";
import { everyFrame, follow, h, inSight } from "./dom";
import { aed, position, RIM } from "./geometry";
import type { SceneObject, Telemetry } from "./protocol";
import { ours, Stage } from "./stage3d";

/** A finger is wider than a ball. */
const REACH = 0.12;

/** Raises an error where there is no WebGL. */
export function solidRoom(app: App): { element: HTMLElement; stop: () => void } {
  const stage = new Stage();
  const box = h("div", { class: "solid", role: "img", "aria-label": "The room in three dimensions; everything in it can be reached by the sliders below" }, stage.canvas);
  const sizes = new ResizeObserver(([entry]) => entry && stage.resize(entry.contentRect.width, entry.contentRect.height));
  sizes.observe(box);

  follow(() => stage.furnish(app.store.hello.value?.room.speakers ?? [], app.scale.value));
  follow(() => stage.people([...app.voices.value.values()], app.scale.value));
  follow(() => stage.choose(app.selected.value));
  const isSeen = inSight(box);
  let told: Telemetry | null = null;
  everyFrame((now) => {
    if (!isSeen()) return;
    const t = app.store.telemetry;
    if (t && t !== told) {
      told = t;
      stage.sound(t, t.revision === app.store.revision);
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
  /** Where an object is drawn. */
  const find = (item: SceneObject) => {
    const [azimuth, elevation, far] = app.aed(item);
    const [front, left, up] = position([azimuth, elevation, Math.min(far / app.scale.peek(), RIM)]);
    return own.set(-left, up, -front);
  };
  /** Objects in hand, and by how much the finger was beside each. */
  const held = new Map<number, { item: SceneObject; beside: Vector2; putBack: () => void }>();
  const looking = new Map<number, [number, number]>();
  box.addEventListener("pointerdown", (event) => {
    area = box.getBoundingClientRect();
    aim(event);
    box.setPointerCapture(event.pointerId);
    const near = stage.nearest(ray.ray, REACH);
    if (!near) return void looking.set(event.pointerId, [event.clientX, event.clientY]);
    app.selected.value = near.id;
    const seen = find(near).project(stage.camera);
    held.set(event.pointerId, { item: near, beside: new Vector2(seen.x - spot.x, seen.y - spot.y), putBack: app.keep(app.reach(near, "aed")) });
    app.link.act(at(near, "touch"), true);
  });
  box.addEventListener("pointermove", (event) => {
    const grip = held.get(event.pointerId);
    if (grip) {
      const { item, beside } = grip;
      aim(event, beside);
      // On its sphere, which the finger meets before and behind: where the object is nearer to. Beyond the rim on the rim.
      const radius = find(item).length();
      const nearest = -ray.ray.origin.dot(ray.ray.direction);
      const within = radius ** 2 - ray.ray.at(nearest, target).lengthSq();
      if (within > 0) {
        ray.ray.at(nearest - Math.sqrt(within), target);
        ray.ray.at(nearest + Math.sqrt(within), other);
        if (other.distanceTo(own) < target.distanceTo(own)) target.copy(other);
      }
      const [azimuth, elevation] = aed(ours(target.setLength(radius)));
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
    if (event.type === "pointercancel") grip?.putBack();
    if (grip) app.link.act(at(grip.item, "touch"), false);
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

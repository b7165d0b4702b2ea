/** The room in three dimensions. A touch that hits an object moves it on its sphere, one that misses turns the view. */

import { Plane, Raycaster, Sphere, Vector2, Vector3 } from "three";
import { type App, at } from "./app";
import { everyFrame, follow, h, inSight } from "./dom";
import { aed, RIM } from "./geometry";
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
  const middle = new Vector3();
  const sphere = new Sphere();
  const plane = new Plane();
  let area = new DOMRect();
  const aim = (event: PointerEvent) => {
    spot.set(((event.clientX - area.left) / area.width) * 2 - 1, 1 - ((event.clientY - area.top) / area.height) * 2);
    ray.setFromCamera(spot, stage.camera);
  };
  const held = new Map<number, { item: SceneObject; putBack: () => void }>();
  const looking = new Map<number, [number, number]>();
  box.addEventListener("pointerdown", (event) => {
    area = box.getBoundingClientRect();
    aim(event);
    box.setPointerCapture(event.pointerId);
    const near = stage.nearest(ray.ray, REACH);
    if (!near) return void looking.set(event.pointerId, [event.clientX, event.clientY]);
    app.selected.value = near.id;
    held.set(event.pointerId, { item: near, putBack: app.keep(app.reach(near, "aed")) });
    app.link.act(at(near, "touch"), true);
  });
  box.addEventListener("pointermove", (event) => {
    const grip = held.get(event.pointerId);
    if (grip) {
      const { item } = grip;
      aim(event);
      const own = app.aed(item);
      const radius = Math.min(own[2] / app.scale.peek(), RIM);
      // On its sphere; beyond the rim on the plane through its centre, drawn back to the sphere.
      sphere.set(middle.set(0, 0, 0), radius);
      const hit = ray.ray.intersectSphere(sphere, target) ?? ray.ray.intersectPlane(plane.setFromNormalAndCoplanarPoint(stage.camera.getWorldDirection(target), middle), target);
      if (!hit) return;
      const [azimuth, elevation] = aed(ours(target.setLength(radius)));
      app.move(item, [azimuth, elevation, own[2]]);
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

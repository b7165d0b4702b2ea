/** The room panel: choice of view, options for dragging, and the numbers of the chosen object. */

import { batch, type Signal, signal } from "@preact/signals-core";
import { type App, at } from "./app";
import { follow, h, live, scoped } from "./dom";
import { type Surface, wrapped } from "./geometry";
import { type Look, type Shown } from "./look";
import { plan } from "./plan";
import { inspector } from "./inspector";

export function room(app: App): HTMLElement {
  const look: Look = { shown: signal<Shown>("top"), surface: signal<Surface>("floor"), snaps: signal(false), regions: signal(false) };
  const { shown, surface, snaps, regions } = look;
  const stage = h("div", { class: "stage" });
  const flat = plan(app, look);
  const note = h("p", { class: "note", role: "status" });
  let close = () => {};
  let turns = 0;
  follow(() => {
    const view = shown.value;
    const turn = ++turns;
    note.textContent = "";
    if (view !== "3d") {
      close();
      close = () => {};
      stage.replaceChildren(flat);
      return;
    }
    // The 3-D code is large, so it is loaded on demand.
    void import("./room3d").then(
      ({ solidRoom }) => {
        if (turn !== turns) return;
        try {
          const [solid, end] = scoped(() => solidRoom(app));
          close = () => {
            end();
            solid.stop();
          };
          stage.replaceChildren(solid.element);
        } catch {
          shown.value = "top";
          note.textContent = "No WebGL in this browser: use the plan, which shows the same.";
        }
      },
      () => (note.textContent = "The 3-D view could not be loaded."),
    );
  });
  const pick = <T>(what: Signal<T>, value: T, text: string) => {
    const button = h("button", { type: "button" }, text);
    button.onclick = () => (what.value = value);
    follow(() => button.setAttribute("aria-pressed", String(what.value === value)));
    return button;
  };
  const option = (what: Signal<boolean>, text: string, title: string) => {
    const button = h("button", { type: "button", title }, text);
    button.onclick = () => (what.value = !what.value);
    follow(() => button.setAttribute("aria-pressed", String(what.value)));
    return button;
  };
  const turn = (by: number) => {
    const button = h("button", { type: "button", "aria-label": `Turn everything ${by > 0 ? "left" : "right"} by 15 degrees` }, by > 0 ? "⟲" : "⟳");
    button.onclick = () => {
      batch(() => {
        for (const item of app.store.objects.peek()) {
          const [azimuth, elevation, far] = app.aed(item);
          app.set(at(item, "aed"), wrapped(azimuth + by), elevation, far);
        }
      });
    };
    return button;
  };
  return h(
    "section",
    { class: "panel room", "aria-label": "Room" },
    h(
      "div",
      { class: "bar" },
      h("h2", {}, live(() => app.store.hello.value?.room.title || "Room")),
      h("div", { class: "group", role: "group", "aria-label": "View" }, pick<Shown>(shown, "top", "Top"), pick<Shown>(shown, "rear", "Rear"), pick<Shown>(shown, "3d", "3-D")),
      h("div", { class: "group", role: "group", "aria-label": "Dragging" }, pick<Surface>(surface, "floor", "Plane"), pick<Surface>(surface, "dome", "Dome")),
      h("div", { class: "group" }, option(regions, "Regions", "Show between which loudspeakers sounds are panned"), option(snaps, "Snap", "Snap to 15 degrees and 10 cm"), turn(15), turn(-15)),
    ),
    stage,
    note,
    inspector(app),
  );
}

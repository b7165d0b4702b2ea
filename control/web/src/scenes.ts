/** Saved scenes, and what recalling one changes. */

import { signal } from "@preact/signals-core";
import type { App } from "./app";
import { action, addressChip, panel, slide, toggle } from "./controls";
import { follow, h, live } from "./dom";
import { TIME } from "./units";
import { splitList } from "./format";

export function scenes(app: App): HTMLElement {
  const fade = signal(1);
  const snapshot = () => {
    const before = fade.value;
    return () => void (fade.value = before);
  };
  const fader = h("div", { class: "fader" }, ...slide({ low: 0, high: 10, step: 0.1, unit: TIME, home: 1 }, "Cross-fade", "", { value: () => fade.value, send: (to) => (fade.value = to), snapshot }));
  const name = h("input", { type: "text", maxlength: 64, placeholder: "A new name", "aria-label": "Name of the scene", autocomplete: "off" });
  const save = h("button", { type: "button", class: "primary" }, "Save");
  save.onclick = () => {
    const chosen = name.value.trim().normalize("NFC");
    if (!chosen) return name.focus();
    const kept = (app.store.values("/scene/list").peek() ?? []).includes(chosen) && !presets().has(chosen);
    app.connection.act("/scene/save", chosen);
    app.undoable.value = kept ? `“${chosen}” overwritten. ` : "";
    name.value = "";
  };
  name.onkeydown = (event) => event.key === "Enter" && save.click();
  const presets = () => new Map(Object.entries(app.store.hello.value?.presets ?? {}));
  const list = h("ul", { class: "list" });
  follow(() => {
    const names = (app.store.values("/scene/list").value ?? []).map(String);
    const present = app.store.text("/scene/name");
    const isChanged = app.store.is("/scene/changed");
    const shipped = presets();
    list.replaceChildren(
      ...names.map((each) => {
        const isPresent = each === present;
        const state = isPresent ? (isChanged ? "loaded, modified" : "loaded") : "";
        const load = h("button", { type: "button", class: "wide", "aria-pressed": String(isPresent), "aria-description": state || null }, each, shipped.has(each) && h("small", {}, ` ${shipped.get(each) || "preset"}`), state !== "" && h("small", { class: "state", "aria-hidden": "true" }, ` ${state}`));
        load.onclick = () => app.connection.act("/scene/load", each, fade.value);
        const drop = action(app, "Delete", "/scene/delete", () => [each]);
        drop.addEventListener("click", () => (app.undoable.value = `“${each}” deleted. `));
        drop.setAttribute("aria-label", `Delete ${each}`);
        return h("li", { class: "row" }, load, shipped.has(each) ? null : drop);
      }),
    );
  });
  return h(
    "div",
    { class: "page" },
    panel(
      "Scenes",
      fader,
      list,
      h("div", { class: "row" }, name, save, action(app, "Reset scene", "/scene/reset")),
    ),
    music(app),
    recall(app),
  );
}

/** Scenes that come back with the music. */
function music(app: App): HTMLElement {
  const { store } = app;
  const belongs = ([kind, text]: [string, string]) => {
    const button = action(app, text, "/scene/belongs", () => [kind]);
    follow(() => {
      const [what, scene] = [store.text(`/playing/${kind}`), store.text("/scene/name")];
      button.disabled = !what || !scene;
      button.title = what && scene ? `“${scene}” belongs to “${what}”` : "Needs a loaded scene, and music whose player says what it plays";
    });
    return button;
  };
  const state = () => (store.text("/playing/scene") ? `“${store.text("/playing/scene")}” belongs to what plays.` : "");
  return panel(
    "Scenes and music",
    h("div", { class: "row" }, toggle(app, "Follow the music", "Load the scene that belongs to the music that begins", "/scene/follow")),
    h("div", { class: "row", role: "group", "aria-label": "The loaded scene belongs to" }, h("span", {}, "The loaded scene belongs to this"), ...KEEPERS.map(belongs)),
    h("p", { class: "note" }, live(state)),
  );
}

const KEEPERS: [string, string][] = [
  ["album", "album"],
  ["artist", "artist"],
  ["source", "player"],
];

const KINDS: [string, string][] = [
  ["positions", "Positions"],
  ["gains", "Levels"],
  ["eq", "Equalisers"],
  ["groups", "Groups"],
  ["objects", "Objects"],
  ["separation", "Separation"],
  ["master", "Master"],
  ["loudspeakers", "Loudspeakers"],
  ["listener", "Listener"],
  ["monitor", "Headphones"],
];
const SCOPE = "/scene/recall/scope";
const WITHOUT = "/scene/recall/without";

/** What recalling a scene changes, and which objects it leaves as they are. */
function recall(app: App): HTMLElement {
  const kinds = KINDS.map(([kind, text]) => choice(app, SCOPE, kind, text, `Recall ${text.toLowerCase()}`));
  const objects = h("div", { class: "row choices", role: "group", "aria-label": "Objects left as they are" });
  follow(() => {
    const names = app.store.objects.value.map((item) => item.name);
    // Patterns and missing objects can be removed too.
    const others = splitList(app.store.text(WITHOUT)).filter((each) => !names.includes(each));
    objects.replaceChildren(...[...names, ...others].map((name) => choice(app, WITHOUT, name, name, `Keep ${name} as it is`)));
  });
  return panel(
    "What recall changes",
    h("div", { class: "row choices", role: "group", "aria-label": "Recalled values" }, ...kinds),
    addressChip(app, SCOPE),
    h("p", { class: "note" }, "Recall leaves these objects as they are:"),
    objects,
    addressChip(app, WITHOUT),
  );
}

/** A button for one word of a comma-separated list. */
function choice(app: App, address: string, word: string, text: string, label: string): HTMLElement {
  const button = h("button", { type: "button", "aria-label": label }, text);
  const list = () => splitList(app.store.text(address));
  button.onclick = () => app.set(address, (list().includes(word) ? list().filter((each) => each !== word) : [...list(), word]).join(", "));
  follow(() => button.setAttribute("aria-pressed", String(list().includes(word))));
  return button;
}

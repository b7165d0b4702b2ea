/** The mixer: a strip for each object, the groups, loudness, the separation, the headphones. Built when first opened. */

import { type App, at } from "./app";
import { addressChip, fader, flip, GAIN, meter, panel, toggle } from "./controls";
import { follow, h, live } from "./dom";
import { LINKED_VALUES, type LinkedValue, toggleLink } from "./groups";
import { loudness } from "./loudness";
import type { SceneObject } from "./protocol";
import { ANGLE, GROUP, SHARE, TIME } from "./units";
import { percent, seconds, splitList } from "./format";

export function mixer(app: App): HTMLElement {
  const strips = h("div", { class: "strips" });
  follow(() => strips.replaceChildren(...app.store.objects.value.map((item) => channel(app, item))));
  return h("div", { class: "page" }, panel("Objects", strips), groups(app), loudness(app), separation(app), monitor(app));
}

function channel(app: App, item: SceneObject): HTMLElement {
  const box = h(
    "article",
    { class: "channel", "aria-label": item.name },
    h("h3", {}, h("i", { class: "dot" }), item.label),
    h("div", { class: "row" }, meter(app, item.name, () => app.peak(item.id), { hasScale: true }), flip(app, item, "solo"), flip(app, item, "mute")),
    fader(app, "Level", at(item, "gain"), { ...GAIN, send: (to) => app.change(item, "gain", to), affected: () => app.affected(item, "gain") }, 0, item.name),
    fader(app, "Width", at(item, "width"), { low: 0, high: 360, step: 1, unit: ANGLE, home: 0, send: (to) => app.change(item, "width", to), affected: () => app.affected(item, "width") }, 0, item.name),
    fader(app, "Height extent", at(item, "height"), { low: 0, high: 180, step: 1, unit: ANGLE, home: 0 }, 0, item.name),
    fader(app, "Diffuseness", at(item, "diffuseness"), { low: 0, high: 1, step: 0.01, unit: SHARE, home: 0 }, 0, item.name),
    fader(app, "Channel lock", at(item, "channel_lock"), { low: 0, high: 180, step: 1, unit: ANGLE, home: 0 }, 0, item.name),
    fader(app, "Smoothing", at(item, "smooth"), { low: 0, high: 10, step: 0.01, unit: TIME, home: 0.05 }, 0, item.name),
    fader(app, "Group", at(item, "group"), { low: 0, high: 16, step: 1, unit: GROUP, home: 0 }, 0, item.name),
  );
  box.style.setProperty("--own", app.colour(item));
  return box;
}

function groups(app: App): HTMLElement {
  const list = h("div", { class: "strips" });
  follow(() => {
    const numbers = [...new Set(app.store.objects.value.map((item) => app.group(item)))].filter((n) => n > 0).sort((a, b) => a - b);
    list.replaceChildren(...(numbers.length ? numbers.map((n) => group(app, n)) : [h("p", { class: "note" }, "Objects with the same group number move together.")]));
  });
  return panel("Groups", list);
}

const LINK_NAMES: Record<LinkedValue, string> = { position: "Positions", level: "Levels", mute: "Mutes", solo: "Solos", width: "Widths" };

function group(app: App, number: number): HTMLElement {
  const address = `/group/${number}/links`;
  const members = () => app.store.objects.value.filter((item) => app.group(item) === number).map((item) => item.name);
  const links = () => app.store.text(address);
  return h(
    "article",
    { class: "channel", "aria-label": `Group ${number}` },
    h("h3", {}, `Group ${number}`),
    h("p", { class: "note" }, live(() => members().join(", "))),
    h("p", { class: "note" }, "Linked when you change one:"),
    h(
      "div",
      { class: "row", role: "group", "aria-label": `What group ${number} links` },
      ...LINKED_VALUES.map((what) => {
        const button = h("button", { type: "button", "aria-label": `Link ${what} in group ${number}` }, LINK_NAMES[what]);
        button.onclick = () => app.set(address, toggleLink(links(), what));
        follow(() => button.setAttribute("aria-pressed", String(splitList(links()).includes(what))));
        return button;
      }),
      toggle(app, "Mirrored", `Mirrored positions in group ${number}`, `/group/${number}/mirrored`),
    ),
    addressChip(app, address),
    h("div", { class: "row" }, toggle(app, "Mute group", `Mute group ${number}`, `/group/${number}/mute`, "mute")),
    fader(app, "Level", `/group/${number}/gain`, GAIN, 0, `group ${number}`),
    fader(app, "Turn", `/group/${number}/rotate`, { low: -180, high: 180, step: 1, unit: ANGLE, home: 0, toSlider: (v) => -v, fromSlider: (v) => -v }, 0, `group ${number}`),
  );
}

function separation(app: App): HTMLElement {
  const model = h("select", { "aria-label": "Model", autocomplete: "off" });
  follow(() => model.replaceChildren(h("option", { value: "" }, "as configured"), ...(app.store.hello.value?.models ?? []).map((name) => h("option", { value: name }, name))));
  follow(() => {
    void app.store.hello.value;
    model.value = app.store.text("/separation/model");
  });
  model.onchange = () => app.set("/separation/model", model.value);
  const masks = h("div", {});
  follow(() => masks.replaceChildren(...(app.store.hello.value?.stems ?? []).map((stem) => fader(app, `Mask of ${stem}`, `/separation/${stem}/gain`, GAIN))));
  const state = () => {
    const sound = app.store.sound.value;
    if (!sound) return "";
    const share = sound.stems_share === 1 ? "all stems play" : sound.problem || "no stems now";
    return `${sound.model || "no model"}: ${share}; load ${percent(sound.load)}, ${sound.late} late hops, ${sound.restarts} restarts, ${seconds(sound.missing_s)} without stems; latency ${sound.latency_ms.toFixed(0)} ms, ${sound.xruns} xruns`;
  };
  return panel(
    "Separation",
    h("div", { class: "row" }, h("label", { class: "pick" }, "Model ", model), toggle(app, "Bypass", "Bypass the separation", "/separation/bypass"), addressChip(app, "/separation/model")),
    h("p", { class: "note" }, live(state)),
    fader(app, "Threshold", "/separation/threshold", { low: 0, high: 1, step: 0.01, unit: SHARE, home: 0 }),
    masks,
  );
}

function monitor(app: App): HTMLElement {
  return panel(
    "Headphones (binaural monitor)",
    h("div", { class: "row" }, meter(app, "Headphones", () => Math.max(app.store.telemetry?.monitor[0] ?? -120, app.store.telemetry?.monitor[2] ?? -120), { hasScale: true }), toggle(app, "Mute", "Mute the headphones", "/monitor/mute", "mute")),
    fader(app, "Volume", "/monitor/gain", GAIN),
  );
}

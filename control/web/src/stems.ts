/** The first screen: level, meter, solo and mute of every object; comparison, amount and threshold; master. */

import { type App, at } from "./app";
import { addressChip, fader, flip, GAIN, meter, panel, toggle } from "./controls";
import { follow, h, live } from "./dom";
import { headphones } from "./headphones";
import { shortTerm } from "./loudness";
import type { SceneObject } from "./protocol";
import { SHARE } from "./units";
import { diagnosis } from "./diagnosis";

export function stems(app: App): HTMLElement {
  const list = h("div", { class: "stems", role: "list" });
  follow(() => {
    list.replaceChildren(...app.store.objects.value.map((item) => stem(app, item)));
  });
  return panel("Instruments", list, diagnosis(app), headphones(app));
}

function stem(app: App, item: SceneObject): HTMLElement {
  const choose = h("button", { type: "button", class: "name" }, h("i", { class: "dot" }), h("span", {}, item.label));
  choose.onclick = () => (app.selected.value = item.id);
  const row = h(
    "div",
    { class: "stem", role: "listitem" },
    choose,
    meter(app, item.name, () => app.peak(item.id)),
    flip(app, item, "solo"),
    flip(app, item, "mute"),
    fader(app, "Level", at(item, "gain"), { ...GAIN, send: (to) => app.change(item, "gain", to), affected: () => app.affected(item, "gain") }, 0, item.name),
  );
  row.style.setProperty("--own", app.colour(item));
  follow(() => {
    row.classList.toggle("chosen", app.selected.value === item.id);
    row.classList.toggle("quiet", !app.isHeard(item));
  });
  return row;
}

/** Comparison of scene and original, and the amount of the scene. */
export function compare(app: App): HTMLElement {
  const choice = (text: string, hint: string, on: boolean) => {
    const button = h("button", { type: "button", class: "choice", title: hint }, text);
    button.onclick = () => app.set("/scene/compare", on);
    follow(() => button.setAttribute("aria-pressed", String(app.store.is("/scene/compare") === on)));
    return button;
  };
  const fraction = { low: 0, high: 1, step: 0.01, unit: SHARE };
  return panel(
    "Compare",
    h(
      "div",
      { class: "ab", role: "group", "aria-label": "Compare at equal loudness" },
      choice("A  Scene", "The scene as set", false),
      choice("B  Original", "The original recording at equal loudness", true),
      addressChip(app, "/scene/compare"),
    ),
    fader(app, "Amount", "/scene/amount", { ...fraction, home: 1 }),
    fader(app, "Threshold", "/separation/threshold", { ...fraction, home: 0 }),
  );
}

export function master(app: App): HTMLElement {
  /** The maximum over all loudspeakers: of the peaks (first of three numbers) or gain reductions (last). */
  const most = (kind: 0 | 2, least: number) => {
    const levels = app.store.telemetry?.speakers ?? [];
    let found = least;
    for (let i = kind; i < levels.length; i += 3) found = Math.max(found, levels[i]!);
    return found;
  };
  const sounding = () => {
    const sound = app.store.sound.value;
    const text = sound?.text ?? "";
    // Without JACK only this browser plays.
    return sound?.driver === "clock" && app.listens.value ? `playing on headphones in this browser ${/\(.*\)$/.exec(text)?.[0] ?? ""}` : text;
  };
  return panel(
    "Master",
    h("div", { class: "row" }, meter(app, "Loudspeakers", () => most(0, -120), { hasScale: true, reduction: () => most(2, 0) }), toggle(app, "Mute", "Mute everything", "/master/mute", "mute")),
    fader(app, "Volume", "/master/gain", GAIN),
    h("p", { class: "note" }, live(() => playing(app))),
    h("p", { class: "note" }, shortTerm(app)),
    h("p", { class: "note" }, live(sounding)),
  );
}

/** What a player of the daemon's machine plays: title, artist and player. */
function playing({ store }: App): string {
  const [title, artist, source] = ["title", "artist", "source"].map((name) => store.text(`/playing/${name}`));
  const piece = [title, artist].filter(Boolean).join(" · ");
  return piece && source ? `${piece} (${source})` : piece;
}

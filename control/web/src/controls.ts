/** Faders, buttons and meters, each with a native element behind it and its OSC address beside it. */

import { type App, at } from "./app";
import { untracked } from "@preact/signals-core";
import { follow, h, inSight, live } from "./dom";
import type { SceneObject } from "./protocol";
import { slider } from "./slider";
import { LEVEL, type Unit } from "./units";
import { faderOf, levelOf, METER_END_DB, meterOf, osc } from "./words";

export interface Scale {
  low: number;
  high: number;
  /** What a key moves the slider by. */
  step: number;
  /** What a hand moves it by, where that is less. */
  grain?: number;
  unit: Unit;
  /** From the value to the slider and back, where they are not the same. */
  toSlider?: (value: number) => number;
  fromSlider?: (slider: number) => number;
  home?: number;
  /** Values that hands find easily, and that fingers get up to. */
  detent?: number;
  safe?: number;
  /** Sets it, where that is more than to send it. */
  send?: (value: number) => void;
  /** The addresses that a hand on it changes, where that are more than its own. */
  reach?: () => string[];
}

/** A finger gets to 0 dB, and beyond it only by a second drag and not far: more has to be meant. */
export const GAIN: Scale = {
  low: 0,
  high: 1,
  step: 0.002,
  grain: 0,
  unit: LEVEL,
  toSlider: (value) => faderOf(value, 20),
  fromSlider: (slider) => levelOf(slider, 20),
  home: 0,
  detent: 0,
  safe: 6,
};

/** A small button with the address, which copies address and values. */
export function addressChip(app: App, address: string): HTMLElement {
  const button = h("button", { class: "chip", type: "button", title: "Copy address and value" }, address);
  button.onclick = async () => {
    const line = osc(address, app.store.values(address).peek() ?? []);
    const done = await copy(line);
    button.textContent = done ? `copied: ${line}` : line;
    window.setTimeout(() => (button.textContent = address), 2000);
  };
  follow(() => {
    button.hidden = !app.showsOsc.value;
  });
  return button;
}

/** Buttons have no room for their address: it is in their title, and while addresses are shown a long press copies it. */
function addressed<E extends HTMLElement>(app: App, element: E, address: string, values: () => readonly unknown[]): E {
  element.title = `${element.title || element.textContent}: ${address}`;
  element.addEventListener("contextmenu", (event) => {
    if (!app.showsOsc.peek()) return;
    event.preventDefault();
    const line = osc(address, values());
    void copy(line).then((done) => (app.store.complaint.value = done ? `copied: ${line}` : line));
  });
  return element;
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text); // only pages of this machine or by https may
    return true;
  } catch {
    const field = h("textarea", { class: "sr" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** A fader of a number, named on the page by what it is, and for the ear by whose it is too. */
export function fader(app: App, label: string, address: string, scale: Scale, index = 0, whose = ""): HTMLElement {
  const value = () => Number(app.store.values(address).value?.[index] ?? 0);
  const send = (to: number) => {
    if (scale.send) return scale.send(to);
    const values = [...(app.store.values(address).peek() ?? [0])];
    values[index] = to;
    app.set(address, ...values);
  };
  const keep = () => app.keep(scale.reach?.() ?? [address]);
  return h("div", { class: "fader" }, ...slide(scale, label, whose, { value, send, keep }), addressChip(app, address));
}

/** What a fader moves. */
export interface Moved {
  value: () => number;
  send: (value: number) => void;
  keep: () => () => void;
}

/** The parts of a fader: its name, the slider, and what it says, where a value can be typed. */
export function slide(scale: Scale, label: string, whose: string, { value, send, keep }: Moved): HTMLElement[] {
  const { low, high, step, unit, toSlider: to = (v) => v, fromSlider: from = (v) => v, home, detent, safe } = scale;
  const name = whose ? `${label} of ${whose}` : label;
  const inside = (slider: number) => Math.min(Math.max(slider, low), high);
  const { element, input } = slider({
    low,
    high,
    step,
    grain: scale.grain ?? step,
    label: name,
    ...(detent !== undefined && { detent: to(detent) }),
    ...(safe !== undefined && { safe: to(safe) }),
    read: () => to(untracked(value)),
    write: (slider) => send(from(slider)),
    keep,
    ...(home !== undefined && { home: () => send(home) }),
  });
  const typed = (text: string) => {
    const found = unit.read(text);
    if (Number.isNaN(found)) return unit.such;
    send(from(inside(to(found))));
    return "";
  };
  const output = typeable(input, name, live(() => unit.say(value())), typed);
  let shown = NaN;
  follow(() => {
    const now = value();
    if (now === shown) return; // of the three numbers of a place often one moves
    shown = now;
    const slider = to(now);
    input.value = String(slider);
    input.style.setProperty("--at", `${(100 * (inside(slider) - low)) / (high - low)}%`);
    input.setAttribute("aria-valuetext", unit.say(now));
  });
  return [h("span", { class: "what" }, label), element, output];
}

/** What a slider says: a tap on it, or a digit or Enter while the slider has the keys, lets a value be typed. */
function typeable(input: HTMLInputElement, name: string, text: Text, take: (typed: string) => string): HTMLElement {
  const output = h("output", { title: "Tap to type a value" }, text);
  const field = h("input", { type: "text", "aria-label": `${name}, typed`, autocomplete: "off", enterkeyhint: "done", maxlength: 24 });
  const open = (typed?: string) => {
    if (output.firstChild === field) return;
    field.value = typed ?? text.data;
    field.setCustomValidity("");
    output.replaceChildren(field);
    field.focus();
    if (typed === undefined) field.select();
  };
  const close = () => output.firstChild === field && output.replaceChildren(text);
  output.onclick = () => open();
  field.onblur = close;
  field.oninput = () => field.setCustomValidity("");
  field.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
    if (event.key !== "Enter") return;
    const expected = field.value === text.data ? "" : take(field.value);
    field.setCustomValidity(expected && `Type ${expected}`);
    if (!field.reportValidity()) return;
    close();
    input.focus();
  };
  input.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !/^([\d+.,-]|Enter)$/.test(event.key)) return;
    event.preventDefault();
    open(event.key === "Enter" ? undefined : event.key);
  });
  return output;
}

/** A button that is on or off. */
export function toggle(app: App, text: string, label: string, address: string, kind = "", flips = () => app.set(address, !app.store.is(address))): HTMLButtonElement {
  const button = h("button", { type: "button", class: `toggle ${kind}`, "aria-label": label, title: label }, text);
  button.onclick = flips;
  follow(() => button.setAttribute("aria-pressed", String(app.store.is(address))));
  return addressed(app, button, address, () => [app.store.is(address)]);
}

/** Solo or mute of an object, and of those that its group links. */
export function flip(app: App, item: SceneObject, what: "solo" | "mute"): HTMLButtonElement {
  const [text, word] = what === "solo" ? ["S", "Solo"] : ["M", "Mute"];
  return toggle(app, text!, `${word} ${item.name}`, at(item, what), what, () => app.flip(item, what));
}

/** A button that does something. */
export function action(app: App, text: string, address: string, values: () => (string | number | boolean)[] = () => []): HTMLButtonElement {
  const button = h("button", { type: "button" }, text);
  button.onclick = () => app.link.act(address, ...values());
  return addressed(app, button, address, values);
}

const HOLD_MS = 1000;
const LEAST_REDUCTION_DB = 0.05;

export interface Meter {
  /** By how much a limiter takes it back, dB. */
  reduction?: () => number;
  /** Whether numbers stand at its ticks, which are 10 dB apart. */
  hasScale?: boolean;
}

/** A peak meter with the loudest of the last second as a number, and a latch that says that full scale was reached; a tap lets it go. */
export function meter(app: App, label: string, peak: () => number, { reduction, hasScale }: Meter = {}): HTMLElement {
  const bar = h("i", {});
  const number = h("span", { class: "number", title: "The loudest of the last second, dB of full scale" });
  const limited = reduction && h("span", { class: "reduction", title: "What the limiter takes away" });
  const clip = h("button", { type: "button", class: "clip", "aria-label": `${label}: full scale not reached`, title: "Full scale was reached; tap to forget" });
  const scale = hasScale && h("span", { class: "scale", "aria-hidden": "true" }, ...[-40, -20, 0].map((at) => h("span", {}, at === 0 ? "0" : `−${-at}`)));
  const box = h("span", { class: "meter" }, h("span", { class: "track" }, bar), number, clip, scale, limited);
  let shown = -1;
  let latched = false;
  const loudest = held((text) => (number.textContent = text), (level) => (level < METER_END_DB ? "−∞" : `${level < -0.5 ? "−" : level >= 0.5 ? "+" : ""}${Math.abs(Math.round(level))}`));
  const most = limited && held((text) => (limited.textContent = text), (level) => (level < LEAST_REDUCTION_DB ? "" : `limited by ${level.toFixed(1)} dB`));
  clip.onclick = () => latch(false);
  function latch(on: boolean): void {
    latched = on;
    clip.classList.toggle("on", on);
    clip.setAttribute("aria-label", `${label}: full scale ${on ? "was" : "not"} reached`);
  }
  const isSeen = inSight(box);
  app.onLevels.join((now) => {
    const level = peak();
    if (level >= 0 && !latched) latch(true);
    if (!isSeen()) return;
    loudest(level, now);
    most?.(reduction!(), now);
    const next = Math.round(400 * meterOf(level)) / 400;
    if (next !== shown) bar.style.clipPath = `inset(0 ${100 - 100 * (shown = next)}% 0 0)`;
  });
  return box;
}

/** Shows the highest of the last second, and a higher one at once. */
function held(show: (text: string) => void, say: (value: number) => string): (value: number, now: number) => void {
  let most = -Infinity;
  let since = -Infinity;
  let shown: string | null = null;
  return (value, now) => {
    if (value < most && now - since < HOLD_MS) return;
    [most, since] = [value, now];
    const text = say(value);
    if (text !== shown) show((shown = text));
  };
}

export function panel(title: string, ...children: (Node | string)[]): HTMLElement {
  return h("section", { class: "panel", "aria-label": title }, h("h2", {}, title), ...children);
}

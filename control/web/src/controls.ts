/** Faders, buttons and meters, each based on a native element, with its OSC address beside it. */

import { type App, at } from "./app";
import { untracked } from "@preact/signals-core";
import { follow, h, watchVisible, live } from "./dom";
import type { SceneObject } from "./protocol";
import { slider } from "./slider";
import { LEVEL, type Unit } from "./units";
import { faderPosition, faderLevel, METER_END_DB, meterLength, oscLine } from "./format";

export interface Scale {
  low: number;
  high: number;
  /** Step of the arrow keys. */
  step: number;
  /** Step of the pointer, if smaller. */
  grain?: number;
  unit: Unit;
  /** Conversions between value and slider position, if they differ. */
  toSlider?: (value: number) => number;
  fromSlider?: (slider: number) => number;
  home?: number;
  /** Value at which the slider catches, and the highest value that a finger can reach. */
  detent?: number;
  safe?: number;
  /** Sets the value, if that is more than sending it. */
  send?: (value: number) => void;
  /** The addresses that it changes, if more than its own. */
  affected?: () => string[];
}

/** A finger reaches 0 dB, and a second drag +6 dB, so that nobody makes it much louder by accident. */
export const GAIN: Scale = {
  low: 0,
  high: 1,
  step: 0.002,
  grain: 0,
  unit: LEVEL,
  toSlider: (value) => faderPosition(value, 20),
  fromSlider: (slider) => faderLevel(slider, 20),
  home: 0,
  detent: 0,
  safe: 6,
};

/** A small button with the address, which copies address and value. */
export function addressChip(app: App, address: string): HTMLElement {
  const button = h("button", { class: "chip", type: "button", title: "Copy address and value" }, address);
  button.onclick = async () => {
    const line = oscLine(address, app.store.values(address).peek() ?? []);
    const done = await copy(line);
    button.textContent = done ? `copied: ${line}` : line;
    window.setTimeout(() => (button.textContent = address), 2000);
  };
  follow(() => {
    button.hidden = !app.showsOsc.value;
  });
  return button;
}

/** Adds the address of a button to its title; while addresses are shown, a long press or right click copies it. */
function addressed<E extends HTMLElement>(app: App, element: E, address: string, values: () => readonly unknown[]): E {
  element.title = `${element.title || element.textContent}: ${address}`;
  element.addEventListener("contextmenu", (event) => {
    if (!app.showsOsc.peek()) return;
    event.preventDefault();
    const line = oscLine(address, values());
    void copy(line).then((done) => (app.store.message.value = done ? `copied: ${line}` : line));
  });
  return element;
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text); // allowed on localhost and by https only
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

/** A fader. Its label says what it is; for screen readers it also says whose. */
export function fader(app: App, label: string, address: string, scale: Scale, index = 0, whose = ""): HTMLElement {
  const value = () => Number(app.store.values(address).value?.[index] ?? 0);
  const send = (to: number) => {
    if (scale.send) return scale.send(to);
    const values = [...(app.store.values(address).peek() ?? [0])];
    values[index] = to;
    app.set(address, ...values);
  };
  const snapshot = () => app.snapshot(scale.affected?.() ?? [address]);
  return h("div", { class: "fader" }, ...slide(scale, label, whose, { value, send, snapshot }), addressChip(app, address));
}

/** The value of a fader. */
export interface Moved {
  value: () => number;
  send: (value: number) => void;
  snapshot: () => () => void;
}

/** The parts of a fader: label, slider, and the value, which can be typed. */
export function slide(scale: Scale, label: string, whose: string, { value, send, snapshot }: Moved): HTMLElement[] {
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
    snapshot,
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
    if (now === shown) return; // of the three numbers of a position often only one changes
    shown = now;
    const slider = to(now);
    input.value = String(slider);
    input.style.setProperty("--at", `${(100 * (inside(slider) - low)) / (high - low)}%`);
    input.setAttribute("aria-valuetext", unit.say(now));
  });
  return [h("span", { class: "what" }, label), element, output];
}

/** The value of a slider. A tap on it, or a digit or Enter while the slider has the focus, opens a field for typing. */
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

/** A button that switches a value on and off. */
export function toggle(app: App, text: string, label: string, address: string, kind = "", flips = () => app.set(address, !app.store.is(address))): HTMLButtonElement {
  const button = h("button", { type: "button", class: `toggle ${kind}`, "aria-label": label, title: label }, text);
  button.onclick = flips;
  follow(() => button.setAttribute("aria-pressed", String(app.store.is(address))));
  return addressed(app, button, address, () => [app.store.is(address)]);
}

/** Solo or mute button of an object, for linked objects too. */
export function flip(app: App, item: SceneObject, what: "solo" | "mute"): HTMLButtonElement {
  const [text, word] = what === "solo" ? ["S", "Solo"] : ["M", "Mute"];
  return toggle(app, text!, `${word} ${item.name}`, at(item, what), what, () => app.flip(item, what));
}

/** A button that sends a command. */
export function action(app: App, text: string, address: string, values: () => (string | number | boolean)[] = () => []): HTMLButtonElement {
  const button = h("button", { type: "button" }, text);
  button.onclick = () => app.connection.act(address, ...values());
  return addressed(app, button, address, values);
}

const HOLD_MS = 1000;
const MIN_REDUCTION_DB = 0.05;

export interface Meter {
  /** Gain reduction of the limiter, dB. */
  reduction?: () => number;
  /** Whether it has a scale with numbers. */
  hasScale?: boolean;
}

/** A peak meter with peak hold as a number, and a clip indicator that stays on until it is tapped. */
export function meter(app: App, label: string, peak: () => number, { reduction, hasScale }: Meter = {}): HTMLElement {
  const bar = h("i", {});
  const number = h("span", { class: "number", title: "Highest peak of the last second, dBFS" });
  const limited = reduction && h("span", { class: "reduction", title: "Gain reduction by the limiter" });
  const clip = h("button", { type: "button", class: "clip", "aria-label": `${label}: no clipping`, title: "Clipped: tap to reset" });
  const scale = hasScale && h("span", { class: "scale", "aria-hidden": "true" }, ...[-40, -20, 0].map((at) => h("span", {}, at === 0 ? "0" : `−${-at}`)));
  const box = h("span", { class: "meter" }, h("span", { class: "track" }, bar), number, clip, scale, limited);
  let shown = -1;
  let latched = false;
  const loudest = held((text) => (number.textContent = text), (level) => (level < METER_END_DB ? "−∞" : `${level < -0.5 ? "−" : level >= 0.5 ? "+" : ""}${Math.abs(Math.round(level))}`));
  const most = limited && held((text) => (limited.textContent = text), (level) => (level < MIN_REDUCTION_DB ? "" : `limited by ${level.toFixed(1)} dB`));
  clip.onclick = () => latch(false);
  function latch(on: boolean): void {
    latched = on;
    clip.classList.toggle("on", on);
    clip.setAttribute("aria-label", on ? `${label}: clipped, tap to reset` : `${label}: no clipping`);
  }
  const isVisible = watchVisible(box);
  app.onLevels.add((now) => {
    const level = peak();
    if (level >= 0 && !latched) latch(true);
    if (!isVisible()) return;
    loudest(level, now);
    most?.(reduction!(), now);
    const next = Math.round(400 * meterLength(level)) / 400;
    if (next !== shown) bar.style.clipPath = `inset(0 ${100 - 100 * (shown = next)}% 0 0)`;
  });
  return box;
}

/** Peak hold: shows the highest value of the last second. */
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

/** Faders, buttons and meters, each with a native element behind it and its OSC address beside it. */

import { type App, at } from "./app";
import { follow, h, inSight, live } from "./dom";
import type { SceneObject } from "./protocol";
import { decibels, faderOf, levelOf, meterOf, osc } from "./words";

export interface Scale {
  low: number;
  high: number;
  step: number;
  say: (value: number) => string;
  /** From the value to the slider and back, where they are not the same. */
  toSlider?: (value: number) => number;
  fromSlider?: (slider: number) => number;
  home?: number;
  /** Sets it, where that is more than to send it. */
  send?: (value: number) => void;
}

export const GAIN: Scale = {
  low: 0,
  high: 1,
  step: 0.002,
  say: decibels,
  toSlider: (value) => faderOf(value, 20),
  fromSlider: (slider) => levelOf(slider, 20),
  home: 0,
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

/** A fader of a number, named on the page by what it is, and for the ear by whose it is too: double tap is the default, Shift or a second finger makes it ten times finer. */
export function fader(app: App, label: string, address: string, scale: Scale, index = 0, whose = ""): HTMLElement {
  const to = scale.toSlider ?? ((v) => v);
  const from = scale.fromSlider ?? ((v) => v);
  const input = h("input", { type: "range", min: scale.low, max: scale.high, step: scale.step, "aria-label": whose ? `${label} of ${whose}` : label });
  const output = h("output", {}, live(() => scale.say(Number(app.store.values(address).value?.[index] ?? 0))));
  const send = (value: number) => {
    if (scale.send) return scale.send(value);
    const values = [...(app.store.values(address).peek() ?? [0])];
    values[index] = value;
    app.set(address, ...values);
  };
  let touched = 0;
  let start: number | null = null;
  let anchor = 0;
  const fingers = new Set<number>();
  let isFine = false;
  input.addEventListener("pointerdown", (event) => {
    if (scale.home !== undefined && event.timeStamp - touched < 350) {
      event.preventDefault();
      send(scale.home);
    }
    touched = event.timeStamp;
    fingers.add(event.pointerId);
    start = null;
  });
  const lifted = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    if (isFine && fingers.size === 0) input.value = String(to(Number(app.store.values(address).peek()?.[index] ?? 0)));
  };
  input.addEventListener("pointerup", lifted);
  input.addEventListener("pointercancel", lifted);
  input.addEventListener("pointermove", (event) => (isFine = event.shiftKey || fingers.size > 1));
  input.addEventListener("input", () => {
    let slider = Number(input.value);
    if (isFine && fingers.size > 0) {
      if (start === null) [start, anchor] = [to(Number(app.store.values(address).peek()?.[index] ?? 0)), slider];
      slider = start + (slider - anchor) / 10;
    } else start = null;
    send(from(Math.min(Math.max(slider, scale.low), scale.high)));
  });
  input.addEventListener("dblclick", () => scale.home !== undefined && send(scale.home));
  let shown = NaN;
  follow(() => {
    const value = Number(app.store.values(address).value?.[index] ?? 0);
    if (value === shown) return; // of the three numbers of a place often one moves
    shown = value;
    const slider = to(value);
    if (Number(input.value) !== slider && !(isFine && fingers.size > 0)) input.value = String(slider);
    input.style.setProperty("--at", `${(100 * (slider - scale.low)) / (scale.high - scale.low)}%`);
    input.setAttribute("aria-valuetext", scale.say(value));
  });
  return h("label", { class: "fader" }, h("span", { class: "what" }, label), input, output, addressChip(app, address));
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

/** A peak meter with a latch that says that full scale was reached; a tap lets it go. */
export function meter(app: App, label: string, peak: () => number): HTMLElement {
  const bar = h("i", {});
  const clip = h("button", { type: "button", class: "clip", "aria-label": `${label}: full scale not reached`, title: "Full scale was reached; tap to forget" });
  const box = h("span", { class: "meter" }, h("span", { class: "track" }, bar), clip);
  let shown = -1;
  let latched = false;
  clip.onclick = () => latch(false);
  function latch(on: boolean): void {
    latched = on;
    clip.classList.toggle("on", on);
    clip.setAttribute("aria-label", `${label}: full scale ${on ? "was" : "not"} reached`);
  }
  const isSeen = inSight(box);
  app.onLevels.join(() => {
    const level = peak();
    if (level >= 0 && !latched) latch(true);
    if (!isSeen()) return;
    const next = Math.round(400 * meterOf(level)) / 400;
    if (next !== shown) bar.style.clipPath = `inset(0 ${100 - 100 * (shown = next)}% 0 0)`;
  });
  return box;
}

export function panel(title: string, ...children: (Node | string)[]): HTMLElement {
  return h("section", { class: "panel", "aria-label": title }, h("h2", {}, title), ...children);
}

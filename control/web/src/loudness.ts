/** The loudness of the recording and of the room, by EBU R 128. */

import type { App } from "./app";
import { action, addressChip, fader, panel, toggle } from "./controls";
import { h, live } from "./dom";
import { decibels, loudnessText } from "./format";
import { LUFS } from "./units";

const PROGRAMMES = [
  ["Recording", "/meter/loudness/mixture"],
  ["Room", "/meter/loudness/room"],
] as const;

/** Rows of the table: name, unit, explanation, and index among the values of an address. */
const ROWS: [string, string, string, number][] = [
  ["Momentary", "LUFS", "Of the last 0.4 seconds", 0],
  ["Short-term", "LUFS", "Of the last 3 seconds", 1],
  ["Integrated", "LUFS", "Of everything since the reset, without pauses", 2],
  ["Range", "LU", "Between the soft and the loud passages since the reset", 3],
  ["True peak", "dBTP", "The highest since the reset, between the samples too", 4],
  ["Highest momentary", "LUFS", "Since the reset", 5],
  ["Highest short-term", "LUFS", "Since the reset", 6],
];

const cell = (app: App, address: string, index: number) => live(() => loudnessText(Number(app.store.values(address).value?.[index] ?? -120)));

export function loudness(app: App): HTMLElement {
  const head = h("tr", {}, h("td", {}), ...PROGRAMMES.map(([name]) => h("th", { scope: "col" }, name)));
  const rows = ROWS.map(([name, unit, hint, index]) =>
    h("tr", {}, h("th", { scope: "row", title: hint }, name, " ", h("small", {}, unit)), ...PROGRAMMES.map(([, address]) => h("td", {}, cell(app, address, index)))),
  );
  return panel(
    "Loudness",
    h("table", { class: "loudness" }, h("thead", {}, head), h("tbody", {}, ...rows)),
    h("div", { class: "row" }, action(app, "Reset", "/meter/loudness/reset"), ...PROGRAMMES.map(([, address]) => addressChip(app, address))),
    h("div", { class: "row" }, toggle(app, "Level the recording", "Bring the recording slowly to the target loudness", "/loudness/levelling"), h("span", { class: "note" }, live(() => levelled(app)))),
    h("div", { class: "row" }, toggle(app, "Night", "Turn loud passages down and soft ones up", "/loudness/night")),
    fader(app, "Target", "/loudness/target", { low: -40, high: -10, step: 0.5, unit: LUFS, home: -18 }, 0, "the levelling"),
  );
}

function levelled(app: App): string {
  return app.store.is("/loudness/levelling") ? `now ${decibels(app.store.number("/loudness/gain"))}` : "";
}

/** The short-term loudness of the room, in a few words. */
export function shortTerm(app: App): Text {
  return live(() => {
    const now = Number(app.store.values("/meter/loudness/room").value?.[1] ?? -120);
    return now > -120 ? `Loudness of the room: ${loudnessText(now)} LUFS (3 s)` : "";
  });
}

/** What a group links, and by how much the others change when a hand changes one. Pure. */

import { SILENCE_DB, words } from "./words";

export const LINKED = ["position", "level", "mute", "solo", "width"] as const;
export type Linked = (typeof LINKED)[number];

const TOP_DB = 20;
/** The lower end of a fader. */
const END_DB = -60;

export function between(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** The level of a companion: by as many decibels; at the end of the fader all are silent, and come back together. */
export function linkedLevel(own: number, before: number, after: number): number {
  if (after < END_DB) return SILENCE_DB;
  if (before < END_DB || own < END_DB) return after;
  return between(own + after - before, END_DB, TOP_DB);
}

/** The links in the words of OSC, with one of them turned on or off. */
export function toggled(links: string, what: Linked): string {
  const on = words(links);
  return LINKED.filter((each) => (each === what) !== on.includes(each)).join(", ");
}

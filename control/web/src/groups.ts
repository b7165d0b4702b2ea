/** Links of a group: what changes together, and by how much. Pure functions. */

import { SILENCE_DB, splitList } from "./format";

export const LINKED_VALUES = ["position", "level", "mute", "solo", "width"] as const;
export type LinkedValue = (typeof LINKED_VALUES)[number];

const TOP_DB = 20;
/** The lower end of a fader. */
const END_DB = -60;

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** The new level of a linked object: changed by as many decibels. At the lower end of the fader all are silent, and come back together. */
export function linkedLevel(own: number, before: number, after: number): number {
  if (after < END_DB) return SILENCE_DB;
  if (before < END_DB || own < END_DB) return after;
  return clamp(own + after - before, END_DB, TOP_DB);
}

/** The links as in OSC, with one of them switched. */
export function toggleLink(links: string, what: LinkedValue): string {
  const on = splitList(links);
  return LINKED_VALUES.filter((each) => (each === what) !== on.includes(each)).join(", ");
}

/** Units: format values as text, and read typed text. Pure. */

import { decibels, degrees, direction, distance, loudnessText, percent, seconds, SILENCE_DB } from "./format";

export interface Unit {
  say: (value: number) => string;
  /** The value of typed text; NaN if it is invalid. */
  read: (text: string) => number;
  /** What is expected, for an error message. */
  such: string;
}

/** Reads a number with sign, point or comma, followed by one of the units, each with its factor. */
function number(text: string, words: Record<string, number>): number {
  const found = /^([+-]?(?:\d+[.,]?\d*|[.,]\d+)) ?(\S*)$/.exec(plain(text));
  const worth = words[found?.[2] ?? "?"];
  return found && worth !== undefined ? Number(found[1]!.replace(",", ".")) * worth : NaN;
}

function plain(text: string): string {
  return text.trim().toLowerCase().replace(/[−–]/g, "-").replace(/\s+/g, " ");
}

const TURN = { "": 1, "°": 1, deg: 1, degrees: 1 };
const PLACES: Record<string, number> = { "in front": 0, front: 0, behind: 180, back: 180, left: 90, right: -90 };

export const LEVEL: Unit = {
  say: decibels,
  read: (text) => (["silent", "silence", "off", "-inf", "-∞", "-inf db", "-∞ db"].includes(plain(text)) ? SILENCE_DB : number(text, { "": 1, db: 1 })),
  such: "a level such as −6 or silent",
};
export const LUFS: Unit = { say: (value) => `${loudnessText(value)} LUFS`, read: (text) => number(text, { "": 1, lufs: 1, lkfs: 1 }), such: "a loudness such as −18" };
export const SHARE: Unit = { say: percent, read: (text) => number(text, { "": 0.01, "%": 0.01 }), such: "a percentage such as 50" };
export const ANGLE: Unit = { say: degrees, read: (text) => number(text, TURN), such: "degrees such as 45" };
export const TIME: Unit = { say: seconds, read: (text) => number(text, { "": 1, s: 1, ms: 0.001 }), such: "a time such as 1.5 s or 50 ms" };
export const METRES: Unit = { say: distance, read: (text) => number(text, { "": 1, m: 1, cm: 0.01 }), such: "a distance such as 1.5 m or 80 cm" };
export const GROUP: Unit = { say: (value) => (value === 0 ? "none" : String(value)), read: (text) => (plain(text) === "none" ? 0 : Math.round(number(text, { "": 1 }))), such: "a group from 1 to 16, or none" };
export const DIRECTION: Unit = {
  say: (value) => direction(value),
  read: (text) => {
    const side = /^(.*\S) ?(left|right|l|r)$/.exec(plain(text));
    return PLACES[plain(text)] ?? (side ? number(side[1]!, TURN) * (side[2]!.startsWith("l") ? 1 : -1) : number(text, TURN));
  },
  such: "a direction such as 30 left, right or behind",
};

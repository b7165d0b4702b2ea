/** Formats numbers as text. Pure. */

import type { Aed } from "./geometry";

export const SILENCE_DB = -120;
/** The lower end of a meter. */
export const METER_END_DB = -60;

export function direction(azimuth: number, elevation = 0): string {
  const turn = Math.round(Math.abs(azimuth));
  const level =
    turn === 0 ? "in front" : turn === 180 ? "behind" : turn === 90 ? (azimuth > 0 ? "left" : "right") : `${turn}° ${azimuth > 0 ? "left" : "right"}`;
  const rise = Math.round(elevation);
  if (Math.abs(rise) === 90) return rise > 0 ? "overhead" : "underneath";
  return rise === 0 ? level : `${level}, ${Math.abs(rise)}° ${rise > 0 ? "up" : "down"}`;
}

export function distance(metres: number): string {
  return metres < 1 ? `${Math.round(metres * 100)} cm` : `${metres.toFixed(metres < 10 ? 1 : 0)} m`;
}

export function describePosition([azimuth, elevation, far]: Aed): string {
  return `${direction(azimuth, elevation)}, ${distance(far)}`;
}

export function decibels(value: number): string {
  if (value <= SILENCE_DB) return "silent";
  const rounded = Math.round(value * 10) / 10;
  return `${rounded > 0 ? "+" : ""}${rounded.toFixed(1).replace("-", "−")} dB`;
}

/** Loudness and the like, without its unit. */
export function loudnessText(value: number): string {
  return value <= SILENCE_DB ? "–" : value.toFixed(1).replace("-", "−");
}

export function percent(value: number): string {
  return `${Math.round(100 * value)} %`;
}

export function degrees(value: number): string {
  return `${Math.round(value)}°`;
}

export function seconds(value: number): string {
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

/** Fader position, 0..1, for a level; low levels get little room. */
export function faderPosition(decibel: number, top: number): number {
  return decibel <= SILENCE_DB ? 0 : Math.min(10 ** ((decibel - top) / 50), 1);
}

/** The level of a fader position; the lower end is silence. */
export function faderLevel(fader: number, top: number): number {
  const level = fader <= 0 ? SILENCE_DB : top + 50 * Math.log10(fader);
  return level < -60 ? SILENCE_DB : Math.round(level * 10) / 10;
}

/** Length of a meter bar, 0..1: linear in decibels from -60 to 0. */
export function meterLength(decibel: number): number {
  return Math.min(Math.max(1 - decibel / METER_END_DB, 0), 1);
}

/** Shortens a name. */
export function shorten(name: string, most = 16): string {
  const letters = [...name];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : name;
}

/** Splits a comma-separated list. */
export function splitList(text: string): string[] {
  return text.split(",").map((each) => each.trim()).filter((each) => each !== "");
}

/** An OSC message as text: address and values. */
export function oscLine(address: string, values: readonly unknown[]): string {
  return [address, ...values.map((v) => (typeof v === "number" ? +v.toFixed(4) : typeof v === "string" ? JSON.stringify(v) : v ? 1 : 0))].join(" ");
}

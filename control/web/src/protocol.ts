/** The protocol between daemon and page; the daemon's side is control/http/page_client.py and telemetry.py. */

import type { Xyz } from "./geometry";

export type Value = number | string | boolean;
export type Values = Value[];

export interface Argument {
  name: string;
  tag: "f" | "i" | "s" | "T";
  unit: string;
  low?: number;
  high?: number;
  values?: string[];
}

export interface Row {
  text: string;
  arguments: Argument[];
  default: Values;
}

export interface Speaker {
  label: string;
  azimuth: number;
  elevation: number;
  radius: number;
  lfe: boolean;
  /** Channel of the sound card, from 1. */
  channel: number;
}

/** The role of this machine (`role` in the configuration). */
export type Role = "both" | "separation" | "renderer";

export interface Hello {
  name: string;
  version: string;
  role: Role;
  peer: string;
  readOnly: boolean;
  addresses: string[];
  oscPort: number;
  httpPort: number;
  models: string[];
  stems: string[];
  /** What each preset does, by its name. */
  presets: Record<string, string>;
  defaults: Record<string, [number, number, number]>;
  table: Record<string, Row>;
  /** Build of the page that the daemon serves. */
  page: string;
  room: { name: string; title: string; speakers: Speaker[]; edges: [Xyz, Xyz][] };
}

export interface Sound {
  driver: "" | "clock" | "jack";
  text: string;
  model: string;
  stems_share: number;
  load: number;
  late: number;
  restarts: number;
  problem: string;
  missing_s: number;
  latency_ms: number;
  xruns: number;
  binaural: boolean;
  wiring: Wiring;
}

/** stemfield's ports on the JACK server, and ports that they could be connected to; empty without a server. */
export interface Wiring {
  server: string;
  client: string;
  mixture: string[];
  direct: string[];
  monitor: string[];
  unconnected: string[];
  sources: string[];
  sinks: string[];
}

export interface Packet {
  at_s: number;
  sender: string;
  address: string;
  arguments: string;
  verdict: string;
}

export interface SceneObject {
  id: number;
  name: string;
  kind: "stem" | "input";
  channels: number;
  /** Channels of a direct input; none for a stem. */
  inputs: number[];
  /** Displayed name; addresses use `name`. */
  label: string;
}

export interface Update {
  hello?: Hello;
  objects?: { revision: number; list: [number, string, "stem" | "input", number, number[], string][] };
  values?: Record<string, Values>;
  sound?: Sound;
  packets?: Packet[];
  answers?: [string, ...Value[]][];
  done?: number;
}

export interface Telemetry {
  revision: number;
  playing: boolean;
  stemsShare: number;
  load: number;
  /** dB: left peak, left RMS, right peak, right RMS. */
  mixture: Float32Array;
  monitor: Float32Array;
  /** dB: peak and RMS of each object. */
  objects: Float32Array;
  /** dB: peak, RMS and gain reduction of each loudspeaker. */
  speakers: Float32Array;
  /** x front, y left, z up of each object: the direction in which it is heard. */
  heard: Float32Array;
}

const VERSION = 1;
const HEAD = 8;

/** Unpacks telemetry; null if it is no packet of this version. */
export function unpack(data: ArrayBuffer): Telemetry | null {
  const view = new DataView(data);
  if (data.byteLength < HEAD || view.getUint8(0) !== VERSION) return null;
  const count = view.getUint16(6, true);
  const levels = (data.byteLength - HEAD - 3 * count) / 2;
  const speakers = (levels - 8 - 2 * count) / 3;
  if (!Number.isInteger(speakers) || speakers < 0) return null;
  let at = HEAD;
  const decibels = (n: number): Float32Array => {
    const found = new Float32Array(n);
    for (let i = 0; i < n; i++, at += 2) found[i] = view.getInt16(at, true) / 10;
    return found;
  };
  const found: Telemetry = {
    playing: (view.getUint8(1) & 1) !== 0,
    stemsShare: view.getUint8(2) / 255,
    load: view.getUint8(3) / 100,
    revision: view.getUint16(4, true),
    mixture: decibels(4),
    monitor: decibels(4),
    objects: decibels(2 * count),
    speakers: decibels(3 * speakers),
    heard: new Float32Array(3 * count),
  };
  for (let i = 0; i < 3 * count; i++) found.heard[i] = view.getInt8(at + i) / 127;
  return found;
}

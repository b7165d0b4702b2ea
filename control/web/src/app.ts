/** The state shared by all parts of the page, and the actions that several of them use. */

import { batch, computed, type ReadonlySignal, signal, type Signal } from "@preact/signals-core";
import { FrameCallbacks, colour, everyFrame } from "./dom";
import { type Aed, moveWith } from "./geometry";
import { Connection } from "./connection";
import type { Argument, SceneObject, Value, Values } from "./protocol";
import { Store } from "./store";
import { clamp, linkedLevel, type LinkedValue } from "./groups";
import { SILENCE_DB, splitList } from "./format";

/** What the views read of an object in every frame. */
export interface ObjectView {
  item: SceneObject;
  /** Its index in the object list. */
  row: number;
  aed: Signal<Values | undefined>;
  isHeard: ReadonlySignal<boolean>;
  colour: string;
}

export class App {
  readonly store = new Store();
  readonly connection: Connection;
  readonly selected: Signal<number> = signal(0);
  /** Whether the OSC address of every control is shown. */
  readonly showsOsc: Signal<boolean> = signal(false);
  /** The change of a saved scene that can be undone right now; empty if none. */
  readonly undoable: Signal<string> = signal("");
  /** Whether this browser plays the headphone stream. */
  readonly listens: Signal<boolean> = signal(false);
  /** Called in the first frame after new levels arrived. */
  readonly onLevels = new FrameCallbacks();
  readonly voices = computed(() => new Map(this.store.objects.value.map((item, row) => [item.id, this.voice(item, row)])));

  /** The distance that is drawn as 1, metres. */
  readonly scale = computed(() => Math.max(...(this.store.hello.value?.room.speakers.map((speaker) => speaker.radius) ?? []), 0.5));

  private readonly someSolo = computed(() => this.store.objects.value.some((o) => this.store.is(at(o, "solo"))));

  constructor(token: string) {
    this.connection = new Connection(this.store, token);
    let seen: unknown = null;
    everyFrame((now) => {
      if (this.store.telemetry === seen) return;
      seen = this.store.telemetry;
      this.onLevels.call(now);
    });
  }

  get item(): SceneObject | undefined {
    return this.store.objects.value.find((o) => o.id === this.selected.value);
  }

  colour(item: SceneObject): string {
    return colour(item.id, item.kind === "stem" ? (this.store.hello.value?.stems[item.id] ?? "residual") : "");
  }

  argument(row: string, index = 0): Argument | undefined {
    return this.store.hello.value?.table[row]?.arguments[index];
  }

  aed(item: SceneObject): Aed {
    return (this.store.values(at(item, "aed")).value as Aed | undefined) ?? [0, 0, 1];
  }

  initialPosition(item: SceneObject): Aed {
    return this.store.hello.value?.defaults[item.id] ?? [0, 0, 1];
  }

  group(item: SceneObject): number {
    return this.store.number(at(item, "group"));
  }

  /** The other objects that follow when this one is changed by hand, if its group links that value. */
  private linkedObjects(item: SceneObject, what: LinkedValue): SceneObject[] {
    const group = this.group(item);
    if (group === 0 || !splitList(this.store.text(`/group/${group}/links`)).includes(what)) return [];
    return this.store.objects.value.filter((other) => other.id !== item.id && this.group(other) === group);
  }

  /** The addresses that change when an object is changed by hand. */
  affected(item: SceneObject, what: "aed" | "gain" | "width"): string[] {
    const linked = { aed: "position", gain: "level", width: "width" } as const;
    return [item, ...this.linkedObjects(item, linked[what])].map((each) => at(each, what));
  }

  /** Returns a function that restores the current values of these addresses, for gestures that the browser cancels. */
  snapshot(addresses: string[]): () => void {
    const kept = addresses.map((address) => [address, this.store.values(address).peek()] as const);
    return () =>
      batch(() => {
        for (const [address, values] of kept) if (values && values !== this.store.values(address).peek()) this.connection.set(address, ...values);
      });
  }

  /** Moves an object and its linked objects. */
  move(item: SceneObject, to: Aed): void {
    const before = this.aed(item);
    if (to.every((value, index) => value === before[index])) return;
    const bond = this.store.is(`/group/${this.group(item)}/mirrored`) ? "mirrored" : "together";
    batch(() => {
      for (const other of this.linkedObjects(item, "position")) this.connection.set(at(other, "aed"), ...moveWith(this.aed(other), before, to, bond));
      this.connection.set(at(item, "aed"), ...to);
    });
  }

  /** Changes level or width by hand; linked objects change by the same amount. */
  change(item: SceneObject, what: "gain" | "width", to: number): void {
    const before = this.store.number(at(item, what));
    batch(() => {
      for (const other of this.linkedObjects(item, what === "gain" ? "level" : "width")) {
        const own = this.store.number(at(other, what));
        this.connection.set(at(other, what), what === "gain" ? linkedLevel(own, before, to) : clamp(own + to - before, 0, 360));
      }
      this.connection.set(at(item, what), to);
    });
  }

  /** Toggles mute or solo by hand, of linked objects too. */
  flip(item: SceneObject, what: "mute" | "solo"): void {
    const on = !this.store.is(at(item, what));
    batch(() => {
      for (const each of [...this.linkedObjects(item, what), item]) this.connection.set(at(each, what), on);
    });
  }

  set(address: string, ...values: Value[]): void {
    this.connection.set(address, ...values);
  }

  /** Index of an object in the telemetry, or -1 if that belongs to another object list. */
  row(id: number): number {
    const telemetry = this.store.telemetry;
    return telemetry && telemetry.revision === this.store.revision ? (this.voices.value.get(id)?.row ?? -1) : -1;
  }

  /** Peak of an object, dB. */
  peak(id: number): number {
    const row = this.row(id);
    return row < 0 ? SILENCE_DB : (this.store.telemetry?.objects[2 * row] ?? SILENCE_DB);
  }

  isHeard(item: SceneObject): boolean {
    return this.voices.value.get(item.id)?.isHeard.value ?? false;
  }

  private voice(item: SceneObject, row: number): ObjectView {
    const store = this.store;
    const isHeard = computed(() => !store.is(at(item, "mute")) && (!this.someSolo.value || store.is(at(item, "solo"))));
    return { item, row, aed: store.values(at(item, "aed")), isHeard, colour: this.colour(item) };
  }
}

/** An object's address. */
export function at(item: SceneObject, what: string): string {
  return `/object/${item.name}/${what}`;
}

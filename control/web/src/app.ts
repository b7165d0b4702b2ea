/** What every part of the page is given, and what several of them do. */

import { batch, computed, type ReadonlySignal, signal, type Signal } from "@preact/signals-core";
import { Chorus, colour, everyFrame } from "./dom";
import { type Aed, followed } from "./geometry";
import { Link } from "./link";
import type { Argument, SceneObject, Value, Values } from "./protocol";
import { Store } from "./store";
import { between, linkedLevel, type Linked } from "./links";
import { SILENCE_DB, words } from "./words";

/** What is read of an object in every frame, found once. */
export interface Voice {
  item: SceneObject;
  /** Its place in the list. */
  row: number;
  aed: Signal<Values | undefined>;
  isHeard: ReadonlySignal<boolean>;
  colour: string;
}

export class App {
  readonly store = new Store();
  readonly link: Link;
  readonly selected: Signal<number> = signal(0);
  /** Whether the OSC address of every control is shown. */
  readonly showsOsc: Signal<boolean> = signal(false);
  /** What was just done to a kept scene, while it is offered to be undone. */
  readonly undoable: Signal<string> = signal("");
  /** Whether this browser plays what the room hears. */
  readonly listens: Signal<boolean> = signal(false);
  /** Called in the first frame after new levels came. */
  readonly onLevels = new Chorus();
  readonly voices = computed(() => new Map(this.store.objects.value.map((item, row) => [item.id, this.voice(item, row)])));

  /** Metres that are drawn as 1. */
  readonly scale = computed(() => Math.max(...(this.store.hello.value?.room.speakers.map((speaker) => speaker.radius) ?? []), 0.5));

  private readonly someSolo = computed(() => this.store.objects.value.some((o) => this.store.is(at(o, "solo"))));

  constructor(token: string) {
    this.link = new Link(this.store, token);
    let seen: unknown = null;
    everyFrame((now) => {
      if (this.store.telemetry === seen) return;
      seen = this.store.telemetry;
      this.onLevels.sing(now);
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

  home(item: SceneObject): Aed {
    return this.store.hello.value?.defaults[item.id] ?? [0, 0, 1];
  }

  group(item: SceneObject): number {
    return this.store.number(at(item, "group"));
  }

  /** The others that a hand on this object moves too, where its group links that. */
  private companions(item: SceneObject, what: Linked): SceneObject[] {
    const group = this.group(item);
    if (group === 0 || !words(this.store.text(`/group/${group}/links`)).includes(what)) return [];
    return this.store.objects.value.filter((other) => other.id !== item.id && this.group(other) === group);
  }

  /** The addresses that a hand on an object changes. */
  reach(item: SceneObject, what: "aed" | "gain" | "width"): string[] {
    const linked = { aed: "position", gain: "level", width: "width" } as const;
    return [item, ...this.companions(item, linked[what])].map((each) => at(each, what));
  }

  /** What puts back what these addresses have now: for a hand that is taken off by the browser. */
  keep(addresses: string[]): () => void {
    const kept = addresses.map((address) => [address, this.store.values(address).peek()] as const);
    return () =>
      batch(() => {
        for (const [address, values] of kept) if (values && values !== this.store.values(address).peek()) this.link.set(address, ...values);
      });
  }

  /** Moves an object, and those that its group links. */
  move(item: SceneObject, to: Aed): void {
    const before = this.aed(item);
    if (to.every((value, index) => value === before[index])) return;
    const bond = this.store.is(`/group/${this.group(item)}/mirrored`) ? "mirrored" : "together";
    batch(() => {
      for (const other of this.companions(item, "position")) this.link.set(at(other, "aed"), ...followed(this.aed(other), before, to, bond));
      this.link.set(at(item, "aed"), ...to);
    });
  }

  /** Changes level or width by hand: those that its group links change by as much. */
  change(item: SceneObject, what: "gain" | "width", to: number): void {
    const before = this.store.number(at(item, what));
    batch(() => {
      for (const other of this.companions(item, what === "gain" ? "level" : "width")) {
        const own = this.store.number(at(other, what));
        this.link.set(at(other, what), what === "gain" ? linkedLevel(own, before, to) : between(own + to - before, 0, 360));
      }
      this.link.set(at(item, what), to);
    });
  }

  /** Mutes or solos by hand: those that its group links too. */
  flip(item: SceneObject, what: "mute" | "solo"): void {
    const on = !this.store.is(at(item, what));
    batch(() => {
      for (const each of [...this.companions(item, what), item]) this.link.set(at(each, what), on);
    });
  }

  set(address: string, ...values: Value[]): void {
    this.link.set(address, ...values);
  }

  /** Where an object is in the packets of telemetry, or -1 where they are about another list. */
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

  private voice(item: SceneObject, row: number): Voice {
    const store = this.store;
    const isHeard = computed(() => !store.is(at(item, "mute")) && (!this.someSolo.value || store.is(at(item, "solo"))));
    return { item, row, aed: store.values(at(item, "aed")), isHeard, colour: this.colour(item) };
  }
}

/** An object's address. */
export function at(item: SceneObject, what: string): string {
  return `/object/${item.name}/${what}`;
}

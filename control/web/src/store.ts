/** The state of the daemon. What the user has just set is shown at once, and older updates do not replace it. */

import { batch, signal, type Signal } from "@preact/signals-core";
import type { Hello, Update, Packet, SceneObject, Sound, Telemetry, Value, Values } from "./protocol";

const MAX_PACKETS = 200;

export class Store {
  readonly hello: Signal<Hello | null> = signal(null);
  readonly objects: Signal<SceneObject[]> = signal([]);
  readonly sound: Signal<Sound | null> = signal(null);
  readonly packets: Signal<Packet[]> = signal([]);
  readonly message: Signal<string> = signal("");
  revision = -1;
  /** The latest levels; read once a frame, so no signal. */
  telemetry: Telemetry | null = null;
  private readonly shown = new Map<string, Signal<Values | undefined>>();
  private readonly truth = new Map<string, Values>();
  private readonly pending = new Map<string, number>();

  /** The values of an address, undefined while unknown. */
  values(address: string): Signal<Values | undefined> {
    let found = this.shown.get(address);
    if (!found) this.shown.set(address, (found = signal(this.truth.get(address))));
    return found;
  }

  number(address: string, otherwise = 0): number {
    const value = this.values(address).value?.[0];
    return typeof value === "number" ? value : otherwise;
  }

  text(address: string): string {
    return String(this.values(address).value?.[0] ?? "");
  }

  is(address: string): boolean {
    return this.values(address).value?.[0] === true;
  }

  /** Shows what the user has set until the daemon has executed the message of this number. */
  setPending(address: string, values: Value[], number: number): void {
    this.pending.set(address, number);
    this.values(address).value = values;
  }

  apply(update: Update): void {
    batch(() => {
      if (update.hello) this.begin(update.hello);
      if (update.objects) {
        this.revision = update.objects.revision;
        this.objects.value = update.objects.list.map(([id, name, kind, channels, inputs, label]) => ({ id, name, kind, channels, inputs, label }));
      }
      if (update.sound) this.sound.value = update.sound;
      if (update.packets) this.packets.value = [...update.packets].reverse().concat(this.packets.value).slice(0, MAX_PACKETS);
      for (const [address, ...values] of update.answers ?? []) {
        if (address === "/error") this.message.value = values.filter((v) => v !== "").join(": ");
      }
      for (const [address, values] of Object.entries(update.values ?? {})) {
        this.truth.set(address, values);
        if (!this.pending.has(address)) this.values(address).value = values;
      }
      if (update.done !== undefined) this.settle(update.done);
    });
  }

  /** Starts over after a new connection. */
  private begin(hello: Hello): void {
    this.pending.clear();
    this.hello.value = hello;
  }

  private settle(done: number): void {
    for (const [address, number] of this.pending) {
      if (number > done) continue;
      this.pending.delete(address);
      this.values(address).value = this.truth.get(address);
    }
  }
}

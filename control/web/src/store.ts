/** Everything the page knows of the daemon. What the person has just set is shown at once and held against older news. */

import { batch, signal, type Signal } from "@preact/signals-core";
import type { Hello, News, Packet, SceneObject, Sound, Telemetry, Value, Values } from "./protocol";

const MAX_PACKETS = 200;

export class Store {
  readonly hello: Signal<Hello | null> = signal(null);
  readonly objects: Signal<SceneObject[]> = signal([]);
  readonly sound: Signal<Sound | null> = signal(null);
  readonly packets: Signal<Packet[]> = signal([]);
  readonly complaint: Signal<string> = signal("");
  revision = -1;
  /** The newest levels; read once a frame, so no signal. */
  telemetry: Telemetry | null = null;
  private readonly shown = new Map<string, Signal<Values | undefined>>();
  private readonly truth = new Map<string, Values>();
  private readonly pending = new Map<string, number>();

  /** The values of an address, undefined while they are not known. */
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

  /** Shows what the person has set, until the daemon has taken up the message of this number. */
  assume(address: string, values: Value[], number: number): void {
    this.pending.set(address, number);
    this.values(address).value = values;
  }

  take(news: News): void {
    batch(() => {
      if (news.hello) this.begin(news.hello);
      if (news.objects) {
        this.revision = news.objects.revision;
        this.objects.value = news.objects.list.map(([id, name, kind, channels, inputs, label]) => ({ id, name, kind, channels, inputs, label }));
      }
      if (news.sound) this.sound.value = news.sound;
      if (news.packets) this.packets.value = [...news.packets].reverse().concat(this.packets.value).slice(0, MAX_PACKETS);
      for (const [address, ...values] of news.answers ?? []) {
        if (address === "/error") this.complaint.value = values.filter((v) => v !== "").join(": ");
      }
      for (const [address, values] of Object.entries(news.values ?? {})) {
        this.truth.set(address, values);
        if (!this.pending.has(address)) this.values(address).value = values;
      }
      if (news.done !== undefined) this.settle(news.done);
    });
  }

  /** The link is new: what was told before may be no longer so. */
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

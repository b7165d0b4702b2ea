/** The WebSocket to the daemon: the newest values win in both directions, and it reconnects by itself. */

import { batch, signal, type Signal } from "@preact/signals-core";
import { type Update, unpack, type Value } from "./protocol";
import type { Store } from "./store";

/** `denied`: the token is missing or wrong; `refused`: the daemon refuses this page for another reason. */
export type State = "connecting" | "live" | "stale" | "lost" | "denied" | "refused";

export const STALE_MS = 700;
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 4000;
const MAX_BUFFERED = 8192;
const SILENT_MS = 4000;
const MAX_FRAME_MS = 100;
/** Closed WebSockets in a row before an error is shown: a daemon that is just starting may reply to a request only after one failed. */
const CLOSED_TRIES = 2;
const NO_WEBSOCKET = "it replies, but no WebSocket connects. A proxy has to forward WebSockets; or too many pages are open.";

/** Time until the next attempt: doubled each time, up to four seconds. */
export function retryMs(tries: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** tries, MAX_RETRY_MS);
}

export class Connection {
  readonly state: Signal<State> = signal("connecting");
  /** Why it is `denied` or `refused`. */
  readonly reason: Signal<string> = signal("");
  /** Round-trip time of the last change, milliseconds. */
  readonly answerMs: Signal<number> = signal(0);
  receivedAt = 0;
  private socket: WebSocket | null = null;
  private tries = 0;
  /** WebSockets in a row that were closed before they were open. */
  private closed = 0;
  private number = 0;
  private readonly sentAt = new Map<number, number>();
  private readonly newest = new Map<string, Value[]>();
  private actions: [string, ...Value[]][] = [];
  private flushing = false;
  private wantsPackets = false;
  /** Build of this page. */
  private build = "";
  private inbox: Update[] = [];
  private frame = 0;
  private timer = 0;

  constructor(
    private readonly store: Store,
    private token: string,
  ) {
    window.setInterval(() => this.checkAge(), 250);
  }

  start(token = this.token): void {
    this.token = token;
    this.tries = 0;
    this.connect();
  }

  /** Sends values; newer values replace older ones not sent yet. */
  set(address: string, ...values: Value[]): void {
    if (this.state.value !== "live" && this.state.value !== "stale") return;
    this.newest.set(address, values);
    this.store.setPending(address, values, this.number + 1);
    this.scheduleFlush();
  }

  /** Sends a command; the order of commands is kept. */
  act(address: string, ...values: Value[]): void {
    this.actions.push([address, ...values]);
    this.scheduleFlush();
  }

  /** Subscribes to the packet log, or ends that. */
  watchPackets(wanted: boolean): void {
    this.wantsPackets = wanted;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ packets: wanted }));
  }

  /** The URL of a WebSocket of the daemon, with the token. */
  address(name: string): URL {
    const url = new URL(name, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    url.search = this.token ? `token=${encodeURIComponent(this.token)}` : "";
    return url;
  }

  private connect(): void {
    const socket = new WebSocket(this.address("socket"));
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => (this.closed = 0);
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.receive(event.data);
    socket.onclose = () => {
      if (this.socket === socket) void this.disconnected();
    };
  }

  private receive(data: string | ArrayBuffer): void {
    this.receivedAt = performance.now();
    if (typeof data !== "string") {
      this.store.telemetry = unpack(data) ?? this.store.telemetry;
      if (this.state.value === "stale") this.state.value = "live";
      return;
    }
    const update = JSON.parse(data) as Update;
    if (update.done !== undefined) {
      const sent = this.sentAt.get(update.done);
      if (sent !== undefined) this.answerMs.value = this.receivedAt - sent;
      for (const number of this.sentAt.keys()) if (number <= update.done) this.sentAt.delete(number);
    }
    this.inbox.push(update);
    if (this.inbox.length > 1) return;
    // Updates within a frame are shown together; pages in the background get no frames, but a timer.
    this.frame = requestAnimationFrame(() => this.readInbox());
    this.timer = window.setTimeout(() => this.readInbox(), MAX_FRAME_MS);
  }

  private readInbox(): void {
    cancelAnimationFrame(this.frame);
    window.clearTimeout(this.timer);
    const inbox = this.inbox;
    this.inbox = [];
    batch(() => inbox.forEach((update) => this.store.apply(update)));
    if (!inbox.some((update) => update.hello)) return;
    if (this.build && this.store.hello.peek()?.page !== this.build) return location.reload(); // the daemon serves another build
    this.build = this.store.hello.peek()?.page ?? "";
    this.tries = 0;
    this.state.value = "live";
    if (this.wantsPackets) this.watchPackets(true);
  }

  private async disconnected(): Promise<void> {
    this.socket = null;
    this.inbox = [];
    this.newest.clear();
    this.actions = [];
    this.sentAt.clear();
    this.closed++;
    const [state, reason] = await this.refusal();
    batch(() => {
      this.state.value = state;
      this.reason.value = reason;
    });
    if (state === "denied") return;
    window.setTimeout(() => this.connect(), retryMs(this.tries++));
  }

  /** Why the WebSocket was refused. Browsers hide it, so it is requested by HTTP with the same token and origin. */
  private async refusal(): Promise<[State, string]> {
    try {
      const headers: Record<string, string> = this.token ? { Authorization: `Bearer ${this.token}` } : {};
      const answer = await fetch("access", { method: "POST", headers, cache: "no-store" });
      if (answer.status === 401) return ["denied", this.token ? "Wrong token." : ""];
      if (answer.ok) return this.closed > CLOSED_TRIES ? ["refused", NO_WEBSOCKET] : ["lost", ""];
      if (answer.status >= 500) return ["lost", ""]; // a proxy without a daemon
      const text = answer.headers.get("Content-Type")?.startsWith("text/plain") ? await answer.text() : "";
      return ["refused", text || `HTTP ${answer.status}`];
    } catch {
      return ["lost", ""];
    }
  }

  private checkAge(): void {
    const age = performance.now() - this.receivedAt;
    if (this.state.value === "live" && age > STALE_MS) this.state.value = "stale";
    if (this.state.value === "stale" && age > SILENT_MS) this.socket?.close();
  }

  private scheduleFlush(): void {
    if (this.flushing) return;
    this.flushing = true;
    // A timer, because pages in the background get no frames.
    window.setTimeout(() => this.flush(), 8);
  }

  private flush(): void {
    this.flushing = false;
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > MAX_BUFFERED) return this.scheduleFlush();
    const number = ++this.number;
    const send = [...[...this.newest].map(([address, values]) => [address, ...values]), ...this.actions].slice(0, 256);
    this.newest.clear();
    this.actions = [];
    this.sentAt.set(number, performance.now());
    socket.send(JSON.stringify({ send, number }));
  }
}

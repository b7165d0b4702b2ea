/** The WebSocket: newest wins in both directions, and it comes back by itself. */

import { batch, signal, type Signal } from "@preact/signals-core";
import { type News, unpack, type Value } from "./protocol";
import type { Store } from "./store";

/** `denied`: the token is missing or wrong; `refused`: the daemon is there, but does not let this page in. */
export type State = "connecting" | "live" | "stale" | "lost" | "denied" | "refused";

export const STALE_MS = 700;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 4000;
const MOST_WAITING = 8192;
const SILENT_MS = 4000;
const LONGEST_FRAME_MS = 100;
/** A daemon that has just started may answer a request and not yet have been there for the WebSocket before it. */
const CLOSED_TRIES = 2;
const NO_WEBSOCKET = "it answers, but no WebSocket gets through. A proxy in between has to forward WebSockets; or too many pages are open.";

/** The pause before the next try: longer each time, up to four seconds. */
export function retryMs(tries: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** tries, LONGEST_RETRY_MS);
}

export class Link {
  readonly state: Signal<State> = signal("connecting");
  /** Why it is `denied` or `refused`. */
  readonly reason: Signal<string> = signal("");
  /** Time between sending the last change and hearing that it was taken up, milliseconds. */
  readonly answerMs: Signal<number> = signal(0);
  heardAt = 0;
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
  /** Which build of the page this is. */
  private build = "";
  private inbox: News[] = [];
  private frame = 0;
  private timer = 0;

  constructor(
    private readonly store: Store,
    private token: string,
  ) {
    window.setInterval(() => this.lookAtClock(), 250);
  }

  start(token = this.token): void {
    this.token = token;
    this.tries = 0;
    this.connect();
  }

  /** Sets values; while they wait, newer ones take their place. */
  set(address: string, ...values: Value[]): void {
    if (this.state.value !== "live" && this.state.value !== "stale") return;
    this.newest.set(address, values);
    this.store.assume(address, values, this.number + 1);
    this.flushSoon();
  }

  /** Asks for something to be done, in order. */
  act(address: string, ...values: Value[]): void {
    this.actions.push([address, ...values]);
    this.flushSoon();
  }

  /** Whether the log of packets is wanted. */
  watchPackets(wanted: boolean): void {
    this.wantsPackets = wanted;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ packets: wanted }));
  }

  /** Where a WebSocket of the daemon is, with the token that it asks for. */
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
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.hear(event.data);
    socket.onclose = () => {
      if (this.socket === socket) void this.lose();
    };
  }

  private hear(data: string | ArrayBuffer): void {
    this.heardAt = performance.now();
    if (typeof data !== "string") {
      this.store.telemetry = unpack(data) ?? this.store.telemetry;
      if (this.state.value === "stale") this.state.value = "live";
      return;
    }
    const news = JSON.parse(data) as News;
    if (news.done !== undefined) {
      const sent = this.sentAt.get(news.done);
      if (sent !== undefined) this.answerMs.value = this.heardAt - sent;
      for (const number of this.sentAt.keys()) if (number <= news.done) this.sentAt.delete(number);
    }
    this.inbox.push(news);
    if (this.inbox.length > 1) return;
    // What comes within a frame is shown together; a page in the background has no frames.
    this.frame = requestAnimationFrame(() => this.readInbox());
    this.timer = window.setTimeout(() => this.readInbox(), LONGEST_FRAME_MS);
  }

  private readInbox(): void {
    cancelAnimationFrame(this.frame);
    window.clearTimeout(this.timer);
    const inbox = this.inbox;
    this.inbox = [];
    batch(() => inbox.forEach((news) => this.store.take(news)));
    if (!inbox.some((news) => news.hello)) return;
    if (this.build && this.store.hello.peek()?.page !== this.build) return location.reload(); // the daemon is another one
    this.build = this.store.hello.peek()?.page ?? "";
    this.tries = 0;
    this.state.value = "live";
    if (this.wantsPackets) this.watchPackets(true);
  }

  private async lose(): Promise<void> {
    this.socket = null;
    this.inbox = [];
    this.newest.clear();
    this.actions = [];
    this.sentAt.clear();
    this.closed++;
    const [state, reason] = await this.whyNot();
    batch(() => {
      this.state.value = state;
      this.reason.value = reason;
    });
    if (state === "denied") return;
    window.setTimeout(() => this.connect(), retryMs(this.tries++));
  }

  /** Browsers do not say why a WebSocket was refused: a request with the same token and origin is told. */
  private async whyNot(): Promise<[State, string]> {
    try {
      const headers: Record<string, string> = this.token ? { Authorization: `Bearer ${this.token}` } : {};
      const answer = await fetch("access", { method: "POST", headers, cache: "no-store" });
      if (answer.status === 401) return ["denied", this.token ? "That is not its token." : ""];
      if (answer.ok) return this.closed > CLOSED_TRIES ? ["refused", NO_WEBSOCKET] : ["lost", ""];
      if (answer.status >= 500) return ["lost", ""]; // a proxy whose daemon is away
      const text = answer.headers.get("Content-Type")?.startsWith("text/plain") ? await answer.text() : "";
      return ["refused", text || `HTTP ${answer.status}`];
    } catch {
      return ["lost", ""];
    }
  }

  private lookAtClock(): void {
    const age = performance.now() - this.heardAt;
    if (this.state.value === "live" && age > STALE_MS) this.state.value = "stale";
    if (this.state.value === "stale" && age > SILENT_MS) this.socket?.close();
  }

  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    // A timer and not a frame: a page in the background has no frames.
    window.setTimeout(() => this.flush(), 8);
  }

  private flush(): void {
    this.flushing = false;
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > MOST_WAITING) return this.flushSoon();
    const number = ++this.number;
    const send = [...[...this.newest].map(([address, values]) => [address, ...values]), ...this.actions].slice(0, 256);
    this.newest.clear();
    this.actions = [];
    this.sentAt.set(number, performance.now());
    socket.send(JSON.stringify({ send, number }));
  }
}

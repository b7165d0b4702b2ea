/** The headphone stream in the browser: 16-bit stereo by a WebSocket of its own, off at first. */

import { signal } from "@preact/signals-core";
import type { App } from "./app";
import { follow, h, live } from "./dom";

/** Buffer: less would cause gaps on a wireless network. */
const AHEAD_S = 0.15;
const MAX_AHEAD_S = 0.6;

type State = "off" | "joining" | "on";

export function headphones(app: App): HTMLElement {
  const state = signal<State>("off");
  const problem = signal("");
  let socket: WebSocket | null = null;
  let context: AudioContext | null = null;

  function stop(): void {
    socket?.close();
    void context?.close();
    socket = context = null;
    state.value = "off";
  }

  function start(): void {
    problem.value = "";
    state.value = "joining";
    const own = (socket = new WebSocket(app.connection.address("audio")));
    own.binaryType = "arraybuffer";
    let next = 0;
    own.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") {
        context = new AudioContext({ sampleRate: (JSON.parse(data) as { rate: number }).rate });
        void context.resume();
        state.value = "on";
        return;
      }
      if (!context) return;
      // Audio worklets need https; scheduled buffers work everywhere.
      const samples = new Int16Array(data);
      const frames = samples.length / 2;
      const buffer = context.createBuffer(2, frames, context.sampleRate);
      for (const side of [0, 1]) {
        const channel = buffer.getChannelData(side);
        for (let i = 0; i < frames; i++) channel[i] = samples[2 * i + side]! / 32768;
      }
      if (next < context.currentTime) next = context.currentTime + AHEAD_S;
      if (next > context.currentTime + MAX_AHEAD_S) return;
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(context.destination);
      source.start(next);
      next += buffer.duration;
    };
    own.onclose = (event) => {
      if (own !== socket) return;
      problem.value = event.reason;
      stop();
    };
  }

  follow(() => {
    app.listens.value = state.value === "on";
  });
  const button = h("button", { type: "button", class: "choice" }, live(() => (state.value === "on" ? "Stop headphones" : "Listen on headphones")));
  button.onclick = () => (state.value === "off" ? start() : stop());
  follow(() => button.setAttribute("aria-pressed", String(state.value === "on")));
  const box = h("div", { class: "ears" }, button, h("p", { class: "note", role: "status" }, live(() => problem.value)));
  follow(() => {
    const sound = app.store.sound.value;
    box.hidden = sound?.driver !== "clock" || !sound.binaural;
  });
  return box;
}

/** The pages for loudspeakers, connections and the log. Built when they are first opened. */

import qrcode from "qrcode-generator";
import type { App } from "./app";
import { action, fader, GAIN, meter, panel, toggle } from "./controls";
import { follow, h, live, s } from "./dom";
import { direction, distance } from "./words";

export function speakers(app: App): HTMLElement {
  const list = h("div", { class: "strips" });
  follow(() => {
    const facts = app.store.hello.value?.room.speakers ?? [];
    list.replaceChildren(
      ...facts.map((speaker, index) =>
        h(
          "article",
          { class: "channel", "aria-label": speaker.label },
          h("h3", {}, speaker.label, h("small", {}, speaker.lfe ? " LFE" : ` ${direction(speaker.azimuth, speaker.elevation)}, ${distance(speaker.radius)}`)),
          h("div", { class: "row" }, meter(app, speaker.label, () => app.store.telemetry?.speakers[3 * index] ?? -120, { hasScale: true, reduction: () => app.store.telemetry?.speakers[3 * index + 2] ?? 0 }), toggle(app, "S", `Solo ${speaker.label}`, `/speaker/${speaker.label}/solo`, "solo"), toggle(app, "M", `Mute ${speaker.label}`, `/speaker/${speaker.label}/mute`, "mute")),
          fader(app, "Trim", `/speaker/${speaker.label}/gain`, GAIN, 0, speaker.label),
          h("div", { class: "row" }, finder(app, speaker.label, "identify", "spoken", "Say its name"), finder(app, speaker.label, "noise", "noise", "Noise")),
        ),
      ),
    );
  });
  return h("div", { class: "page" }, panel("Loudspeakers", list));
}

/** Lets a loudspeaker be found by a sound; while it sounds, the button ends that. */
function finder(app: App, label: string, what: string, sound: string, text: string): HTMLElement {
  const address = `/speaker/${label}/${what}`;
  const sounds = () => app.store.text(`/speaker/${label}/sounding`) === sound;
  const button = action(app, text, address, () => (sounds() ? [false] : []));
  follow(() => {
    const now = sounds();
    button.textContent = now ? "Stop" : text;
    button.classList.toggle("sounding", now);
    button.setAttribute("aria-label", `${now ? `Stop: ${text}` : text}: ${label}`);
  });
  return button;
}

export function connect(app: App, token: () => string): HTMLElement {
  const body = h("div", {});
  follow(() => {
    const facts = app.store.hello.value;
    if (!facts) return body.replaceChildren();
    const url = (address: string) => `http://${address.includes(":") ? `[${address}]` : address}:${location.port || facts.httpPort}/panner/`;
    const outside = facts.addresses.filter((address) => !address.startsWith("127.") && address !== "::1");
    const page = url(outside[0] ?? facts.addresses[0] ?? location.hostname);
    const full = token() ? `${page}#token=${encodeURIComponent(token())}` : page;
    body.replaceChildren(
      h("p", {}, "OSC goes by UDP to ", h("b", {}, facts.addresses.map((address) => `${address} port ${facts.oscPort}`).join(" or "))),
      h("pre", {}, `oscsend ${outside[0] ?? "127.0.0.1"} ${facts.oscPort} /object/vocals/aed fff 90 0 1`),
      h("p", {}, "This page: ", h("a", { href: page }, page)),
      outside.length ? h("figure", { class: "qr" }, qr(full), h("figcaption", {}, token() ? "for a telephone; the code holds the token" : "for a telephone")) : h("p", { class: "note" }, "Only this machine is heard. To let telephones and tablets in, set network.bind and network.allow in the configuration."),
      h("p", { class: "note" }, `${facts.name}, stemfield ${facts.version}; you are ${facts.peer}${facts.readOnly ? ", and may only look" : ""}`),
    );
  });
  return h("div", { class: "page" }, panel("Where to send OSC", body), panel("What came and went", counts(app)));
}

function qr(text: string): SVGSVGElement {
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const n = code.getModuleCount();
  let path = "";
  for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) if (code.isDark(y, x)) path += `M${x} ${y}h1v1h-1z`;
  return s("svg", { viewBox: `-4 -4 ${n + 8} ${n + 8}`, role: "img", "aria-label": `QR code of ${text}` }, s("rect", { x: -4, y: -4, width: n + 8, height: n + 8, fill: "#fff" }), s("path", { d: path, fill: "#000" }));
}

const COUNTS: [string, string][] = [
  ["received", "received"], ["messages", "messages"], ["problems", "refused"], ["unknown", "of unknown address"], ["conflicts", "held by somebody else"],
  ["not_allowed", "from networks not allowed"], ["limited", "above the sender's share"], ["read_only", "from who may only look"], ["lost", "lost in this machine"], ["unsent", "answers not sent"],
];

function counts(app: App): HTMLElement {
  return h("dl", { class: "counts" }, ...COUNTS.flatMap(([name, text]) => [h("dt", {}, text), h("dd", {}, live(() => String(app.store.number(`/status/${name}`))))]));
}

export function packets(app: App): HTMLElement {
  const rows = h("tbody", {});
  follow(() => {
    rows.replaceChildren(
      ...app.store.packets.value.map((packet) =>
        h(
          "tr",
          { class: packet.verdict === "taken" ? "good" : "bad" },
          h("td", {}, new Date(1000 * packet.at_s).toLocaleTimeString()),
          h("td", {}, packet.sender),
          h("td", {}, `${packet.address} ${packet.arguments}`),
          h("td", {}, packet.verdict),
        ),
      ),
    );
  });
  const head = h("tr", {}, ...["When", "Who", "What", "Verdict"].map((text) => h("th", { scope: "col" }, text)));
  return h("div", { class: "page" }, panel("Packets", h("p", { class: "note" }, "What comes in while you look, newest first, and what became of it."), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Packets" }, h("table", {}, h("thead", {}, head), rows))));
}

/** The pages for loudspeakers, connections and packets. Built when first opened. */

import qrcode from "qrcode-generator";
import type { App } from "./app";
import { action, fader, GAIN, meter, panel, toggle } from "./controls";
import { follow, h, live, s } from "./dom";
import { direction, distance } from "./format";

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

/** A button that plays a sound on a loudspeaker, or stops it. */
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
      h("p", {}, "Send OSC by UDP to ", h("b", {}, facts.addresses.map((address) => `${address} port ${facts.oscPort}`).join(" or "))),
      h("pre", {}, `oscsend ${outside[0] ?? "127.0.0.1"} ${facts.oscPort} /object/vocals/aed fff 90 0 1`),
      h("p", {}, "This page: ", h("a", { href: page }, page)),
      outside.length ? h("figure", { class: "qr" }, qr(full), h("figcaption", {}, token() ? "for a phone; the code contains the token" : "for a phone")) : h("p", { class: "note" }, "Only this machine can connect. For phones and tablets, set network.bind and network.allow in the configuration."),
      h("p", { class: "note" }, `${facts.name}, stemfield ${facts.version}; this page is ${facts.peer}${facts.readOnly ? ", read-only" : ""}`),
    );
  });
  return h("div", { class: "page" }, panel("Where to send OSC", body), panel("Message counters", counts(app)));
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
  ["received", "received"], ["messages", "messages"], ["problems", "refused"], ["unknown", "unknown address"], ["conflicts", "held by another client"],
  ["not_allowed", "network not allowed"], ["limited", "above the rate limit"], ["read_only", "from read-only clients"], ["lost", "receive buffer full"], ["unsent", "replies not sent"],
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
  const head = h("tr", {}, ...["Time", "From", "Message", "Result"].map((text) => h("th", { scope: "col" }, text)));
  return h("div", { class: "page" }, panel("Packets", h("p", { class: "note" }, "Messages received while this page is open, newest first."), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Packets" }, h("table", {}, h("thead", {}, head), rows))));
}

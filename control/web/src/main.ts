/** The page: top bar, tabs, and the state of the connection. */

import { batch, signal } from "@preact/signals-core";
import { App } from "./app";
import { action } from "./controls";
import { everyFrame, follow, h, detached, live } from "./dom";
import { mixer } from "./mixer";
import { connect, packets, speakers } from "./pages";
import { room } from "./room";
import { scenes } from "./scenes";
import { overrides } from "./overrides";
import { compare, master, stems } from "./stems";

const KEY = "stemfield.token";

/** The token from the fragment of the URL, which browsers do not send, or from the session. */
function givenToken(): string {
  const found = new URLSearchParams(location.hash.slice(1)).get("token") ?? new URLSearchParams(location.search).get("token");
  if (!found) return sessionStorage.getItem(KEY) ?? "";
  sessionStorage.setItem(KEY, found);
  history.replaceState(null, "", location.pathname);
  return found;
}

let token = givenToken();
const app = new App(token);
const tabs: [string, () => HTMLElement][] = [
  ["Play", () => h("div", { class: "play" }, room(app), h("div", { class: "side" }, stems(app), compare(app), master(app)))],
  ["Mixer", () => mixer(app)],
  ["Speakers", () => speakers(app)],
  ["Scenes", () => scenes(app)],
  ["Connect", () => connect(app, () => token)],
  ["Packets", () => packets(app)],
];
const open = signal("Play");
const built = new Map<string, HTMLElement>();

const main = h("main", {});
const nav = h(
  "nav",
  { role: "tablist", "aria-label": "Pages" },
  ...tabs.map(([name], index) => {
    const tab = h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `page-${name}` }, name);
    tab.onclick = () => {
      open.value = name;
      scrollTo(0, 0);
    };
    tab.onkeydown = (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!step) return;
      const [next] = tabs[(index + step + tabs.length) % tabs.length]!;
      open.value = next;
      document.getElementById(`tab-${next}`)?.focus();
    };
    follow(() => {
      tab.setAttribute("aria-selected", String(open.value === name));
      tab.tabIndex = open.value === name ? 0 : -1;
    });
    return tab;
  }),
);
for (const [name] of tabs) main.append(h("div", { role: "tabpanel", id: `page-${name}`, "aria-labelledby": `tab-${name}` }));
follow(() => {
  const name = open.value;
  for (const [each, make] of tabs) {
    const place = document.getElementById(`page-${each}`) ?? main.querySelector<HTMLElement>(`#page-${each}`)!;
    place.hidden = each !== name;
    if (each === name && !built.has(each)) built.set(each, place.appendChild(detached(make)));
  }
  app.connection.watchPackets(name === "Packets");
});

const osc = h("button", { type: "button", title: "Show the OSC address of every control" }, "OSC");
osc.onclick = () => (app.showsOsc.value = !app.showsOsc.value);
follow(() => {
  osc.setAttribute("aria-pressed", String(app.showsOsc.value));
  document.body.classList.toggle("osc", app.showsOsc.value);
});

const age = h("span", { class: "link", role: "status" });
const banner = h("div", { class: "banner", role: "alert", hidden: true });
let shown = "";
everyFrame(() => {
  const state = app.connection.state.value;
  const since = Math.floor((performance.now() - app.connection.receivedAt) / 1000);
  const text =
    state === "live"
      ? "live"
      : state === "connecting"
        ? "connecting"
        : state === "denied" || state === "refused"
          ? "refused"
          : app.connection.receivedAt
            ? `no data for ${since} s`
            : "no daemon";
  if (text === shown) return;
  shown = text;
  age.textContent = text;
  age.title = state === "live" ? `round trip of the last change: ${app.connection.answerMs.value.toFixed(0)} ms` : "";
  age.dataset.state = state;
});
const enter = h("form", { class: "token", hidden: true }, h("p", { class: "wrong", role: "alert" }, live(() => app.connection.reason.value)), h("label", {}, "Token of this daemon (network.token) ", h("input", { type: "password", autocomplete: "current-password" })), h("button", { class: "primary" }, "Enter"));
enter.onsubmit = (event) => {
  event.preventDefault();
  token = enter.querySelector("input")!.value.trim();
  sessionStorage.setItem(KEY, token);
  app.connection.state.value = "connecting";
  app.connection.start(token);
};
follow(() => {
  const state = app.connection.state.value;
  const away = state === "lost" || state === "stale";
  const refused = state === "refused" ? `The daemon refuses this page: ${app.connection.reason.value}` : "";
  banner.hidden = !away && !refused;
  banner.textContent = away ? "No connection to the daemon. You see the last known state; reconnecting." : refused;
  enter.hidden = state !== "denied";
  document.body.classList.toggle("away", state !== "live");
  // Nothing can be sent, so nothing can be set.
  main.inert = state === "lost" || state === "denied" || state === "refused";
});
const overrideBar = h("div", { class: "standing", role: "group", "aria-label": "Active solos, mutes and bypasses" });
follow(() => {
  const { store } = app;
  const all = overrides({ objects: store.objects.value, speakers: store.hello.value?.room.speakers ?? [], is: (address) => store.is(address) });
  overrideBar.replaceChildren(
    ...all.map(({ text, send }) => {
      const button = h("button", { type: "button", title: "Tap to turn off", "aria-label": `${text}: turn off` }, h("span", {}, text), h("span", { "aria-hidden": "true" }, "✕"));
      button.onclick = () => batch(() => send.forEach(([address, ...values]) => app.set(address, ...values)));
      return button;
    }),
  );
});
const again = action(app, "Restore", "/scene/undo");
again.addEventListener("click", () => (app.undoable.value = ""));
const undoable = h("div", { class: "toast", role: "status" }, live(() => app.undoable.value), again);
let offered = 0;
// Undo takes back the latest change, so the offer ends with the next input elsewhere.
for (const begins of ["pointerdown", "keydown"])
  document.addEventListener(
    begins,
    ({ target }) => {
      if (!(target instanceof Node && undoable.contains(target))) app.undoable.value = "";
    },
    { capture: true },
  );
follow(() => {
  undoable.classList.toggle("on", app.undoable.value !== "");
  window.clearTimeout(offered);
  offered = window.setTimeout(() => (app.undoable.value = ""), 10_000);
});
const complaint = h("div", { class: "toast", role: "status" }, live(() => app.store.message.value));
let fading = 0;
follow(() => {
  complaint.classList.toggle("on", app.store.message.value !== "");
  window.clearTimeout(fading);
  fading = window.setTimeout(() => (app.store.message.value = ""), 5000);
});

document.getElementById("app")!.append(
  h(
    "header",
    {},
    h("h1", {}, "stemfield"),
    age,
    h("span", { class: "spacer" }),
    action(app, "Undo", "/scene/undo"),
    action(app, "Redo", "/scene/redo"),
    osc,
  ),
  nav,
  banner,
  enter,
  overrideBar,
  main,
  undoable,
  complaint,
);
app.connection.start();

/** Collects the state of the signal chain from the music to the loudspeakers. */

import { type App, at } from "./app";
import type { SceneObject, Wiring } from "./protocol";
import type { Chain, Loudspeaker, Ports, ObjectState } from "./silence";
import { SILENCE_DB } from "./format";

const NO_WIRING: Wiring = { server: "", client: "", mixture: [], direct: [], monitor: [], unconnected: [], sources: [], sinks: [] };

export function chainOf(app: App, item?: SceneObject): Chain {
  const { store } = app;
  const sound = store.sound.value;
  const wiring = sound?.wiring ?? NO_WIRING;
  const open = new Set(wiring.unconnected);
  const t = store.telemetry;
  const role = store.hello.value?.role ?? "both";
  const ports = (all: string[]): Ports => ({ all, open: all.filter((port) => open.has(port)) });
  return {
    role,
    driver: sound?.driver ?? "",
    connect: wiring.server ? `jack_connect -s ${wiring.server}` : "jack_connect",
    client: wiring.client,
    mixturePorts: ports(wiring.mixture),
    sources: wiring.sources,
    // A renderer has stems in place of a recording.
    mixture: role === "renderer" ? Math.max(SILENCE_DB, ...store.objects.value.filter((o) => o.kind === "stem").map((o) => app.peak(o.id))) : Math.max(t?.mixture[0] ?? SILENCE_DB, t?.mixture[2] ?? SILENCE_DB),
    model: sound?.model ?? "",
    stemsShare: sound?.stems_share ?? 0,
    problem: sound?.problem ?? "",
    bypass: store.is("/separation/bypass"),
    compare: store.is("/scene/compare"),
    masterDb: store.number("/master/gain"),
    masterMute: store.is("/master/mute"),
    speakers: role === "separation" ? stemPorts(app, open, wiring) : loudspeakers(app, open, wiring),
    listens: app.listens.value,
    headphones: wiring.monitor.some((port) => !open.has(port)),
    ...(item && { object: objectState(app, item, ports(item.inputs.flatMap((channel) => wiring.direct[channel] ?? []))) }),
  };
}

function loudspeakers(app: App, open: Set<string>, wiring: Wiring): Loudspeaker[] {
  const { store } = app;
  const facts = store.hello.value?.room.speakers ?? [];
  const anySolo = facts.some(({ label }) => store.is(`/speaker/${label}/solo`));
  return facts.map(({ label, channel }, index) => ({
    label,
    isOff: store.is(`/speaker/${label}/mute`) || (anySolo && !store.is(`/speaker/${label}/solo`)),
    level: store.telemetry?.speakers[3 * index] ?? SILENCE_DB,
    isConnected: !open.has(label),
    sink: wiring.sinks[channel - 1],
  }));
}

/** The outputs of a machine that only separates: left and right of every stem. Their ports never change their names. */
function stemPorts(app: App, open: Set<string>, wiring: Wiring): Loudspeaker[] {
  const names = app.store.objects.value.filter((o) => o.kind === "stem").flatMap((o) => ["L", "R"].map((side) => ({ label: `${app.store.hello.value?.stems[o.id] ?? "residual"}_${side}`, level: app.peak(o.id) })));
  return names.map(({ label, level }) => ({ label, level, isOff: false, isConnected: !open.has(label), sink: wiring.sinks.find((sink) => sink.endsWith(`:${label}`)) ?? `RENDERER:${label}` }));
}

function objectState(app: App, item: SceneObject, ports: Ports): ObjectState {
  const { store } = app;
  const row = app.row(item.id);
  const heard = row < 0 ? undefined : store.telemetry?.heard.subarray(3 * row, 3 * row + 3);
  const gainDb = store.number(at(item, "gain"));
  const group = app.group(item);
  const groupDb = store.number(`/group/${group}/gain`);
  const type = store.text(at(item, "type"));
  const stem = item.kind === "stem" ? (store.hello.value?.stems[item.id] ?? "") : "";
  const maskDb = stem ? store.number(`/separation/${stem}/gain`) : 0;
  // Sound from all around has no mean direction either.
  const isWide = type === "diffuse" || store.number(at(item, "diffuseness")) === 1 || store.number(at(item, "width")) >= 300;
  const isSilent = heard !== undefined && heard.every((v) => v === 0);
  return {
    name: item.name,
    isStem: item.kind === "stem",
    ports,
    input: app.peak(item.id),
    gainDb,
    mute: store.is(at(item, "mute")),
    solo: store.is(at(item, "solo")),
    othersSolo: store.objects.value.some((o) => o.id !== item.id && store.is(at(o, "solo"))),
    group,
    groupMute: store.is(`/group/${group}/mute`),
    groupDb,
    stem,
    maskDb,
    isPlayed: !(isSilent && !isWide && app.isHeard(item) && Math.min(gainDb, groupDb, maskDb) > -60 && !store.is(`/group/${group}/mute`)),
    isChannel: type === "channel",
    home: app.initialPosition(item),
  };
}

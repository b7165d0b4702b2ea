/** Why there is no sound: checks the signal chain from the music to the loudspeakers, with fixes. Pure. */

import type { Role, Value } from "./protocol";
import { SILENCE_DB } from "./format";

export interface Chain {
  /** Role of this machine: `separation` has stems in place of loudspeakers, `renderer` has stems in place of a recording. */
  role: Role;
  /** What drives the engine; empty if nothing does. */
  driver: "" | "clock" | "jack";
  /** The command that connects two ports. */
  connect: string;
  /** Name of stemfield's JACK client. */
  client: string;
  /** Input ports of the recording. */
  mixturePorts: Ports;
  /** Ports of other clients that may be connected to the inputs. */
  sources: string[];
  /** Peak of the mixture, dB. */
  mixture: number;
  model: string;
  stemsShare: number;
  problem: string;
  bypass: boolean;
  /** Whether the original recording plays. */
  compare: boolean;
  masterDb: number;
  masterMute: boolean;
  speakers: Loudspeaker[];
  /** Whether this browser plays the headphone stream. */
  listens: boolean;
  /** Whether the binaural monitor's ports are connected. */
  headphones: boolean;
  object?: ObjectState;
}

export interface Ports {
  all: string[];
  /** Those without connections. */
  open: string[];
}

export interface Loudspeaker {
  label: string;
  /** Whether it is muted, or another one is soloed. */
  isOff: boolean;
  /** Peak, dB. */
  level: number;
  /** Whether its port is connected; true without a server. */
  isConnected: boolean;
  /** The port to connect it to, if there is one. */
  sink?: string;
}

export interface ObjectState {
  name: string;
  isStem: boolean;
  /** Ports of a direct input. */
  ports: Ports;
  /** Peak of its input, dB. */
  input: number;
  gainDb: number;
  mute: boolean;
  solo: boolean;
  othersSolo: boolean;
  group: number;
  groupMute: boolean;
  groupDb: number;
  /** Name of the stem in the model, and level of its mask; empty for other objects. */
  stem: string;
  maskDb: number;
  isPlayed: boolean;
  /** Whether it is of type `channel`: routed to loudspeakers by label. */
  isChannel: boolean;
  home: [number, number, number];
}

/** A fix: a button that sends OSC, or a line for a terminal. */
export interface Cure {
  text: string;
  send?: [string, ...Value[]][];
  line?: string;
}

export interface Step {
  what: string;
  good: boolean;
  text: string;
  /** Whether it may be normal, such as an instrument that pauses. */
  mild?: boolean;
  cure?: Cure;
}

const QUIET_DB = -60;

/** All steps of the chain, good or not. */
export function steps(chain: Chain): Step[] {
  const found: Step[] = [];
  const step = (what: string, good: boolean, right: string, wrong: string, cure?: Cure | false) => found.push({ what, good, text: good ? right : wrong, ...(!good && cure && { cure }) });
  const { object: item, speakers } = chain;
  const some = (address: string, ...values: Value[]): [string, ...Value[]] => [address, ...values];

  step("Sound system", chain.driver !== "", chain.driver === "jack" ? "JACK runs" : "runs by the computer's clock", "waiting for a JACK server", { text: "Start one, or set driver: clock", line: "systemctl --user start pipewire" });
  // Direct inputs bypass recording and separation.
  if (chain.role === "renderer" && (!item || item.isStem)) step("Stems", chain.stemsShare > 0.5 && chain.mixture > QUIET_DB, "have signal", ...silentStems(chain));
  else if (!item || item.isStem) {
    step("Recording", chain.mixture > QUIET_DB, "has signal", ...silentInput(chain.mixturePorts, chain, "play something"));
    step("Separation", chain.stemsShare > 0.5 || chain.bypass, chain.bypass ? "bypassed: the recording plays as the residual" : "all stems play", chain.problem || (chain.model ? "no stems yet: the recording plays as the residual" : "no model: the recording plays as the residual"), !chain.model && { text: "List the models", line: "stemfield models list" });
  }
  if (item && chain.role === "separation") found.push(rest(item));
  else if (item) {
    const own = (what: string) => `/object/${item.name}/${what}`;
    const step1 = (what: string, ...more: [boolean, string, string, (Cure | false)?]) => step(`${item.name}: ${what}`, ...more);
    if (item.isStem) found.push(rest(item));
    else step1("input", item.input > QUIET_DB, "has signal", ...silentInput(item.ports, chain, "the source is silent"));
    step1("comparison", !chain.compare, "the scene plays", "the original plays, not the scene", { text: "Play the scene", send: [some("/scene/compare", false)] });
    step1("mute", !item.mute, "not muted", "is muted", { text: "Unmute", send: [some(own("mute"), false)] });
    step1("solo", item.solo || !item.othersSolo, "not muted by solo", "another object is soloed", { text: "Clear all solos", send: [some("/object/*/solo", false)] });
    step1("level", item.gainDb > QUIET_DB, "is up", item.gainDb <= SILENCE_DB ? "is at −∞" : "is very low", { text: "To 0 dB", send: [some(own("gain"), 0)] });
    step1("group", !item.groupMute && item.groupDb > QUIET_DB, "is up", `group ${item.group} is ${item.groupMute ? "muted" : "very low"}`, { text: "Unmute the group, at 0 dB", send: [some(`/group/${item.group}/mute`, false), some(`/group/${item.group}/gain`, 0)] });
    step1("mask", item.maskDb > QUIET_DB, "is up", "is at −∞", { text: "To 0 dB", send: [some(`/separation/${item.stem}/gain`, 0)] });
    step1("loudspeakers", item.isPlayed, "some play it", item.isChannel ? "it is a channel without outputs" : "none plays it at its position", { text: "Play it as a point at its initial position", send: [some(own("type"), "point"), some(own("aed"), ...item.home), some(own("exclude"), "")] });
  }
  if (chain.role !== "separation") {
    step("Master", !chain.masterMute && chain.masterDb > QUIET_DB, "is up", chain.masterMute ? "is muted" : "is very low", chain.masterMute ? { text: "Unmute", send: [some("/master/mute", false)] } : { text: "To 0 dB", send: [some("/master/gain", 0)] });
    const off = speakers.filter((speaker) => speaker.isOff).length;
    step("Loudspeakers", speakers.length === 0 || off < speakers.length, off ? `${off} of ${speakers.length} are muted` : "all are on", "all are muted", { text: "Unmute all", send: [some("/speaker/*/mute", false), some("/speaker/*/solo", false)] });
  }
  const sounding = speakers.filter((speaker) => speaker.level > QUIET_DB);
  step("Output", sounding.length > 0, `${sounding.length} of ${speakers.length} ${chain.role === "separation" ? "stem ports" : "loudspeakers"} have signal`, "no signal");
  found.push(connection(chain, sounding));
  return found;
}

/** Whether an instrument plays; it may be pausing. */
function rest({ name, input }: ObjectState): Step {
  const good = input > QUIET_DB;
  return { what: `${name}: input`, good, text: good ? "has signal" : "no signal now: the instrument pauses, or the threshold removes it", mild: true };
}

/** Problem and fix of silent stems from another machine: all of their ports have to be connected. */
function silentStems(chain: Chain): [string, Cure | false] {
  const { open } = chain.mixturePorts;
  const what = "the machine that separates (role: separation) is silent";
  if (chain.driver !== "jack" || !open.length) return [chain.driver === "jack" ? `connected, but silent: ${what}` : "come by JACK only: set driver: jack", false];
  const lines = open.map((port) => `${chain.connect} ${quoted(chain.sources.find((source) => source.endsWith(`:${port}`)) ?? `SEPARATION:${port}`)} ${quoted(`${chain.client}:${port}`)}`);
  return [`nothing is connected to ${listed(open)}`, { text: "Connect the separation, or set jack.connect_inputs", line: lines.join("; ") }];
}

/** Problem and fix of a silent input: its ports may be unconnected. */
function silentInput(ports: Ports, chain: Chain, otherwise: string): [string, Cure | false] {
  if (chain.driver !== "jack" || ports.open.length < ports.all.length) return [chain.driver === "jack" ? `connected, but silent: ${otherwise}` : `no signal: ${otherwise}`, false];
  const lines = ports.open.map((port, index) => `${chain.connect} ${quoted(chain.sources[index] ?? "PLAYER:out")} ${quoted(`${chain.client}:${port}`)}`);
  return [`nothing is connected to ${ports.open.join(" and ")}`, { text: "Connect a player", line: lines.join("; ") }];
}

/** The last step: from stemfield's ports to the sound card. */
function connection(chain: Chain, sounding: Loudspeaker[]): Step {
  const what = "Connection";
  if (chain.driver === "clock" && chain.listens) return { what, good: true, text: "this browser plays" };
  const stems = chain.role === "separation";
  if (chain.driver === "clock") return { what, good: false, text: stems ? "without JACK no stem leaves this machine: start JACK" : "without JACK no loudspeaker plays: start JACK, or listen on headphones below" };
  const open = chain.speakers.filter((speaker) => !speaker.isConnected);
  if (open.length === chain.speakers.length && open.length > 0) {
    if (chain.headphones) return { what, good: true, text: "headphones are connected, loudspeakers are not" };
    return { what, good: false, text: `no ${stems ? "stem" : "loudspeaker"} is connected`, cure: connect(chain, open) };
  }
  const lost = sounding.filter((speaker) => !speaker.isConnected);
  if (lost.length) return { what, good: false, text: `${named(lost)} ${lost.length > 1 ? "are" : "is"} not connected`, cure: connect(chain, lost) };
  return { what, good: true, text: open.length ? `all with signal are connected; ${named(open)} ${open.length > 1 ? "are" : "is"} not` : `every ${stems ? "stem" : "loudspeaker"} is connected` };
}

function connect(chain: Chain, open: Loudspeaker[]): Cure {
  const [first] = open;
  const line = `${chain.connect} ${quoted(`${chain.client}:${first!.label}`)} ${quoted(first!.sink ?? "system:playback_1")}`;
  return { text: open.length > 1 ? "Connect them one by one, or by jack.connect_outputs in the configuration" : "Connect it", line };
}

function named(speakers: Loudspeaker[]): string {
  return listed(speakers.map((speaker) => speaker.label));
}

function listed(labels: string[]): string {
  return labels.length > 4 ? `${labels.slice(0, 3).join(", ")} and ${labels.length - 3} more` : labels.join(", ");
}

function quoted(port: string): string {
  return /[^\w:+./-]/.test(port) ? `'${port.replaceAll("'", "'\\''")}'` : port;
}

/** The first broken step, or one that may be normal; undefined if all are good. */
export function reason(chain: Chain): Step | undefined {
  const found = steps(chain);
  // Without stems the recording plays unseparated: there is sound.
  const plays = found.some(({ what, good }) => what === "Output" && good);
  const broken = found.filter(({ what, good }) => !good && !(what === "Separation" && plays));
  return broken.find(({ mild }) => !mild) ?? broken[0];
}

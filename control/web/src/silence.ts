/** Why nothing is heard, link by link from the music to the loudspeakers, and what mends it. Pure. */

import type { Role, Value } from "./protocol";
import { SILENCE_DB } from "./words";

export interface Chain {
  /** What this machine does: one that only separates has stems where others have loudspeakers, a renderer has stems for a recording. */
  role: Role;
  /** Whether something calls the engine. */
  driver: "" | "clock" | "jack";
  /** The command that connects two ports. */
  connect: string;
  /** What the server calls us. */
  client: string;
  /** Our ports that the recording comes in by, and those among them that nothing is connected to. */
  mixturePorts: Ports;
  /** Ports of others: what may play to us, and what loudspeakers may hang on. */
  sources: string[];
  /** Peak of the mixture, dB. */
  mixture: number;
  model: string;
  stemsShare: number;
  problem: string;
  bypass: boolean;
  /** Whether the untouched recording plays. */
  compare: boolean;
  masterDb: number;
  masterMute: boolean;
  speakers: Loudspeaker[];
  /** Whether this browser plays what the room hears. */
  listens: boolean;
  /** Whether the binaural monitor's ports are connected. */
  headphones: boolean;
  object?: Voice;
}

export interface Ports {
  all: string[];
  open: string[];
}

export interface Loudspeaker {
  label: string;
  /** Whether mute or the solo of others silences it. */
  isOff: boolean;
  /** Peak, dB. */
  level: number;
  /** Whether its port is connected; true where there is no server. */
  isConnected: boolean;
  /** The port that it would hang on, where there is one. */
  sink?: string;
}

export interface Voice {
  name: string;
  isStem: boolean;
  /** Those of a direct input. */
  ports: Ports;
  /** Peak of what comes in, dB. */
  input: number;
  gainDb: number;
  mute: boolean;
  solo: boolean;
  othersSolo: boolean;
  group: number;
  groupMute: boolean;
  groupDb: number;
  /** Of a stem: the instrument's name, and the level of its mask. */
  stem: string;
  maskDb: number;
  isPlayed: boolean;
  /** Whether it goes straight to loudspeakers by their labels. */
  isChannel: boolean;
  home: [number, number, number];
}

/** What mends it: a button that sends OSC, or a line for a terminal. */
export interface Cure {
  text: string;
  send?: [string, ...Value[]][];
  line?: string;
}

export interface Step {
  what: string;
  good: boolean;
  text: string;
  /** Whether it may well be so: an instrument rests. */
  mild?: boolean;
  cure?: Cure;
}

const QUIET_DB = -60;

/** Every link of the chain, good or not. */
export function steps(chain: Chain): Step[] {
  const found: Step[] = [];
  const step = (what: string, good: boolean, right: string, wrong: string, cure?: Cure | false) => found.push({ what, good, text: good ? right : wrong, ...(!good && cure && { cure }) });
  const { object: item, speakers } = chain;
  const some = (address: string, ...values: Value[]): [string, ...Value[]] => [address, ...values];

  step("Sound system", chain.driver !== "", chain.driver === "jack" ? "JACK calls" : "the computer's clock calls", "waits for a JACK server", { text: "Start one, or set driver: clock", line: "systemctl --user start pipewire" });
  // A direct input goes neither way.
  if (chain.role === "renderer" && (!item || item.isStem)) step("Stems", chain.stemsShare > 0.5 && chain.mixture > QUIET_DB, "come in", ...silentStems(chain));
  else if (!item || item.isStem) {
    step("Recording", chain.mixture > QUIET_DB, "comes in", ...silentInput(chain.mixturePorts, chain, "play something"));
    step("Separation", chain.stemsShare > 0.5 || chain.bypass, chain.bypass ? "bypassed: the recording plays as the residual" : "instruments arrive", chain.problem || (chain.model ? "no instruments yet: the recording plays as the residual" : "there is no model: the recording plays as the residual"), !chain.model && { text: "See which models there are", line: "stemfield models list" });
  }
  if (item && chain.role === "separation") found.push(rest(item));
  else if (item) {
    const own = (what: string) => `/object/${item.name}/${what}`;
    const step1 = (what: string, ...more: [boolean, string, string, (Cure | false)?]) => step(`${item.name}: ${what}`, ...more);
    if (item.isStem) found.push(rest(item));
    else step1("input", item.input > QUIET_DB, "sounds", ...silentInput(item.ports, chain, "its sender is silent"));
    step1("comparison", !chain.compare, "the scene plays", "the untouched recording plays, not the scene", { text: "Play the scene", send: [some("/scene/compare", false)] });
    step1("mute", !item.mute, "not muted", "is muted", { text: "Unmute", send: [some(own("mute"), false)] });
    step1("solo", item.solo || !item.othersSolo, "not shut out", "another object has solo", { text: "End every solo", send: [some("/object/*/solo", false)] });
    step1("level", item.gainDb > QUIET_DB, "is up", item.gainDb <= SILENCE_DB ? "is at silence" : "is very low", { text: "To 0 dB", send: [some(own("gain"), 0)] });
    step1("group", !item.groupMute && item.groupDb > QUIET_DB, "lets it through", `group ${item.group} is ${item.groupMute ? "muted" : "very low"}`, { text: "Open the group", send: [some(`/group/${item.group}/mute`, false), some(`/group/${item.group}/gain`, 0)] });
    step1("mask", item.maskDb > QUIET_DB, "lets it through", "is at silence", { text: "To 0 dB", send: [some(`/separation/${item.stem}/gain`, 0)] });
    step1("loudspeakers", item.isPlayed, "some play it", item.isChannel ? "it is a channel, and has no outputs" : "none plays it at its place", { text: "Play it as a point where it stood at first", send: [some(own("type"), "point"), some(own("aed"), ...item.home), some(own("exclude"), "")] });
  }
  if (chain.role !== "separation") {
    step("Master", !chain.masterMute && chain.masterDb > QUIET_DB, "is up", chain.masterMute ? "is muted" : "is very low", chain.masterMute ? { text: "Unmute", send: [some("/master/mute", false)] } : { text: "To 0 dB", send: [some("/master/gain", 0)] });
    const off = speakers.filter((speaker) => speaker.isOff).length;
    step("Loudspeakers", speakers.length === 0 || off < speakers.length, off ? `${off} of ${speakers.length} are silenced` : "all are on", "all are silenced", { text: "Let all play", send: [some("/speaker/*/mute", false), some("/speaker/*/solo", false)] });
  }
  const sounding = speakers.filter((speaker) => speaker.level > QUIET_DB);
  step("Output", sounding.length > 0, `${sounding.length} of ${speakers.length} ${chain.role === "separation" ? "ports of stems" : "loudspeakers"} are fed`, "nothing leaves");
  found.push(connection(chain, sounding));
  return found;
}

/** Whether an instrument plays: it may well rest. */
function rest({ name, input }: Voice): Step {
  const good = input > QUIET_DB;
  return { what: `${name}: input`, good, text: good ? "sounds" : "this instrument does not play now, or the threshold rejects it", mild: true };
}

/** What is wrong with stems that another machine or program separates: all of their ports have to be connected. */
function silentStems(chain: Chain): [string, Cure | false] {
  const { open } = chain.mixturePorts;
  const what = "the machine that separates (role: separation) is silent";
  if (chain.driver !== "jack" || !open.length) return [chain.driver === "jack" ? `are connected, and silent: ${what}` : "come by JACK only: set driver: jack", false];
  const lines = open.map((port) => `${chain.connect} ${quoted(chain.sources.find((source) => source.endsWith(`:${port}`)) ?? `SEPARATION:${port}`)} ${quoted(`${chain.client}:${port}`)}`);
  return [`nothing is connected to ${listed(open)}`, { text: "Connect what separates, or set jack.connect_inputs", line: lines.join("; ") }];
}

/** What is wrong with a silent input, and what mends it: on a server its ports may hang on nothing. */
function silentInput(ports: Ports, chain: Chain, otherwise: string): [string, Cure | false] {
  if (chain.driver !== "jack" || ports.open.length < ports.all.length) return [chain.driver === "jack" ? `is connected, and silent: ${otherwise}` : `nothing comes in: ${otherwise}`, false];
  const lines = ports.open.map((port, index) => `${chain.connect} ${quoted(chain.sources[index] ?? "PLAYER:out")} ${quoted(`${chain.client}:${port}`)}`);
  return [`nothing is connected to ${ports.open.join(" and ")}`, { text: "Connect a player", line: lines.join("; ") }];
}

/** The last link: from our ports to the sound card's. */
function connection(chain: Chain, sounding: Loudspeaker[]): Step {
  const what = "Connection";
  if (chain.driver === "clock" && chain.listens) return { what, good: true, text: "this browser listens" };
  const stems = chain.role === "separation";
  if (chain.driver === "clock") return { what, good: false, text: stems ? "no stem leaves: the clock plays to nobody; start JACK" : "no loudspeaker is connected: the clock plays to nobody; start JACK, or listen by headphones below" };
  const open = chain.speakers.filter((speaker) => !speaker.isConnected);
  if (open.length === chain.speakers.length && open.length > 0) {
    if (chain.headphones) return { what, good: true, text: "the headphones are connected, no loudspeaker is" };
    return { what, good: false, text: `no ${stems ? "stem" : "loudspeaker"}'s port is connected`, cure: connect(chain, open) };
  }
  const lost = sounding.filter((speaker) => !speaker.isConnected);
  if (lost.length) return { what, good: false, text: `what ${named(lost)} should play goes nowhere`, cure: connect(chain, lost) };
  return { what, good: true, text: open.length ? `what sounds is connected; ${named(open)} ${open.length > 1 ? "are" : "is"} not` : `every ${stems ? "stem" : "loudspeaker"} is connected` };
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

/** The first link that is broken, or one where something may well rest, or nothing. */
export function reason(chain: Chain): Step | undefined {
  const found = steps(chain);
  // Without instruments the recording plays as it is: that is no silence.
  const plays = found.some(({ what, good }) => what === "Output" && good);
  const broken = found.filter(({ what, good }) => !good && !(what === "Separation" && plays));
  return broken.find(({ mild }) => !mild) ?? broken[0];
}
